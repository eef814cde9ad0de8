"""Every call of either client, against the built server."""

from __future__ import annotations

import inspect
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Callable

import pytest
from installation import Installation

import allot as package

Run = Callable[..., Any]


def test_both_clients_have_the_same_calls() -> None:
    pairs = [(package.Allot, package.AsyncAllot), (package.HoldScope, package.AsyncHoldScope)]
    blocking = package.Allot("http://localhost", "id", "secret")
    other = package.AsyncAllot("http://localhost", "id", "secret")
    for name in ("holds", "usage", "customers", "agreements", "overrides"):
        pairs.append((type(getattr(blocking, name)), type(getattr(other, name))))
    calls = 0
    for one, two in pairs:
        for name, member in inspect.getmembers(one, inspect.isfunction):
            if name.startswith("_") or name == "close":
                continue
            calls += 1
            names = [
                [(p.name, p.default, p.kind) for p in inspect.signature(f).parameters.values()]
                for f in (member, getattr(two, name))
            ]
            assert names[0] == names[1], f"{two.__name__}.{name}"
    assert calls >= 20


def test_check_and_consume(run: Run, server: Installation, org: str) -> None:
    async def body(allot: Any, done: Any) -> None:
        decision = await done(allot.check(org, "reports", units=3))
        assert decision and decision.allowed
        assert (decision.reason, decision.limit, decision.used) == ("within_limit", 3, Decimal(0))
        assert decision.sources[0].plan_code == "free"
        assert decision.resets_on > datetime.now(timezone.utc)

        refused = await done(allot.check(org, "reports", units="3.000001"))
        assert not refused and not refused.allowed
        assert refused.reason == "limit_reached"

        decision = await done(allot.consume(org, "minutes", units=Decimal("0.1")))
        decision = await done(allot.consume(org, "minutes", units="0.2"))
        assert (decision.used, decision.remaining) == (Decimal("0.3"), Decimal("9.7"))
        assert decision.raw["used"] == "0.3"

        several = await done(allot.check_many(org, ["sso", "reports"]))
        assert [d.feature_code for d in several] == ["sso", "reports"]
        assert [d.reason for d in several] == ["not_entitled", "within_limit"]

    run(body, server.url, **server.credentials)


def test_one_key_counts_once(run: Run, server: Installation, org: str) -> None:
    async def body(allot: Any, done: Any) -> None:
        for _ in range(3):
            decision = await done(allot.consume(org, "reports", idempotency_key="order-1"))
            assert decision.used == 1

    run(body, server.url, **server.credentials)


@pytest.mark.parametrize("units", [0.1, True, None, [1]])
def test_amounts_that_are_not_exact(run: Run, server: Installation, units: Any) -> None:
    async def body(allot: Any, done: Any) -> None:
        with pytest.raises(TypeError, match="exact"):
            await done(allot.consume("org_code:any", "reports", units=units))

    run(body, server.url, **server.credentials)


def test_hold_is_confirmed_or_released(run: Run, server: Installation, org: str) -> None:
    async def body(allot: Any, done: Any) -> None:
        async with scope(allot.hold(org, "minutes", units=6), done) as hold:
            assert (await done(allot.check(org, "minutes"))).held == 6
            assert hold.id.startswith("hold_")
        assert (await done(allot.check(org, "minutes"))).used == 6

        with pytest.raises(KeyError, match="ours"):
            async with scope(allot.hold(org, "minutes", units=4), done):
                raise KeyError("ours")
        decision = await done(allot.check(org, "minutes"))
        assert (decision.used, decision.held) == (6, 0)

        async with scope(allot.hold(org, "minutes", units=4), done) as hold:
            closed = await done(hold.confirm("1.5"))
            assert (closed.state, closed.units) == ("confirmed", Decimal("1.5"))
        assert (await done(allot.check(org, "minutes"))).used == Decimal("7.5")

        async with scope(allot.hold(org, "minutes", units=2), done) as hold:
            assert (await done(hold.release())).state == "released"

        entered = False
        with pytest.raises(package.RefusedError, match="limit_reached") as refused:
            async with scope(allot.hold(org, "minutes", units=3), done):
                entered = True
        assert not entered
        assert refused.value.code == "LIMIT_REACHED"
        assert refused.value.decision.remaining == Decimal("2.5")

    run(body, server.url, **server.credentials)


