"""What the gates of all frameworks share: what is asked, and what is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Literal, Optional, Tuple, Union

from ._answers import Decision
from ._calls import Amount
from ._errors import AllotError, NotFoundError, RateLimitedError, UnavailableError

Answer = Tuple[int, Dict[str, Any]]
"""A status and what becomes the JSON body."""

Mode = Literal["consume", "check"]
OnError = Literal["deny", "allow"]
Status = Union[int, Callable[[Decision], int], None]

_SHOWN = ("allowed", "reason", "feature_code", "limit", "used", "held", "remaining", "resets_on")


@dataclass(frozen=True)
class Rules:
    """How a gate decides. Whatever is not a plain yes is a no."""

    feature_code: str
    mode: Mode
    units: Amount
    on_error: OnError
    status: Status
    timeout: float

    def __post_init__(self) -> None:
        if self.mode not in ("consume", "check"):
            raise ValueError(f"mode {self.mode!r}: want 'consume' or 'check'")
        if self.on_error not in ("deny", "allow"):
            raise ValueError(f"on_error {self.on_error!r}: want 'deny' or 'allow'")

    def refusal(self, decision: Decision) -> Answer:
        """What a refused request is answered: 402 where more could be bought, else 403."""
        if callable(self.status):
            status = self.status(decision)
        elif self.status is not None:
            status = self.status
        else:
            status = 403 if decision.reason in ("not_entitled", "suspended") else 402
        shown = {name: decision.raw.get(name) for name in _SHOWN}
        return status, {"error": "not_allowed", "decision": shown}

    def nobody(self) -> Answer:
        """What a request is answered that is not a customer's."""
        return 403, {"error": "no_customer"}

    def fault(self, error: AllotError) -> Optional[Answer]:
        """What a request is answered where there is no decision, None to let it pass.

        ``on_error`` is for an Allot that does not answer. What is wrong with the
        program, such as its credentials, is raised again: it would never pass.
        """
        if isinstance(error, (UnavailableError, RateLimitedError)):
            return None if self.on_error == "allow" else (503, {"error": "unavailable"})
        if isinstance(error, NotFoundError) and error.code == "CUSTOMER_NOT_FOUND":
            return self.nobody()
        raise error
