"""How calls name a customer.

A body takes the customer's keys. A path takes an id, or a key before a colon.
"""

from __future__ import annotations

from typing import Any, Dict, Generator, Mapping, TypedDict, Union
from urllib.parse import quote

from ._answers import Customer, decode
from ._errors import NotFoundError
from ._exchange import Request


class CustomerKeys(TypedDict, total=False):
    """One of them, or ``user_id`` with the ``org_code`` of the user's organization."""

    customer_id: str
    org_code: str
    user_id: str
    external_id: str


CustomerRef = Union[str, CustomerKeys, Customer]
"""A customer: an id, a text such as ``"org_code:acme"``, keys, or the customer itself."""

_KEYS = ("org_code", "user_id", "external_id")
_WANT = (
    "want an id (customer_…), 'org_code:CODE', 'user_id:ID', 'external_id:ID', "
    "or a mapping of customer_id, org_code, user_id, external_id"
)


def keys(customer: CustomerRef) -> Dict[str, str]:
    """The fields by which a body names the customer."""
    if isinstance(customer, Customer):
        return {"customer_id": customer.id}
    if isinstance(customer, str):
        key, colon, value = customer.partition(":")
        if colon and key in _KEYS:
            named = {key: value}
        elif customer.startswith("customer_"):
            named = {"customer_id": customer}
        else:
            raise ValueError(f"customer {customer!r}: {_WANT}")
    elif isinstance(customer, Mapping):
        unknown = set(customer) - {"customer_id", *_KEYS}
        if unknown:
            raise ValueError(f"customer has {', '.join(sorted(map(str, unknown)))}: {_WANT}")
        named = {key: str(value) for key, value in customer.items() if value is not None}
    else:
        raise TypeError(f"customer is a {type(customer).__name__}: {_WANT}")
    # An empty value would name nobody, or somebody else: the organization in
    # place of its user.
    if not named or not all(named.values()):
        raise ValueError(f"customer {customer!r} has an empty key: {_WANT}")
    return named


def path(customer: CustomerRef) -> Generator[Request, Any, str]:
    """The customer as a segment of a path, escaped."""
    named = keys(customer)
    if set(named) == {"org_code", "user_id"}:  # a path takes one key
        named = {"customer_id": (yield from find(named)).id}
    if len(named) > 1:
        raise ValueError(f"customer {customer!r}: {_WANT}")
    ((key, value),) = named.items()
    return quote(value if key == "customer_id" else f"{key}:{value}", safe="")


def find(named: Mapping[str, str]) -> Generator[Request, Any, Customer]:
    """The one customer with exactly these codes, without its agreements."""
    wanted = (named.get("org_code"), named.get("user_id"))
    query = {**named, "page_size": "500"}
    while True:
        page = yield Request("GET", "/v1/customers", query=query)
        for found in page["customers"]:
            # An organization's code finds its users too.
            if (found.get("org_code"), found.get("user_id")) == wanted:
                return decode(Customer, found)
        if not page.get("has_more"):
            text = ", ".join(f"{key} {value!r}" for key, value in named.items())
            raise NotFoundError(f"there is no customer with {text}", code="CUSTOMER_NOT_FOUND", status=404)
        query["starting_after"] = page["customers"][-1]["id"]
