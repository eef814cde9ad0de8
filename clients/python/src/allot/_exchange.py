"""What happens to every request, but for sending and waiting.

Nothing here does any input or output: the two clients do, and ask an
:class:`Exchange` what to do next. So both behave alike.
"""

from __future__ import annotations

import json
import os
import random
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Dict, Generator, List, Mapping, Optional, Tuple, TypeVar, Union
from urllib.parse import urlencode, urlsplit

from ._answers import Number
from ._errors import (
    AllotError,
    AuthenticationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    UnavailableError,
)

T = TypeVar("T")

FIRST_BACKOFF = 0.2
MAX_BACKOFF = 5.0
MAX_ASKED_WAIT = 30.0
EARLY_REFRESH = 60.0
DEFAULT_LIFE = 3600.0


@dataclass(frozen=True)
class Request:
    """One request of a call, before it is sent."""

    method: str
    path: str  # escaped
    query: Mapping[str, str] = field(default_factory=dict)
    body: Optional[Mapping[str, Any]] = None
    key: Optional[str] = None  # Idempotency-Key: the server does the work once
    asks: bool = False  # changes nothing, though it is a POST
    form: bool = False  # the body is a form, with secrets in it

    @property
    def what(self) -> str:
        return f"{self.method} {self.path}"

    def target(self, base: str) -> str:
        return base + self.path + ("?" + urlencode(self.query) if self.query else "")

    def content(self) -> Optional[bytes]:
        if self.body is None:
            return None
        return (urlencode(self.body) if self.form else json.dumps(self.body)).encode()

    def headers(self, token: Optional[str]) -> Dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "allot-python"}
        if self.body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded" if self.form else "application/json"
        if self.key is not None:
            headers["Idempotency-Key"] = self.key
        if token is not None:
            headers["Authorization"] = "Bearer " + token
        return headers

    def repeatable(self) -> bool:
        """Whether doing it twice does no more than once."""
        return self.method in ("GET", "PUT", "PATCH") or self.asks or self.key is not None


Call = Generator[Request, Any, T]
"""A call: it yields requests, is sent their answers, and returns its result."""


def work(path: str, body: Mapping[str, Any], idempotency_key: Optional[str] = None) -> Request:
    """A POST that changes something. Its key stays the same over all retries."""
    key = str(uuid.uuid4()) if idempotency_key is None else idempotency_key
    if not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable() or key.strip() != key:
        raise ValueError("an idempotency key is 1 to 255 characters of printable ASCII, without spaces around")
    return Request("POST", path, body=body, key=key)


@dataclass(frozen=True)
class Reply:
    """An answer, whatever its status."""

    status: int
    headers: Mapping[str, str]  # without regard to case
    body: bytes


@dataclass(frozen=True)
class Lost:
    """No answer. ``sent`` is False if the server cannot have seen the request."""

    why: str
    sent: bool = True


