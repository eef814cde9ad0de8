"""Every call, once for both clients: which requests it makes, what it answers."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Dict, Iterable, List, Mapping, Optional, TypedDict, Union
from urllib.parse import quote, unquote

from . import _refs as refs
from ._answers import (
    Agreement,
    ClosedHold,
    CreditLedger,
    Credits,
    Customer,
    Decision,
    EntitlementList,
    EventList,
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
    decode,
)
from ._errors import AllotError, ConflictError
from ._exchange import Call, Request, work
from ._refs import CustomerRef

Amount = Union[str, int, Decimal]
"""Units. Never a float: 0.1 is none of its values."""

Time = Union[str, datetime]
"""An instant: a datetime with a zone, or text in ISO 8601."""

MAX_RECORDS = 1000


class UsageReport(TypedDict, total=False):
    """One record to be made. It names its customer as a body does, or by an agreement."""

    id: str  # counts once per customer
    customer_id: str
    org_code: str
    user_id: str
    external_id: str
    agreement_id: str
    feature_code: str
    value: Amount
    type: str  # delta (default) or absolute
    timestamp: Time  # default: now
    corrects: str  # of a value below 0: the id of the record that it takes back of


class Unset:
    """What was not given, where None means something."""


UNSET = Unset()


def amount(value: Amount, name: str = "units") -> str:
    """The exact text of an amount."""
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise TypeError(f"{name} is a {type(value).__name__}: want str, int or Decimal, which are exact")
    text = value if isinstance(value, str) else format(Decimal(value), "f")
    if not re.fullmatch(r"-?\d+(\.\d+)?", text, re.ASCII):
        raise ValueError(f"{name} {text!r}: want a decimal such as 2 or 0.25")
    return text


def instant(value: Time) -> str:
    if isinstance(value, str):
        return value
    if value.tzinfo is None:
        raise ValueError(f"time {value.isoformat()} has no zone: give it one, such as timezone.utc")
    return value.isoformat()


def segment(value: str, name: str) -> str:
    if value in ("", ".", ".."):
        raise ValueError(f"{name} {value!r} names nothing")
    return quote(value, safe="")


def given(**fields: Any) -> Dict[str, Any]:
    """The fields that were given, times as text."""
    return {
        name: instant(value) if isinstance(value, datetime) else value
        for name, value in fields.items()
        if value is not UNSET and value is not None
    }


def cleared(**fields: Any) -> Dict[str, Any]:
    """As given, but None stays: it clears."""
    return {
        name: instant(value) if isinstance(value, datetime) else value
        for name, value in fields.items()
        if value is not UNSET
    }


def check(customer: CustomerRef, feature_code: str, units: Amount) -> Call[Decision]:
    body = {**refs.keys(customer), "feature_code": feature_code, "units": amount(units)}
    return decode(Decision, (yield Request("POST", "/v1/check", body=body, asks=True)))


def check_many(customer: CustomerRef, feature_codes: Iterable[str], units: Amount) -> Call[List[Decision]]:
    if isinstance(feature_codes, str):
        raise TypeError("feature_codes is one text: want a list of them")
    body = {**refs.keys(customer), "feature_codes": list(feature_codes), "units": amount(units)}
    answer = yield Request("POST", "/v1/check", body=body, asks=True)
    return decode(_Results, answer).decisions()


def consume(
    customer: CustomerRef, feature_code: str, units: Amount, idempotency_key: Optional[str]
) -> Call[Decision]:
    body = {**refs.keys(customer), "feature_code": feature_code, "units": amount(units)}
    return decode(Decision, (yield work("/v1/consume", body, idempotency_key)))


def create_hold(
    customer: CustomerRef, feature_code: str, units: Amount, expires_in: int, idempotency_key: Optional[str]
) -> Call[Hold]:
    body = {
        **refs.keys(customer),
        "feature_code": feature_code,
        "units": amount(units),
        "expires_in": expires_in,
    }
    return decode(Hold, (yield work("/v1/holds", body, idempotency_key)))


def confirm(hold_id: str, units: Optional[Amount], over: Optional[str], idempotency_key: Optional[str]) -> Call[ClosedHold]:
    body = given(units=None if units is None else amount(units), over=over)
    return decode(ClosedHold, (yield work(f"/v1/holds/{segment(hold_id, 'hold id')}/confirm", body, idempotency_key)))


def extend(hold_id: str, expires_in: int, idempotency_key: Optional[str]) -> Call[HoldDetail]:
    body = {"expires_in": expires_in}
    return decode(HoldDetail, (yield work(f"/v1/holds/{segment(hold_id, 'hold id')}/extend", body, idempotency_key)))


def get_hold(hold_id: str) -> Call[HoldDetail]:
    return decode(HoldDetail, (yield Request("GET", f"/v1/holds/{segment(hold_id, 'hold id')}")))


def release(hold_id: str, idempotency_key: Optional[str]) -> Call[ClosedHold]:
    return decode(ClosedHold, (yield work(f"/v1/holds/{segment(hold_id, 'hold id')}/release", {}, idempotency_key)))


def entitlements(customer: CustomerRef, at: Optional[Time]) -> Call[EntitlementList]:
    path = f"/v1/customers/{(yield from refs.path(customer))}/entitlements"
    return decode(EntitlementList, (yield Request("GET", path, query=given(at=at))))


def record_usage(records: Iterable[UsageReport]) -> Call[List[UsageResult]]:
    sent = [_report(record) for record in records]
    results: List[UsageResult] = []
    for start in range(0, len(sent), MAX_RECORDS):
        try:
            answer = yield work("/v1/usage", {"records": sent[start : start + MAX_RECORDS]})
            results += decode(_Results, answer).usage()
        except AllotError as error:
            error.recorded = results
            raise
    return results


def _report(record: UsageReport) -> Dict[str, Any]:
    out: Dict[str, Any] = given(**record)
    if "value" in out:
        out["value"] = amount(out["value"], "value")
    return out


def read_usage(
    customer: CustomerRef,
    feature_code: Optional[str],
    start: Optional[Time],
    end: Optional[Time],
    page_size: Optional[int],
    starting_after: Optional[str],
) -> Call[Usage]:
    path = f"/v1/customers/{(yield from refs.path(customer))}/usage"
    query = given(feature_code=feature_code, to=end, page_size=page_size, starting_after=starting_after)
    query.update(given(**{"from": start}))
    return decode(Usage, (yield Request("GET", path, query=query)))


def usage_series(customer: CustomerRef, feature_code: str, span: Mapping[str, Any]) -> Call[UsageSeries]:
    path = f"/v1/customers/{(yield from refs.path(customer))}/usage/series"
    query = given(feature_code=feature_code, **span)
    return decode(UsageSeries, (yield Request("GET", path, query=query)))


def span(bucket: Optional[str], start: Optional[Time], end: Optional[Time]) -> Dict[str, Any]:
    """The part of a query that says which buckets a series has."""
    return given(**{"bucket": bucket, "from": start, "to": end})


def create_customer(body: Mapping[str, Any], idempotency_key: Optional[str] = None) -> Call[Customer]:
    return decode(Customer, (yield work("/v1/customers", body, idempotency_key)))


def get_customer(customer: CustomerRef) -> Call[Customer]:
    path = f"/v1/customers/{(yield from refs.path(customer))}"
    return decode(Customer, (yield Request("GET", path)))


def ensure_customer(body: Mapping[str, Any]) -> Call[Customer]:
    codes = {key: body[key] for key in ("org_code", "user_id") if key in body}
    # An empty code would name somebody else: the user of no organization.
    if not codes or not all(codes.values()):
        raise ValueError("a customer to be found again needs an org_code or a user_id")
    # Made first: whoever comes second of two is told so, and finds it.
    with contextlib.suppress(ConflictError):
        return (yield from create_customer(body))
    found = yield from refs.find(codes)
    return (yield from get_customer(found))


def update_customer(customer: CustomerRef, body: Mapping[str, Any]) -> Call[Customer]:
    path = f"/v1/customers/{(yield from refs.path(customer))}"
    return decode(Customer, (yield Request("PATCH", path, body=body)))


def delete_customer(customer: CustomerRef, purge: bool) -> Call[None]:
    path = f"/v1/customers/{(yield from refs.path(customer))}"
    yield Request("DELETE", path, query={"purge": "true"} if purge else {})


def subscribe(customer: CustomerRef, body: Mapping[str, Any], idempotency_key: Optional[str]) -> Call[Agreement]:
    path = f"/v1/customers/{(yield from refs.path(customer))}/agreements"
    return decode(Agreement, (yield work(path, body, idempotency_key)))


def cancel(agreement_id: str, when: Optional[str]) -> Call[Agreement]:
    path = f"/v1/agreements/{segment(agreement_id, 'agreement id')}"
    return decode(Agreement, (yield Request("DELETE", path, query=given(when=when))))


def set_override(customer: CustomerRef, feature_code: str, body: Mapping[str, Any]) -> Call[Override]:
    path = yield from _override(customer, feature_code)
    return decode(Override, (yield Request("PUT", path, body=body)))


def end_override(customer: CustomerRef, feature_code: str) -> Call[None]:
    yield Request("DELETE", (yield from _override(customer, feature_code)))


def create_grant(
    customer: CustomerRef,
    feature_code: str,
    units: Amount,
    only: Optional[Iterable[str]],
    cost_basis: Optional[Amount],
    terms: Mapping[str, Any],
    idempotency_key: Optional[str],
) -> Call[Grant]:
    if isinstance(only, str):
        raise TypeError("only is one text: want a list of feature codes")
    _named(terms.get("external_id"))
    body = {"feature_code": feature_code, "amount": amount(units, "amount"), **terms}
    if only is not None:
        body["only"] = list(only)
    if cost_basis is not None:
        body["cost_basis"] = amount(cost_basis, "cost_basis")
    return decode(Grant, (yield work((yield from _grants(customer)), body, idempotency_key)))


def buy(
    customer: CustomerRef,
    pack: str,
    quantity: Optional[int],
    external_id: Optional[str],
    idempotency_key: Optional[str],
) -> Call[GrantPurchase]:
    _named(external_id)
    body = given(pack=pack, quantity=quantity, external_id=external_id)
    return decode(GrantPurchase, (yield work((yield from _grants(customer)), body, idempotency_key)))


def get_grant(grant_id: str) -> Call[Grant]:
    return decode(Grant, (yield Request("GET", f"/v1/grants/{segment(grant_id, 'grant id')}")))


def list_grants(customer: CustomerRef, query: Mapping[str, Any]) -> Call[GrantList]:
    return decode(GrantList, (yield Request("GET", (yield from _grants(customer)), query=query)))


def void(
    grant_id: str, claw_back: bool, external_id: Optional[str], idempotency_key: Optional[str]
) -> Call[VoidedGrant]:
    body = given(claw_back=claw_back or None, external_id=external_id)
    return decode(VoidedGrant, (yield work(f"/v1/grants/{segment(grant_id, 'grant id')}/void", body, idempotency_key)))


def _named(external_id: Optional[str]) -> None:
    # The server takes an empty one for none, and the same again would give twice.
    if external_id == "":
        raise ValueError("external_id is empty: want the id of the payment, or none")


def _grants(customer: CustomerRef) -> Call[str]:
    return f"/v1/customers/{(yield from refs.path(customer))}/grants"


def get_credits(customer: CustomerRef, feature_code: str, at: Optional[Time], known_now: bool) -> Call[Credits]:
    query = given(at=at, known="now" if known_now else None)
    return decode(Credits, (yield Request("GET", (yield from _credits(customer, feature_code)), query=query)))


def read_ledger(
    customer: CustomerRef, feature_code: str, at: Optional[Time], known_now: bool, page: Mapping[str, Any]
) -> Call[CreditLedger]:
    query = given(at=at, known="now" if known_now else None, **page)
    path = f"{(yield from _credits(customer, feature_code))}/ledger"
    return decode(CreditLedger, (yield Request("GET", path, query=query)))


def credit_series(
    customer: CustomerRef, feature_code: str, by_feature: bool, span: Mapping[str, Any]
) -> Call[UsageSeries]:
    path = f"{(yield from _credits(customer, feature_code))}/series"
    query = given(by="feature" if by_feature else None, **span)
    return decode(UsageSeries, (yield Request("GET", path, query=query)))
def list_events(
    after: int,
    types: Optional[Iterable[str]],
    customer: Optional[CustomerRef],
    page_size: Optional[int],
    wait: int,
) -> Call[EventList]:
    query = given(
        after=after or None,
        types=None if types is None else ",".join(types),
        customer_id=None if customer is None else unquote((yield from refs.path(customer))),
        page_size=page_size,
        wait=wait or None,
    )
    return decode(EventList, (yield Request("GET", "/v1/events", query=query)))


def _credits(customer: CustomerRef, feature_code: str) -> Call[str]:
    name = segment(feature_code, "feature code")
    return f"/v1/customers/{(yield from refs.path(customer))}/credits/{name}"


def _override(customer: CustomerRef, feature_code: str) -> Call[str]:
    name = segment(feature_code, "feature code")
    return f"/v1/customers/{(yield from refs.path(customer))}/overrides/{name}"


@dataclass(frozen=True)
class _Results:
    """An answer that is a list, each item of which is read by itself."""

    results: List[Any]
    raw: Mapping[str, Any] = field(default_factory=dict)

    def decisions(self) -> List[Decision]:
        return [decode(Decision, item) for item in self.results]

    def usage(self) -> List[UsageResult]:
        return [decode(UsageResult, item) for item in self.results]
