"""A gate for FastAPI."""

# FastAPI reads the annotations of a dependency as values, so they are not postponed.
from typing import Any, Callable, Optional

from fastapi import Depends, HTTPException

from ._answers import Decision
from ._async import AsyncAllot
from ._calls import Amount
from ._errors import AllotError
from ._gate import Mode, OnError, Rules, Status


def gate(
    allot: AsyncAllot,
    feature_code: str,
    *,
    customer: Callable[..., Any],
    mode: Mode = "consume",
    units: Amount = 1,
    on_error: OnError = "deny",
    status: Status = None,
    timeout: float = 3.0,
) -> Any:
    """Make a dependency that lets a request pass if its customer may use the feature.

    ``customer`` is a dependency too, so it may have its own; it finds the customer
    of the request, None if it has none. ``mode`` is consume, which counts, or
    check. Where Allot does not answer within ``timeout`` seconds, ``on_error``
    says deny (503) or allow. ``status`` is that of a refusal, or a function of the
    decision; by default 402, or 403 without the feature. The dependency is the
    decision, None where Allot was not asked.
    """
    if not isinstance(allot, AsyncAllot):
        raise TypeError(f"a gate for FastAPI asks an AsyncAllot, not a {type(allot).__name__}: it would block")
    rules = Rules(feature_code, mode, units, on_error, status, timeout)
    ask = allot.consume if rules.mode == "consume" else allot.check

    async def dependency(found: Any = Depends(customer)) -> Optional[Decision]:
        decision = None
        if found is None:
            refused = rules.nobody()
        else:
            try:
                decision = await ask(found, rules.feature_code, units=rules.units, timeout=rules.timeout)
            except AllotError as error:
                fault = rules.fault(error)
                if fault is None:
                    return None
                refused = fault
            else:
                if decision.allowed:
                    return decision
                refused = rules.refusal(decision)
        code, body = refused
        raise HTTPException(status_code=code, detail=body)

    return dependency