class Exchange:
    """One request until there is an answer to keep."""

    def __init__(self, request: Request, deadline: float, attempts: int) -> None:
        self.request = request
        self.deadline = deadline
        self.attempts = attempts
        self.attempt = 0
        self.refused: Optional[str] = None  # a kept token that the server would not have

    def remaining(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise UnavailableError("no answer in time", code="TIMEOUT", what=self.request.what)
        return left

    def next_wait(self, outcome: Union[Reply, Lost], token: Optional[str], kept: bool) -> Optional[float]:
        """Return how long to wait before the next attempt, None if there is to be none."""
        if isinstance(outcome, Reply) and kept and self.refused is None and _refuses_token(outcome):
            # Refused before anything was done, so any method may go again.
            self.refused = token
            return 0.0
        self.attempt += 1
        if self.attempt >= self.attempts or not self._may_pass(outcome):
            return None
        asked = _asked_wait(outcome)
        wait = (asked or 0.0) + random.uniform(0, min(FIRST_BACKOFF * 2 ** (self.attempt - 1), MAX_BACKOFF))
        if (asked or 0.0) > MAX_ASKED_WAIT or time.monotonic() + wait >= self.deadline:
            return None
        return wait

    def _may_pass(self, outcome: Union[Reply, Lost]) -> bool:
        if isinstance(outcome, Lost):
            return not outcome.sent or self.request.repeatable()
        if outcome.status == 429:
            return True
        if outcome.status == 500:
            # Whether the work was done may be unknown even to the server: sent
            # again under its key, that is settled.
            return self.request.key is not None
        return outcome.status in (502, 503, 504) and self.request.repeatable()

    def result(self, outcome: Union[Reply, Lost]) -> Any:
        """Return the answer's JSON, None if it has none. A refusal is raised."""
        if isinstance(outcome, Lost):
            raise UnavailableError(outcome.why, code="NO_ANSWER", what=self.request.what)
        if not 200 <= outcome.status <= 299:
            raise _refusal(self.request, outcome)
        if not outcome.body:
            return None
        answer = _json(outcome.body)
        if not isinstance(answer, dict):
            raise UnavailableError(
                "the answer is no JSON object", code="ANSWER_INVALID", status=outcome.status, what=self.request.what
            )
        return answer


def _json(body: bytes) -> Any:
    try:
        return json.loads(body, parse_float=Number)
    except ValueError:
        return None


def _first_error(reply: Reply) -> Tuple[str, str]:
    """The code and message of a refusal, empty where a proxy wrote it."""
    form = _json(reply.body)
    if not isinstance(form, dict):
        return "", ""
    if isinstance(form.get("error"), str):  # of the token endpoint
        return form["error"].upper(), str(form.get("error_description") or "")
    errors = form.get("errors")
    if isinstance(errors, list) and errors:
        errors = errors[0]
    if not isinstance(errors, dict):
        return "", ""
    return str(errors.get("code") or ""), str(errors.get("message") or "")


def _refuses_token(reply: Reply) -> bool:
    return reply.status == 401 or (reply.status == 403 and _first_error(reply)[0] == "INVALID_CREDENTIALS")


def _asked_wait(outcome: Union[Reply, Lost]) -> Optional[float]:
    """How long the server asks to wait, in seconds or until a date."""
    if isinstance(outcome, Lost):
        return None
    asked = outcome.headers.get("retry-after")
    if asked is None and outcome.status == 429:
        asked = outcome.headers.get("ratelimit-reset")
    if asked is None:
        return None
    if asked.strip().isdigit():
        return float(asked)
    try:
        date = parsedate_to_datetime(asked)
    except (TypeError, ValueError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=timezone.utc)
    return max(0.0, (date - datetime.now(timezone.utc)).total_seconds())


def _refusal(request: Request, reply: Reply) -> AllotError:
    code, message = _first_error(reply)
    status = reply.status
    kind = AllotError
    if status == 429:
        kind = RateLimitedError
    elif status >= 500:
        kind = UnavailableError
    elif status == 401 or code in ("INVALID_CREDENTIALS", "INVALID_CLIENT", "UNAUTHORIZED_CLIENT"):
        kind = AuthenticationError
    elif status == 403:
        kind = PermissionDeniedError
    elif status == 409 or code.endswith("_EXISTS"):
        kind = ConflictError
    elif code.endswith("_NOT_FOUND") and code != "ROUTE_NOT_FOUND":
        kind = NotFoundError
    elif status in (400, 413):
        kind = InvalidRequestError
    return kind(
        message or "the answer says no more",
        code=code,
        status=status,
        request_id=reply.headers.get("x-request-id"),
        retry_after=_asked_wait(reply),
        what=request.what,
    )


class Credentials:
    """A client's id and secret. They are in no message and no repr."""

    def __init__(self, client_id: str, client_secret: str, audience: Optional[str], scopes: List[str]) -> None:
        self._form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        if audience:
            self._form["audience"] = audience
        if scopes:
            self._form["scope"] = " ".join(scopes)

    def request(self) -> Request:
        return _TokenRequest("POST", "/oauth2/token", body=self._form, asks=True, form=True)


class _TokenRequest(Request):
    def __repr__(self) -> str:
        return f"<{self.what}>"


class Token:
    """A token, and until when it is used."""

    def __init__(self, answer: Any, began: float) -> None:
        value = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(value, str) or not value:
            raise UnavailableError("the answer holds no token", code="ANSWER_INVALID", what="POST /oauth2/token")
        life = answer.get("expires_in")
        life = float(life) if isinstance(life, (int, float)) and life > 0 else DEFAULT_LIFE
        self.value = value
        self.until = began + life - min(EARLY_REFRESH, life / 2)

    def good(self, refused: Optional[str]) -> bool:
        return self.value != refused and time.monotonic() < self.until


@dataclass(frozen=True)
class Settings:
    """Where Allot is and who asks."""

    base: str
    credentials: Credentials

    @classmethod
    def read(
        cls,
        url: Optional[str],
        client_id: Optional[str],
        client_secret: Optional[str],
        audience: Optional[str],
        scopes: List[str],
    ) -> Settings:
        """Take from the environment what is not given, and name all that is missing."""
        url = url or os.environ.get("ALLOT_URL")
        client_id = client_id or os.environ.get("ALLOT_CLIENT_ID")
        client_secret = client_secret or os.environ.get("ALLOT_CLIENT_SECRET")
        given = {"url": url, "client_id": client_id, "client_secret": client_secret}
        missing = [name for name, value in given.items() if not value]
        if missing or not (url and client_id and client_secret):
            variables = ["ALLOT_" + name.upper() for name in missing]
            raise ValueError(f"Allot needs {', '.join(missing)}: give it, or set {', '.join(variables)}")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError("the url of Allot is not http(s)://HOST, without a user in it")
        if parts.query or parts.fragment:
            raise ValueError("the url of Allot has a query or a fragment")
        return cls(url.rstrip("/"), Credentials(client_id, client_secret, audience, scopes))
