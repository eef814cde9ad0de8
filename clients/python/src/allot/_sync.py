"""The client that blocks."""

from __future__ import annotations

import logging
import threading
import time
from types import TracebackType
from typing import Any, Dict, Iterable, List, Literal, Optional, Sequence, Tuple, Type, TypeVar, Union

import httpx

from . import _calls as calls
from ._answers import (
    Agreement,
    ClosedHold,
    CreditLedger,
    Credits,
    Customer,
    Decision,
    EntitlementList,
    Grant,
    GrantList,
    GrantPurchase,
    Hold,
    HoldDetail,
    Override,
    Usage,
    UsageResult,
    UsageSeries,
    VoidedGrant,
)
from ._calls import UNSET, Amount, Time, Unset, UsageReport, cleared, given
from ._errors import AllotError, RefusedError, UnavailableError
from ._events import EventCalls
from ._exchange import Call, Exchange, Lost, Reply, Request, Settings, Token
from ._refs import CustomerRef

T = TypeVar("T")

log = logging.getLogger("allot")


class Allot:
    """Asks Allot. Safe to share between threads; make one for each process.

    ``url``, ``client_id`` and ``client_secret`` default to ``ALLOT_URL``,
    ``ALLOT_CLIENT_ID`` and ``ALLOT_CLIENT_SECRET``. ``timeout`` bounds each call
    in seconds: token, attempts and the waits between them. ``attempts`` is how
    often a request is sent at most. ``scopes`` asks for tokens with these only,
    ``audience`` for another than the server's own. ``http`` is an
    :class:`httpx.Client` of yours, to be closed by you.
    """

    def __init__(
        self,
        url: Optional[str] = None,
        client_id: Optional[str] = None,
        client_secret: Optional[str] = None,
        *,
        timeout: float = 10.0,
        attempts: int = 4,
        audience: Optional[str] = None,
        scopes: Sequence[str] = (),
        http: Optional[httpx.Client] = None,
    ) -> None:
        self._settings = Settings.read(url, client_id, client_secret, audience, list(scopes))
        self._timeout = timeout
        self._attempts = attempts
        self._owns = http is None
        self._http = httpx.Client() if http is None else http
        self._tokens = _Tokens(self)
        self.holds = Holds(self)
        self.usage = UsageCalls(self)
        self.customers = Customers(self)
        self.agreements = Agreements(self)
        self.overrides = Overrides(self)
        self.grants = Grants(self)
        self.credits = CreditCalls(self)
        self.events = EventCalls(self)

    def __repr__(self) -> str:
        return f"<Allot {self._settings.base}>"

    def close(self) -> None:
        """Close the connections."""
        if self._owns:
            self._http.close()

    def __enter__(self) -> Allot:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def check(
        self, customer: CustomerRef, feature_code: str, *, units: Amount = 1, timeout: Optional[float] = None
    ) -> Decision:
        """Ask whether the customer may use the units now. Nothing is counted."""
        return self._run(calls.check(customer, feature_code, units), timeout)

    def check_many(
        self,
        customer: CustomerRef,
        feature_codes: Iterable[str],
        *,
        units: Amount = 1,
        timeout: Optional[float] = None,
    ) -> List[Decision]:
        """Check several features at one instant; the decisions are in their order."""
        return self._run(calls.check_many(customer, feature_codes, units), timeout)

    def consume(
        self,
        customer: CustomerRef,
        feature_code: str,
        *,
        units: Amount = 1,
        idempotency_key: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Decision:
        """Check and count in one step: refused, nothing is counted."""
        return self._run(calls.consume(customer, feature_code, units, idempotency_key), timeout)

    def hold(
        self,
        customer: CustomerRef,
        feature_code: str,
        *,
        units: Amount = 1,
        expires_in: int = 300,
        timeout: Optional[float] = None,
    ) -> HoldScope:
        """Hold units for a ``with`` block.

        They are confirmed where it ends, released where it raises.
        ``confirm(units)`` inside counts fewer. Raises :class:`RefusedError`
        before the block if the units are refused.
        """
        return HoldScope(self, customer, feature_code, units, expires_in, timeout)

    def entitlements(
        self, customer: CustomerRef, *, at: Optional[Time] = None, timeout: Optional[float] = None
    ) -> EntitlementList:
        """Everything the customer is entitled to, now or at any time."""
        return self._run(calls.entitlements(customer, at), timeout)

    def _run(self, call: Call[T], timeout: Optional[float] = None) -> T:
        deadline = time.monotonic() + (self._timeout if timeout is None else timeout)
        try:
            request = next(call)
            while True:
                try:
                    answer = self._exchange(request, deadline)
                except AllotError as error:
                    request = call.throw(error)
                else:
                    request = call.send(answer)
        except StopIteration as stop:
            result: T = stop.value
            return result

    def _exchange(self, request: Request, deadline: float, with_token: bool = True) -> Any:
        exchange = Exchange(request, deadline, self._attempts)
        while True:
            token, kept = self._tokens.get(exchange) if with_token else (None, False)
            outcome = self._send(exchange, token)
            wait = exchange.next_wait(outcome, token, kept)
            if wait is None:
                return exchange.result(outcome)
            time.sleep(wait)

    def _send(self, exchange: Exchange, token: Optional[str]) -> Union[Reply, Lost]:
        request = exchange.request
        body = bytearray()
        try:
            with self._http.stream(
                request.method,
                request.target(self._settings.base),
                content=request.content(),
                headers=request.headers(token),
                timeout=exchange.remaining(),
                follow_redirects=False,
            ) as response:
                for chunk in response.iter_bytes():
                    body += chunk
                    exchange.remaining()
                return Reply(response.status_code, response.headers, bytes(body))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return Lost(f"no connection: {type(error).__name__}", sent=False)
        except (httpx.TransportError, httpx.DecodingError) as error:
            return Lost(f"no answer: {type(error).__name__}")


class _Tokens:
    """Keeps the last token. At most one fetch is under way, and all who wait share it."""

    def __init__(self, client: Allot) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._token: Optional[Token] = None
        self._fetch: Optional[_Fetch] = None

    def get(self, exchange: Exchange) -> Tuple[str, bool]:
        """Return a token other than the one refused, and whether it is one kept from before."""
        with self._lock:
            if self._token is not None and self._token.good(exchange.refused):
                return self._token.value, True
            fetch = self._fetch
            mine = fetch is None
            if fetch is None:
                fetch = self._fetch = _Fetch()
        if mine:
            self._run(fetch, exchange.deadline)
        elif not fetch.done.wait(exchange.remaining()):
            raise UnavailableError("no token in time", code="TIMEOUT", what=exchange.request.what)
        if fetch.token is None:
            raise fetch.error or UnavailableError("the fetch of a token was given up", code="NO_ANSWER")
        return fetch.token.value, False

    def _run(self, fetch: _Fetch, deadline: float) -> None:
        began = time.monotonic()
        try:
            answer = self._client._exchange(self._client._settings.credentials.request(), deadline, with_token=False)
            fetch.token = Token(answer, began)
        except AllotError as error:
            fetch.error = error
        finally:
            with self._lock:
                self._token, self._fetch = fetch.token, None
            fetch.done.set()


class _Fetch:
    def __init__(self) -> None:
        self.done = threading.Event()
        self.token: Optional[Token] = None
        self.error: Optional[AllotError] = None


class HoldScope:
    """Units held for a ``with`` block; see :meth:`Allot.hold`."""

    def __init__(
        self,
        client: Allot,
        customer: CustomerRef,
        feature_code: str,
        units: Amount,
        expires_in: int,
        timeout: Optional[float],
    ) -> None:
        self._client = client
        self._create = (customer, feature_code, units, expires_in, None)
        self._timeout = timeout
        self._closed: Optional[ClosedHold] = None
        self._hold: Optional[Hold] = None

    @property
    def hold(self) -> Hold:
        """The hold, once the block has begun."""
        if self._hold is None:
            raise RuntimeError("the hold is made where its with block begins")
        return self._hold

    @property
    def id(self) -> str:
        return self.hold.id

    def __enter__(self) -> HoldScope:
        hold = self._client._run(calls.create_hold(*self._create), self._timeout)
        if not hold.allowed:
            raise RefusedError(hold)
        self._hold = hold
        return self

    def confirm(self, units: Optional[Amount] = None) -> ClosedHold:
        """Count the units, all that are held by default, and give the rest back."""
        self._closed = self._client._run(calls.confirm(self.id, units, None, None), self._timeout)
        return self._closed

    def release(self) -> ClosedHold:
        """Give all units back."""
        self._closed = self._client._run(calls.release(self.id, None), self._timeout)
        return self._closed

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if self._closed is not None:
            return
        if kind is None:
            self.confirm()
            return
        try:
            self.release()
        except AllotError as fault:
            # What the block raised matters more, and the hold ends by itself.
            log.warning("hold %s is not released, it ends on %s: %s", self.id, self.hold.expires_on, fault)


class Holds:
    """Holds one by one, for where a ``with`` block does not fit."""

    def __init__(self, client: Allot) -> None:
        self._client = client

    def create(
        self,
        customer: CustomerRef,
        feature_code: str,
        *,
        units: Amount = 1,
        expires_in: int = 300,
        idempotency_key: Optional[str] = None,
    ) -> Hold:
        """Set units aside for so many seconds. A refusal is a hold that is not ``allowed``."""
        return self._client._run(calls.create_hold(customer, feature_code, units, expires_in, idempotency_key))

    def confirm(
        self,
        hold_id: str,
        units: Optional[Amount] = None,
        *,
        over: Optional[str] = None,
        idempotency_key: Optional[str] = None,
    ) -> ClosedHold:
        """Count the units, all that are held by default, and give the rest back."""
        return self._client._run(calls.confirm(hold_id, units, over, idempotency_key))

    def extend(self, hold_id: str, *, expires_in: int = 300, idempotency_key: Optional[str] = None) -> HoldDetail:
        """Keep the hold open for so many seconds from now."""
        return self._client._run(calls.extend(hold_id, expires_in, idempotency_key))

    def get(self, hold_id: str) -> HoldDetail:
        """The hold as it stands."""
        return self._client._run(calls.get_hold(hold_id))

    def release(self, hold_id: str, *, idempotency_key: Optional[str] = None) -> ClosedHold:
        """Give all units back."""
        return self._client._run(calls.release(hold_id, idempotency_key))


class UsageCalls:
    """What was used: report it, read it back."""

    def __init__(self, client: Allot) -> None:
        self._client = client

    def record(self, records: Iterable[UsageReport], *, timeout: Optional[float] = None) -> List[UsageResult]:
        """Count what has happened, also above a limit, in bulks of 1,000.

        The results are in the order of the records; look for those that
        ``failed``. An error has the results of the bulks before it in ``recorded``.
        """
        return self._client._run(calls.record_usage(records), timeout)

    def read(
        self,
        customer: CustomerRef,
        *,
        feature_code: Optional[str] = None,
        start: Optional[Time] = None,
        end: Optional[Time] = None,
        page_size: Optional[int] = None,
        starting_after: Optional[str] = None,
    ) -> Usage:
        """What was used in each window from start to end, and one page of the records."""
        return self._client._run(
            calls.read_usage(customer, feature_code, start, end, page_size, starting_after)
        )

    def series(
        self,
        customer: CustomerRef,
        feature_code: str,
        *,
        bucket: Optional[str] = None,
        start: Optional[Time] = None,
        end: Optional[Time] = None,
    ) -> UsageSeries:
        """What counted of a feature by ``hour``, ``day`` (default), ``week`` or ``month``.

        They are those of the customer's time zone; by default 30 until now.
        """
        return self._client._run(calls.usage_series(customer, feature_code, calls.span(bucket, start, end)))


class Customers:
    """Who holds agreements."""

    def __init__(self, client: Allot) -> None:
        self._client = client

    def create(
        self,
        type: str = "organization",
        *,
        org_code: Optional[str] = None,
        user_id: Optional[str] = None,
        external_id: Optional[str] = None,
        name: Optional[str] = None,
        email: Optional[str] = None,
        plan_code: Union[str, None, Unset] = UNSET,
        anchor_on: Optional[Time] = None,
        time_zone: Optional[str] = None,
        metadata: Optional[Dict[str, str]] = None,
        idempotency_key: Optional[str] = None,
    ) -> Customer:
        """Make a customer: on the default plan, the one named, or with None on none."""
        body = given(
            type=type, org_code=org_code, user_id=user_id, external_id=external_id, name=name, email=email,
            anchor_on=anchor_on, time_zone=time_zone, metadata=metadata,
        )  # fmt: skip
        body.update(cleared(plan_code=plan_code))
        return self._client._run(calls.create_customer(body, idempotency_key))

    def ensure(
        self,
        *,
        org_code: Optional[str] = None,
        user_id: Optional[str] = None,
        name: Optional[str] = None,
        email: Optional[str] = None,
        plan_code: Union[str, None, Unset] = UNSET,
        metadata: Optional[Dict[str, str]] = None,
    ) -> Customer:
        """Make the customer with these codes, or get the one that is there, as it is.

        Safe to repeat and to race: a user if ``user_id`` is given, else an organization.
        """
        kind = "organization" if user_id is None else "user"
        body = given(type=kind, org_code=org_code, user_id=user_id, name=name, email=email, metadata=metadata)
        body.update(cleared(plan_code=plan_code))
        return self._client._run(calls.ensure_customer(body))

    def get(self, customer: CustomerRef) -> Customer:
        """The customer, with its agreements and overrides."""
        return self._client._run(calls.get_customer(customer))

    def update(
        self,
        customer: CustomerRef,
        *,
        name: Union[str, None, Unset] = UNSET,
        email: Union[str, None, Unset] = UNSET,
        org_code: Union[str, Unset] = UNSET,
        user_id: Union[str, Unset] = UNSET,
        external_id: Union[str, None, Unset] = UNSET,
        status: Union[str, Unset] = UNSET,
        anchor_on: Union[Time, Unset] = UNSET,
        time_zone: Union[str, Unset] = UNSET,
        metadata: Union[Dict[str, str], None, Unset] = UNSET,
    ) -> Customer:
        """Change what is given; None clears. ``status`` is active or suspended."""
        body = cleared(
            name=name, email=email, org_code=org_code, user_id=user_id, external_id=external_id,
            status=status, anchor_on=anchor_on, time_zone=time_zone, metadata=metadata,
        )  # fmt: skip
        return self._client._run(calls.update_customer(customer, body))

    def delete(self, customer: CustomerRef, *, purge: bool = False) -> None:
        """End its agreements and free its codes; with ``purge`` erase personal data."""
        self._client._run(calls.delete_customer(customer, purge))


class Agreements:
    """Who is on which plan."""

    def __init__(self, client: Allot) -> None:
        self._client = client

    def subscribe(
        self,
        customer: CustomerRef,
        plan_code: str,
        *,
        version: Optional[int] = None,
        quantity: Optional[int] = None,
        annual: Optional[bool] = None,
        when: Optional[Literal["now", "period_end"]] = None,
        starts_on: Optional[Time] = None,
        expires_on: Optional[Time] = None,
        trial: Union[Literal[False], Dict[str, Any], None] = None,
        anchor: Optional[Time] = None,
        scheduled: Optional[Literal["keep", "drop"]] = None,
        external_id: Optional[str] = None,
        metadata: Optional[Dict[str, str]] = None,
        idempotency_key: Optional[str] = None,
    ) -> Agreement:
        """Put the customer on a plan, in place of the one it has, or on an add-on.

        ``when`` is now or period_end. ``trial`` is False or ``{"days": n}``; ``anchor``
        is keep, start or a time.
        """
        body = given(
            plan_code=plan_code, version=version, quantity=quantity, annual=annual, when=when,
            starts_on=starts_on, expires_on=expires_on, trial=trial, anchor=anchor,
            scheduled=scheduled, external_id=external_id, metadata=metadata,
        )  # fmt: skip
        return self._client._run(calls.subscribe(customer, body, idempotency_key))

    def cancel(self, agreement_id: str, *, when: Optional[Literal["now", "period_end"]] = None) -> Agreement:
        """End the agreement, ``now`` or at its ``period_end``."""
        return self._client._run(calls.cancel(agreement_id, when))


class Overrides:
    """A customer's own terms for a feature."""

    def __init__(self, client: Allot) -> None:
        self._client = client

    def set(
        self,
        customer: CustomerRef,
        feature_code: str,
        *,
        max: Union[int, None, Unset] = UNSET,
        add: Optional[int] = None,
        at_least: Optional[int] = None,
        deny: Optional[bool] = None,
        value: Any = UNSET,
        expires_on: Optional[Time] = None,
        note: Optional[str] = None,
    ) -> Override:
        """Set the terms, in place of those there were. ``max=None`` is without a limit."""
        body = given(add=add, at_least=at_least, deny=deny, expires_on=expires_on, note=note)
        body.update(cleared(max=max, value=value))
        return self._client._run(calls.set_override(customer, feature_code, body))

    def end(self, customer: CustomerRef, feature_code: str) -> None:
        """End the terms: the plan's hold again."""
        self._client._run(calls.end_override(customer, feature_code))


class Grants:
    """Credits: what customers have of a feature beside their allowances."""

    def __init__(self, client: Allot) -> None:
        self._client = client

    def create(
        self,
        customer: CustomerRef,
        feature_code: str,
        amount: Amount,
        *,
        kind: Optional[Literal["paid", "promotional"]] = None,
        effective_on: Optional[Time] = None,
        expires_on: Optional[Time] = None,
        priority: Optional[int] = None,
        only: Optional[Iterable[str]] = None,
        cost_basis: Optional[Amount] = None,
        note: Optional[str] = None,
        external_id: Optional[str] = None,
        idempotency_key: Optional[str] = None,
    ) -> Grant:
        """Give the customer an amount of a feature.

        With an ``external_id``, such as the id of a payment, the same again gives
        the first grant. ``cost_basis`` is what a unit was paid with, in minor units;
        ``only`` are the features that may use it up.
        """
        terms = given(
            kind=kind, effective_on=effective_on, expires_on=expires_on, priority=priority, note=note,
            external_id=external_id,
        )  # fmt: skip
        return self._client._run(
            calls.create_grant(customer, feature_code, amount, only, cost_basis, terms, idempotency_key)
        )

    def buy(
        self,
        customer: CustomerRef,
        pack: str,
        *,
        quantity: Optional[int] = None,
        external_id: Optional[str] = None,
        idempotency_key: Optional[str] = None,
    ) -> GrantPurchase:
        """Give the customer what a pack has, so many times; ``external_id`` as of ``create``."""
        return self._client._run(calls.buy(customer, pack, quantity, external_id, idempotency_key))

    def get(self, grant_id: str) -> Grant:
        """The grant as it stands."""
        return self._client._run(calls.get_grant(grant_id))

    def list(
        self,
        customer: CustomerRef,
        *,
        feature_code: Optional[str] = None,
        page_size: Optional[int] = None,
        starting_after: Optional[str] = None,
        ending_before: Optional[str] = None,
    ) -> GrantList:
        """One page of the grants of the customer, also of those that are over."""
        query = given(
            feature_code=feature_code, page_size=page_size, starting_after=starting_after, ending_before=ending_before
        )
        return self._client._run(calls.list_grants(customer, query))

    def void(
        self,
        grant_id: str,
        *,
        claw_back: bool = False,
        external_id: Optional[str] = None,
        idempotency_key: Optional[str] = None,
    ) -> VoidedGrant:
        """Take away what remains of the grant; with ``claw_back`` what was drawn is a debt.

        The same again gives the first outcome.
        """
        return self._client._run(calls.void(grant_id, claw_back, external_id, idempotency_key))


class CreditCalls:
    """What customers can pay use of a feature with, and what was paid from what."""

    def __init__(self, client: Allot) -> None:
        self._client = client

    def get(
        self, customer: CustomerRef, feature_code: str, *, at: Optional[Time] = None, known_now: bool = False
    ) -> Credits:
        """What the customer can use, source by source, now or at any time.

        Of a time in the past it is what was known then, with ``known_now`` what is
        known of it now.
        """
        return self._client._run(calls.get_credits(customer, feature_code, at, known_now))

    def ledger(
        self,
        customer: CustomerRef,
        feature_code: str,
        *,
        at: Optional[Time] = None,
        known_now: bool = False,
        page_size: Optional[int] = None,
        starting_after: Optional[str] = None,
        ending_before: Optional[str] = None,
    ) -> CreditLedger:
        """One page of what used the feature, gave back or paid debts.

        With ``at`` it is what was recorded by then, with ``known_now`` what counts by then.
        """
        page = given(page_size=page_size, starting_after=starting_after, ending_before=ending_before)
        return self._client._run(calls.read_ledger(customer, feature_code, at, known_now, page))

    def series(
        self,
        customer: CustomerRef,
        feature_code: str,
        *,
        by_feature: bool = False,
        bucket: Optional[str] = None,
        start: Optional[Time] = None,
        end: Optional[Time] = None,
    ) -> UsageSeries:
        """What use has drawn of a feature, as :meth:`allot.usage.series` has it.

        With ``by_feature`` each bucket has the shares of the features in ``by``.
        """
        return self._client._run(
            calls.credit_series(customer, feature_code, by_feature, calls.span(bucket, start, end))
        )