class scope:
    """Enters a hold of either client."""

    def __init__(self, hold: Any, done: Any) -> None:
        self.hold, self.done = hold, done
        self.enter = getattr(hold, "__aenter__", None) or hold.__enter__
        self.exit = getattr(hold, "__aexit__", None) or hold.__exit__

    async def __aenter__(self) -> Any:
        return await self.done(self.enter())

    async def __aexit__(self, *error: Any) -> Any:
        return await self.done(self.exit(*error))


def test_holds_one_by_one(run: Run, server: Installation, org: str) -> None:
    async def body(allot: Any, done: Any) -> None:
        one = await done(allot.holds.create(org, "minutes", units=4, expires_in=60))
        two = await done(allot.holds.create(org, "minutes", units=6, expires_in=60))
        three = await done(allot.holds.create(org, "minutes", units=1, expires_in=60))
        assert one and two and not three
        assert three.id == "" and three.expires_on is None
        assert one.expires_on > datetime.now(timezone.utc)
        longer = await done(allot.holds.extend(one.id, expires_in=600))
        assert longer.state == "open" and longer.expires_on > one.expires_on
        closed = await done(allot.holds.confirm(one.id, "2"))
        held = await done(allot.holds.get(one.id))
        assert (held.state, held.units, held.counted) == ("confirmed", Decimal(4), Decimal(2))
        assert closed and (closed.state, closed.units) == ("confirmed", Decimal(2))
        closed = await done(allot.holds.release(two.id))
        assert (closed.state, closed.used) == ("released", Decimal(2))
        with pytest.raises(package.ConflictError):
            await done(allot.holds.confirm(two.id))
        with pytest.raises(package.NotFoundError):
            await done(allot.holds.release("hold_" + "0" * 32))

    run(body, server.url, **server.credentials)


def test_usage(run: Run, server: Installation, org: str) -> None:
    async def body(allot: Any, done: Any) -> None:
        code = org.partition(":")[2]
        now = datetime.now(timezone.utc)
        records = [
            {"id": f"r{i}", "org_code": code, "feature_code": "minutes", "value": "0.001", "timestamp": now}
            for i in range(2500)
        ]
        records[1200]["feature_code"] = "nothing"
        results = await done(allot.usage.record(records))
        assert [r.id for r in results] == [r["id"] for r in records]
        assert [r.id for r in results if r.status != "recorded"] == ["r1200"]
        assert results[1200].status == "failed" and results[1200].error["code"] == "FEATURE_NOT_FOUND"
        again = await done(allot.usage.record(records[:1]))
        assert again[0].status == "duplicate"

        usage = await done(allot.usage.read(org, feature_code="minutes", page_size=2))
        assert usage.windows[0].used == Decimal("2.499")
        assert [r.value for r in usage.records] == [Decimal("0.001")] * 2
        assert usage.has_more
        later = await done(
            allot.usage.read(
                org, start=now - timedelta(days=1), end=now + timedelta(days=1), starting_after=usage.records[-1].id
            )
        )
        assert later.records[0].id not in {r.id for r in usage.records}

    run(body, server.url, **server.credentials)


