"""What Allot answers. Amounts are exact decimals, times have a zone.

Each answer keeps what the server sent in ``raw``: a newer server may say more
than is named here.
"""

from __future__ import annotations

import re
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import (
    Annotated,
    Any,
    Dict,
    List,
    Mapping,
    Optional,
    Type,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from ._errors import UnavailableError

T = TypeVar("T")


class Number(float):
    """A number of an answer, which keeps its text: a float rounds it."""

    def __init__(self, text: str) -> None:
        self.text = text


Price = Annotated[Decimal, Number]
"""A decimal that is sent as a number."""


def _raw() -> Any:
    return field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class NextChange:
    """When an allowance changes by itself, and why."""

    on: datetime
    why: str
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class Source:
    """One thing that has a say in an allowance."""

    kind: str
    id: str
    plan_code: Optional[str] = None
    max: Optional[int] = None
    counts: bool = True
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class Cap:
    """A further limit in a window of its own."""

    max: int
    reset: Any = None
    used: Decimal = Decimal(0)
    remaining: Decimal = Decimal(0)
    resets_on: Optional[datetime] = None
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class Rate:
    """How fast a feature may be used: ``per`` is second or minute. It is told, never counted."""

    max: int
    per: str
    burst: Optional[int] = None
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class CreditWindow:
    """The window whose allowance something is; both ends are None if it never resets."""

    starts_on: Optional[datetime] = None
    ends_on: Optional[datetime] = None
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class CreditDraw:
    """What was taken from one source: an allowance, what rolled over, or a grant."""

    kind: str
    units: Decimal
    id: Optional[str] = None
    window: Optional[CreditWindow] = None
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class PoolUse:
    """What a feature burns of another; ``remaining`` is None without a limit."""

    feature_code: str
    units: Decimal
    remaining: Optional[Decimal] = None
    draws: List[CreditDraw] = field(default_factory=list)
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class Decision:
    """Whether the units may be used. It is true where they may: ``if decision:``.

    ``limit`` and ``remaining`` are None without a limit. After a consume, ``used``
    and ``remaining`` count what it recorded.
    """

    allowed: bool
    reason: str
    feature_code: str
    type: str = ""
    limit: Optional[int] = None
    used: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    remaining: Optional[Decimal] = None
    soft: bool = False
    resets_on: Optional[datetime] = None
    next_change: Optional[NextChange] = None
    sources: List[Source] = field(default_factory=list)
    value: Any = None
    caps: List[Cap] = field(default_factory=list)
    included: Optional[int] = None
    rate: Optional[Rate] = None
    pool: Optional[PoolUse] = None
    draws: List[CreditDraw] = field(default_factory=list)
    overage: Decimal = Decimal(0)
    revision: str = ""
    raw: Mapping[str, Any] = _raw()

    def __bool__(self) -> bool:
        return self.allowed


@dataclass(frozen=True)
class Hold(Decision):
    """Units set aside, or, with ``allowed`` False and no ``id``, why they are not."""

    id: str = ""
    expires_on: Optional[datetime] = None


@dataclass(frozen=True)
class ClosedHold(Decision):
    """What became of a hold: ``state`` is confirmed or released, ``units`` were used."""

    id: str = ""
    state: str = ""
    units: Decimal = Decimal(0)
    uncovered: Decimal = Decimal(0)

    def __bool__(self) -> bool:
        return True  # it is closed, whatever is left now


@dataclass(frozen=True)
class HoldDetail:
    """A hold as it stands: ``state`` is open, confirmed, released or expired."""

    id: str
    customer_id: str
    feature_code: str
    state: str
    units: Decimal
    expires_on: datetime
    counted: Optional[Decimal] = None
    created_on: Optional[datetime] = None
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class Entitlement:
    """What a customer may use of a feature at an instant, and has used by then."""

    feature_code: str
    feature_name: str = ""
    type: str = ""
    limit: Optional[int] = None
    used: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    remaining: Optional[Decimal] = None
    soft: bool = False
    resets_on: Optional[datetime] = None
    next_change: Optional[NextChange] = None
    sources: List[Source] = field(default_factory=list)
    value: Any = None
    caps: List[Cap] = field(default_factory=list)
    included: Optional[int] = None
    rate: Optional[Rate] = None
    pool: Optional[PoolUse] = None
    overage: Decimal = Decimal(0)
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class EntitlementList:
    """Everything a customer is entitled to at an instant, by feature code."""

    customer_id: str
    at: datetime
    entitlements: List[Entitlement]
    revision: str = ""
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class Agreement:
    """A customer's agreement to a version of a plan or an add-on."""

    id: str
    customer_id: str
    plan_code: str
    status: str
    starts_on: datetime
    version: int = 0
    kind: str = ""
    quantity: int = 1
    annual: bool = False
    expires_on: Optional[datetime] = None
    trial_ends_on: Optional[datetime] = None
    current_period_start: Optional[datetime] = None
    current_period_end: Optional[datetime] = None
    created_on: Optional[datetime] = None
    anchor_on: Optional[datetime] = None
    origin: Optional[str] = None
    external_id: Optional[str] = None
    metadata: Dict[str, str] = field(default_factory=dict)
    withdrawn: List[str] = field(default_factory=list)
    warnings: List[Dict[str, Any]] = field(default_factory=list)
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class Override:
    """A customer's own terms for a feature. ``raw`` has ``max`` only where it is set."""

    id: str
    feature_code: str
    max: Optional[int] = None
    add: int = 0
    at_least: Optional[int] = None
    deny: bool = False
    value: Any = None
    note: str = ""
    starts_on: Optional[datetime] = None
    expires_on: Optional[datetime] = None
    warnings: List[Dict[str, Any]] = field(default_factory=list)
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class Customer:
    """Somebody who holds agreements: an organization, or a user."""

    id: str
    type: str
    status: str = ""
    org_code: Optional[str] = None
    user_id: Optional[str] = None
    external_id: Optional[str] = None
    name: Optional[str] = None
    email: Optional[str] = None
    anchor_on: Optional[datetime] = None
    time_zone: str = "UTC"
    created_on: Optional[datetime] = None
    deleted_on: Optional[datetime] = None
    metadata: Dict[str, str] = field(default_factory=dict)
    agreements: List[Agreement] = field(default_factory=list)
    overrides: List[Override] = field(default_factory=list)
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class UsageResult:
    """What became of one record: ``recorded``, ``duplicate`` or ``failed``."""

    status: str
    id: str = ""
    superseded: bool = False
    uncovered: Decimal = Decimal(0)
    error: Optional[Dict[str, Any]] = None
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class UsageWindow:
    """What was used of a feature in one window; both ends are None if it never resets."""

    feature_code: str
    used: Decimal
    starts_on: Optional[datetime] = None
    ends_on: Optional[datetime] = None
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class UsageShare:
    """What one feature used of a bucket; of folded days there is none to tell."""

    units: Decimal
    feature_code: Optional[str] = None
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class UsageBucket:
    """What counted from one instant to another."""

    starts_on: datetime
    ends_on: datetime
    units: Decimal
    by: List[UsageShare] = field(default_factory=list)
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class UsageSeries:
    """What counted of a feature, bucket by bucket, without a gap."""

    customer_id: str
    feature_code: str
    bucket: str
    time_zone: str
    series: List[UsageBucket]
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class UsageRecord:
    """One entry of the log of usage."""

    id: str
    feature_code: str
    type: str
    value: Decimal
    change: Decimal
    timestamp: datetime
    counted_on: Optional[datetime] = None
    recorded_on: Optional[datetime] = None
    corrects: Optional[str] = None
    of: Optional[str] = None
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class Usage:
    """All windows, and one page of the records that count in them."""

    customer_id: str
    windows: List[UsageWindow] = field(default_factory=list)
    records: List[UsageRecord] = field(default_factory=list)
    has_more: bool = False
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class Grant:
    """An amount of a feature that a customer has beside its allowances, as it stands.

    ``status`` is scheduled, live, expired or voided. ``remaining`` can be used;
    ``refundable`` is what was neither drawn nor held. ``cost_basis`` is what a unit
    was paid with, in minor units.
    """

    id: str
    customer_id: str
    feature_code: str
    amount: Decimal
    kind: str
    status: str
    remaining: Decimal
    effective_on: datetime
    priority: int = 50
    expires_on: Optional[datetime] = None
    only: List[str] = field(default_factory=list)
    cost_basis: Optional[Price] = None
    note: str = ""
    pack: Optional[str] = None
    external_id: Optional[str] = None
    created_on: Optional[datetime] = None
    ended_on: Optional[datetime] = None
    clawed_back_on: Optional[datetime] = None
    drawn: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    debt: Decimal = Decimal(0)
    refundable: Decimal = Decimal(0)
    warnings: List[Dict[str, Any]] = field(default_factory=list)
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class GrantPurchase:
    """The grants of a pack, in the order of its lines."""

    grants: List[Grant]
    warnings: List[Dict[str, Any]] = field(default_factory=list)
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class GrantList:
    """One page of the grants of a customer."""

    grants: List[Grant]
    has_more: bool = False
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class Refund:
    """What of a grant was neither drawn nor held; ``amount`` is None without a cost basis."""

    units: Decimal
    amount: Optional[int] = None  # minor units, rounded half up
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class VoidedGrant:
    """A grant that was taken back, and what of it is to be refunded."""

    grant: Grant
    refundable: Refund
    debt: Decimal
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class CreditSource:
    """Something that use is paid from; ``amount`` and ``remaining`` are None without a limit.

    ``kind`` is allowance, rollover, promotional or paid, ``id`` that of a grant.
    """

    kind: str
    amount: Optional[Decimal]
    remaining: Optional[Decimal]
    id: Optional[str] = None
    window: Optional[CreditWindow] = None
    only: List[str] = field(default_factory=list)
    held: Decimal = Decimal(0)
    expires_on: Optional[datetime] = None
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class Credits:
    """What a customer can pay use of a feature with, in the order in which it burns.

    ``available`` is below 0 where more is owed than there is, None where
    ``unlimited``.
    """

    customer_id: str
    feature_code: str
    at: datetime
    available: Optional[Decimal]
    unlimited: bool
    debt: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    overage: Decimal = Decimal(0)
    sources: List[CreditSource] = field(default_factory=list)
    next_change: Optional[NextChange] = None
    revision: str = ""
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class CreditEntry:
    """A usage record with what it was paid from; the draws are together its change.

    ``of`` and ``burned_by`` are of what another feature burned, ``pays_for`` is the
    grant whose debt is paid.
    """

    id: str
    type: str
    change: Decimal
    counted_on: datetime
    recorded_on: datetime
    corrects: Optional[str] = None
    of: Optional[str] = None
    burned_by: Optional[str] = None
    pays_for: Optional[str] = None
    draws: List[CreditDraw] = field(default_factory=list)
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class CreditLedger:
    """One page of what used a feature, gave back or paid debts."""

    customer_id: str
    feature_code: str
    entries: List[CreditEntry]
    has_more: bool = False
    raw: Mapping[str, Any] = _raw()


@lru_cache(maxsize=None)
def _hints(cls: type) -> Dict[str, Any]:
    return get_type_hints(cls, include_extras=True)


@dataclass(frozen=True)
class Actor:
    """Who caused an event: client, cli, server or time; only clients have an id."""

    kind: str
    id: str
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class Event:
    """Something that happened. Its id is the cursor to go on after it."""

    id: int
    type: str
    on: datetime
    actor: Actor
    data: Dict[str, Any]
    customer_id: Optional[str] = None
    raw: Mapping[str, Any] = _raw()


@dataclass(frozen=True)
class EventList:
    """Some events, and the cursor to go on after."""

    events: List[Event]
    has_more: bool
    next: int
    raw: Mapping[str, Any] = _raw()


def decode(cls: Type[T], sent: Any) -> T:
    """Read an answer. One that lacks what it must have, or has it otherwise, is no answer."""
    try:
        value: T = _read(cls, sent)
        return value
    except (TypeError, ValueError, InvalidOperation, KeyError) as fault:
        raise UnavailableError(f"the answer is no {cls.__name__}: {fault}", code="ANSWER_INVALID") from None


def _read(kind: Any, sent: Any) -> Any:
    if kind is Any:
        return sent
    origin = get_origin(kind)
    if origin is Union:  # Optional
        return None if sent is None else _read(get_args(kind)[0], sent)
    if origin is list:
        return [_read(get_args(kind)[0], each) for each in _of(list, sent)]
    if origin is dict:
        return _of(dict, sent)
    if kind == Price:
        return Decimal(sent.text if isinstance(sent, Number) else _of(int, sent))
    if kind is Decimal:
        return Decimal(_of(str, sent))
    if kind is datetime:
        return _time(_of(str, sent))
    if kind in (str, bool, int):
        return _of(kind, sent)
    return _record(kind, _of(dict, sent))


def _record(cls: Any, sent: Dict[str, Any]) -> Any:
    values: Dict[str, Any] = {"raw": sent}
    for f in fields(cls):
        if f.name == "raw":
            continue
        required = f.default is MISSING and f.default_factory is MISSING
        if required and f.name not in sent:
            raise KeyError(f.name)
        if f.name in sent and (required or sent[f.name] is not None):
            values[f.name] = _read(_hints(cls)[f.name], sent[f.name])
    return cls(**values)


def _of(kind: type, sent: Any) -> Any:
    if type(sent) is not kind:
        raise TypeError(f"{type(sent).__name__} in place of {kind.__name__}")
    return sent


_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")


def _time(text: str) -> datetime:
    """Read RFC 3339. Before Python 3.11 fromisoformat knows neither Z nor all fractions."""
    parts = _TIME.fullmatch(text)
    if not parts:
        raise ValueError(f"time {text!r}")
    second, fraction, zone = parts.groups()
    return datetime.fromisoformat(f"{second}.{(fraction or '')[:6]:0<6}{'+00:00' if zone == 'Z' else zone}")
