"""Client for Allot: may this customer do this, and how much of it is left?

:class:`Allot` blocks, :class:`AsyncAllot` does not; they have the same calls.
Gates for web frameworks are in :mod:`allot.flask` and :mod:`allot.fastapi`.
"""

from ._answers import (
    Agreement,
    Cap,
    ClosedHold,
    CreditDraw,
    CreditWindow,
    Customer,
    Decision,
    Entitlement,
    EntitlementList,
    Hold,
    HoldDetail,
    NextChange,
    Override,
    PoolUse,
    Rate,
    Source,
    Usage,
    UsageRecord,
    UsageResult,
    UsageWindow,
)
from ._async import AsyncAllot, AsyncHoldScope
from ._calls import Amount, Time, UsageReport
from ._errors import (
    AllotError,
    AuthenticationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    RefusedError,
    UnavailableError,
)
from ._refs import CustomerKeys, CustomerRef
from ._sync import Allot, HoldScope

__all__ = [
    "Agreement",
    "Allot",
    "AllotError",
    "Amount",
    "AsyncAllot",
    "AsyncHoldScope",
    "AuthenticationError",
    "Cap",
    "ClosedHold",
    "ConflictError",
    "CreditDraw",
    "CreditWindow",
    "Customer",
    "CustomerKeys",
    "CustomerRef",
    "Decision",
    "Entitlement",
    "EntitlementList",
    "Hold",
    "HoldDetail",
    "HoldScope",
    "InvalidRequestError",
    "NextChange",
    "NotFoundError",
    "Override",
    "PermissionDeniedError",
    "PoolUse",
    "Rate",
    "RateLimitedError",
    "RefusedError",
    "Source",
    "Time",
    "UnavailableError",
    "Usage",
    "UsageRecord",
    "UsageReport",
    "UsageResult",
    "UsageWindow",
]
