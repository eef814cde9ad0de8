"""What happened, in one order: read by pages, or followed for ever."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, AsyncIterator, Callable, Iterable, Iterator, Optional

from . import _calls as calls
from ._answers import Event, EventList
from ._errors import AllotError, RateLimitedError, UnavailableError
from ._refs import CustomerRef

if TYPE_CHECKING:
    from ._async import AsyncAllot
    from ._sync import Allot

FIRST_BACKOFF = 1.0
MAX_BACKOFF = 30.0
MAX_PAGE = 1000


class _Following:
    """Where one who follows is, and how often asking has failed."""

    def __init__(self, after: int, moved: Optional[Callable[[int], None]]) -> None:
        self.after = after
        self._moved = moved
        self._failed = 0

    def handed_over(self, page: EventList) -> None:
        self._failed = 0
        moved, self.after = page.next != self.after, page.next
        if moved and self._moved is not None:
            self._moved(self.after)

    def wait_after(self, error: AllotError) -> float:
        """Return how long to wait after an error that may pass. Raise it if it does not."""
        if not isinstance(error, (UnavailableError, RateLimitedError)):
            raise error
        self._failed += 1
        wait = random.uniform(0, min(FIRST_BACKOFF * 2 ** min(self._failed - 1, 10), MAX_BACKOFF))
        return max(wait, error.retry_after or 0.0)


class EventCalls:
    """What happened: every change, and what time and usage caused."""

    def __init__(self, client: Allot) -> None:
        self._client = client

    def list(
        self,
        *,
        after: int = 0,
        types: Optional[Iterable[str]] = None,
        customer: Optional[CustomerRef] = None,
        page_size: Optional[int] = None,
        wait: int = 0,
    ) -> EventList:
        """The next events after a cursor; it waits for one up to ``wait`` seconds."""
        call = calls.list_events(after, types, customer, page_size, wait)
        return self._client._run(call, self._client._timeout + wait)

    def follow(
        self,
        *,
        after: int = 0,
        types: Optional[Iterable[str]] = None,
        customer: Optional[CustomerRef] = None,
        wait: int = 30,
        moved: Optional[Callable[[int], None]] = None,
    ) -> Iterator[Event]:
        """Events from a cursor on, for ever: behind the last it waits for the next.

        The ``id`` of an event is its cursor: keep that of the last one you handled, and
        go on with it as ``after``. ``moved`` is called with each cursor behind which all
        events were handed over, also where none was of those asked for. It asks again
        after errors that may pass, such as a server that is started anew; others are
        raised. CURSOR_TOO_OLD says that some events are lost.
        """
        types = None if types is None else [*types]
        at = _Following(after, moved)
        while True:
            try:
                page = self.list(after=at.after, types=types, customer=customer, page_size=MAX_PAGE, wait=max(wait, 1))
            except AllotError as error:
                time.sleep(at.wait_after(error))
                continue
            yield from page.events
            at.handed_over(page)


class AsyncEventCalls:
    """What happened: every change, and what time and usage caused."""

    def __init__(self, client: AsyncAllot) -> None:
        self._client = client

    async def list(
        self,
        *,
        after: int = 0,
        types: Optional[Iterable[str]] = None,
        customer: Optional[CustomerRef] = None,
        page_size: Optional[int] = None,
        wait: int = 0,
    ) -> EventList:
        """The next events after a cursor; it waits for one up to ``wait`` seconds."""
        call = calls.list_events(after, types, customer, page_size, wait)
        return await self._client._run(call, self._client._timeout + wait)

    async def follow(
        self,
        *,
        after: int = 0,
        types: Optional[Iterable[str]] = None,
        customer: Optional[CustomerRef] = None,
        wait: int = 30,
        moved: Optional[Callable[[int], None]] = None,
    ) -> AsyncIterator[Event]:
        """Events from a cursor on, for ever; see :meth:`EventCalls.follow`."""
        types = None if types is None else [*types]
        at = _Following(after, moved)
        while True:
            try:
                page = await self.list(
                    after=at.after, types=types, customer=customer, page_size=MAX_PAGE, wait=max(wait, 1)
                )
            except AllotError as error:
                await asyncio.sleep(at.wait_after(error))
                continue
            for event in page.events:
                yield event
            at.handed_over(page)
