"""What can go wrong, by situation. Secrets and tokens are in no message."""

from __future__ import annotations

from typing import TYPE_CHECKING, List, Optional, Tuple, Type

if TYPE_CHECKING:
    from ._answers import Decision, UsageResult


class AllotError(Exception):
    """Anything that Allot refuses, or that keeps it from answering.

    ``code`` is stable, in capitals: match on it. ``message`` is for people.
    ``status`` is the HTTP status, None without an answer. ``request_id`` names
    the request in the server's log. ``retry_after`` is how many seconds the
    server asks to wait.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        status: Optional[int] = None,
        request_id: Optional[str] = None,
        retry_after: Optional[float] = None,
        what: str = "",
    ) -> None:
        self.message = message
        self.code = code
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after
        # Of a bulk of usage: what became of the records before those refused.
        self.recorded: List[UsageResult] = []
        head = " ".join(part for part in (what and what + ":", str(status or ""), code) if part)
        tail = f" (request {request_id})" if request_id else ""
        super().__init__(f"{head}: {message}{tail}" if head else message + tail)


class AuthenticationError(AllotError):
    """The client id, the secret or the token does not hold here."""


class PermissionDeniedError(AllotError):
    """The client lacks the scope that the call needs."""


class NotFoundError(AllotError):
    """A customer, feature, plan, agreement or hold that the call names is not there."""


class InvalidRequestError(AllotError):
    """The call cannot be accepted as it is."""


class ConflictError(AllotError):
    """What the call makes is there already, or what it ends is over."""


class RateLimitedError(AllotError):
    """Too many requests; ``retry_after`` may say how long to wait."""


class UnavailableError(AllotError):
    """No answer, or none that can be used: connection, timeout, or the server's fault."""


class RefusedError(AllotError):
    """The units of a hold are refused; ``decision`` says why."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(
            f"{decision.feature_code} is refused: {decision.reason}", code=decision.reason.upper(), status=200
        )
        self.decision = decision

    def __reduce__(self) -> Tuple[Type[RefusedError], Tuple[Decision]]:
        return type(self), (self.decision,)  # for pickle, which would give the message