def test_customers(run: Run, server: Installation, request: pytest.FixtureRequest) -> None:
    name = "made_" + ("async" if "Async" in request.node.name else "sync")

    async def body(allot: Any, done: Any) -> None:
        made = await done(
            allot.customers.create(org_code=name, name="Acme", email="a@example.com", plan_code="pro", metadata={"k": "v"})
        )
        assert (made.type, made.org_code, made.metadata) == ("organization", name, {"k": "v"})
        assert [a.plan_code for a in made.agreements] == ["pro"]
        with pytest.raises(package.ConflictError) as exists:
            await done(allot.customers.create(org_code=name))
        assert exists.value.code == "CUSTOMER_EXISTS" and exists.value.status == 409

        again = await done(allot.customers.ensure(org_code=name, plan_code="free"))
        assert again.id == made.id and [a.plan_code for a in again.agreements] == ["pro"]
        new = await done(allot.customers.ensure(org_code=name + "_2", plan_code=None))
        assert new.agreements == []

        # The user of an organization is not the organization, whoever came first.
        first = await done(allot.customers.ensure(user_id="kp_1", org_code=name + "_3"))
        second = await done(allot.customers.ensure(org_code=name + "_3"))
        assert (await done(allot.customers.get({"org_code": name + "_3"}))).id == second.id != first.id
        user = await done(allot.customers.ensure(user_id="kp_1", org_code=name))
        assert (user.type, user.user_id) == ("user", "kp_1")
        assert (await done(allot.customers.ensure(user_id="kp_1", org_code=name))).id == user.id
        assert (await done(allot.customers.get({"org_code": name}))).id == made.id
        assert (await done(allot.customers.get({"user_id": "kp_1", "org_code": name}))).id == user.id
        assert (await done(allot.customers.get(made.id))).id == made.id

        changed = await done(allot.customers.update(made, name="New", email=None, status="suspended"))
        assert (changed.name, changed.email, changed.status) == ("New", None, "suspended")
        assert (await done(allot.check(made, "sso"))).reason == "suspended"

        for codes in ({}, {"org_code": ""}, {"user_id": ""}, {"user_id": "kp_1", "org_code": ""}):
            with pytest.raises(ValueError, match="found again"):
                await done(allot.customers.ensure(**codes))

        await done(allot.customers.delete(new, purge=True))
        with pytest.raises(package.NotFoundError) as gone:
            await done(allot.customers.get(f"org_code:{name}_2"))
        assert gone.value.code == "CUSTOMER_NOT_FOUND"

    run(body, server.url, **server.credentials)


@pytest.mark.parametrize(
    "customer", ["acme", "", "org_code:", {}, {"org_code": ""}, {"org": "acme"}, {"user_id": "u", "org_code": ""}]
)
def test_customers_that_name_nobody(run: Run, server: Installation, customer: Any) -> None:
    async def body(allot: Any, done: Any) -> None:
        with pytest.raises(ValueError, match="want an id"):
            await done(allot.check(customer, "sso"))
        with pytest.raises(ValueError, match="want an id"):
            await done(allot.customers.get(customer))

    run(body, server.url, **server.credentials)


def test_agreements_and_entitlements(run: Run, server: Installation, org: str) -> None:
    async def body(allot: Any, done: Any) -> None:
        upgraded = await done(allot.agreements.subscribe(org, "pro", annual=True))
        assert (upgraded.plan_code, upgraded.status, upgraded.annual) == ("pro", "live", True)
        later = await done(allot.agreements.subscribe(org, "free", when="period_end"))
        assert later.status == "scheduled" and later.starts_on == upgraded.current_period_end

        now = await done(allot.entitlements(org))
        assert {e.feature_code: e.limit for e in now.entitlements}["reports"] == 1000
        then = await done(allot.entitlements(org, at=later.starts_on))
        assert {e.feature_code: e.limit for e in then.entitlements}["reports"] == 3
        assert then.at == later.starts_on
        with pytest.raises(ValueError, match="zone"):
            await done(allot.entitlements(org, at=datetime(2030, 1, 1)))

        ended = await done(allot.agreements.cancel(upgraded.id, when="now"))
        assert ended.status == "ended"
        with pytest.raises(package.NotFoundError) as unknown:
            await done(allot.agreements.subscribe(org, "gold"))
        assert unknown.value.code == "PLAN_NOT_FOUND"

    run(body, server.url, **server.credentials)


def test_overrides(run: Run, server: Installation, org: str) -> None:
    async def body(allot: Any, done: Any) -> None:
        own = await done(allot.overrides.set(org, "reports", max=5, add=2, note="pilot"))
        assert (own.max, own.add, own.note) == (5, 2, "pilot")
        assert (await done(allot.check(org, "reports"))).limit == 7
        own = await done(allot.overrides.set(org, "reports", max=None))
        assert own.max is None and "max" in own.raw
        assert (await done(allot.check(org, "reports"))).limit is None
        await done(allot.overrides.set(org, "reports", deny=True))
        assert (await done(allot.check(org, "reports"))).reason == "not_entitled"
        await done(allot.overrides.end(org, "reports"))
        assert (await done(allot.check(org, "reports"))).limit == 3

    run(body, server.url, **server.credentials)
