"""A gate for Flask."""

from __future__ import annotations

from functools import wraps
from typing import Any, Callable, Optional

from flask import Response, current_app, g, jsonify, make_response

from ._answers import Decision
from ._calls import Amount
from ._errors import AllotError
from ._gate import Answer, Mode, OnError, Rules, Status
from ._refs import CustomerRef
from ._sync import Allot


class Gate:
    """Lets a request pass if its customer may use the feature.

    As a decorator, below the route, it guards a view; ``before_request`` guards
    an application or a blueprint. ``customer`` finds the customer of the request,
    None if it has none. ``mode`` is consume, which counts, or check. Where Allot
    does not answer within ``timeout`` seconds, ``on_error`` says deny (503) or
    allow. ``status`` is that of a refusal, or a function of the decision; by
    default 402, or 403 without the feature. The decision is in ``g.allot``, None
    where there is none.
    """

    def __init__(
        self,
        allot: Allot,
        feature_code: str,
        *,
        customer: Callable[[], Optional[CustomerRef]],
        mode: Mode = "consume",
        units: Amount = 1,
        on_error: OnError = "deny",
        status: Status = None,
        timeout: float = 3.0,
    ) -> None:
        if not isinstance(allot, Allot):
            raise TypeError(f"a gate for Flask asks an Allot, not a {type(allot).__name__}")
        self._allot = allot
        self._customer = customer
        self._rules = Rules(feature_code, mode, units, on_error, status, timeout)

    def __call__(self, view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            refused = self.before_request()
            return current_app.ensure_sync(view)(*args, **kwargs) if refused is None else refused

        return guarded

    def before_request(self) -> Optional[Response]:
        """Answer a request that may not pass, for ``app.before_request(gate.before_request)``."""
        refused = self._ask()
        if refused is None:
            return None
        status, body = refused
        return make_response(jsonify(body), status)

    def _ask(self) -> Optional[Answer]:
        rules = self._rules
        g.allot = None
        customer = self._customer()
        if customer is None:
            return rules.nobody()
        ask = self._allot.consume if rules.mode == "consume" else self._allot.check
        try:
            decision = ask(customer, rules.feature_code, units=rules.units, timeout=rules.timeout)
        except AllotError as error:
            return rules.fault(error)
        g.allot = decision
        return None if decision.allowed else rules.refusal(decision)
