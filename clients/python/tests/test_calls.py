"""Every call of either client, against the built server."""

from __future__ import annotations

import asyncio
import inspect
import threading
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Callable, List

import pytest
from installation import Installation

import allot as package

Run = Callable[..., Any]


def test_both_clients_have_the_same_calls() -> None:
    pairs = [(package.Allot, package.AsyncAllot), (package.HoldScope, package.AsyncHoldScope)]
    blocking = package.Allot("http://localhost", "id", "secret")
    other = package.AsyncAllot("http://localhost", "id", "secret")
    for name in [name for name in vars(blocking) if not name.startswith("_")]:
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
    assert calls >= 27


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


def test_grants(run: Run, server: Installation, org: str) -> None:
    async def body(allot: Any, done: Any) -> None:
        until = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=30)
        terms: Any = dict(kind="promotional", expires_on=until, priority=10, note="sorry", external_id="pay_1")
        exact = "1234567.123456789012"  # no float has so many digits
        made = await done(allot.grants.create(org, "minutes", "20.5", cost_basis=exact, **terms))
        assert (made.feature_code, made.amount, made.status) == ("minutes", Decimal("20.5"), "live")
        assert (made.kind, made.priority, made.note, made.expires_on) == ("promotional", 10, "sorry", until)
        assert made.cost_basis == Decimal(exact) and made.warnings == []
        assert (await done(allot.grants.create(org, "minutes", "20.5", cost_basis=exact, **terms))).id == made.id
        with pytest.raises(package.ConflictError) as other:
            await done(allot.grants.create(org, "minutes", 7, external_id="pay_1"))
        assert other.value.code == "GRANT_EXISTS"
        only = await done(allot.grants.create(org, "minutes", 1, only=("minutes",), cost_basis=2))
        assert only.only == ["minutes"] and only.cost_basis == 2 and only.expires_on is None

        bought = await done(allot.grants.buy(org, "minutes_100", quantity=2, external_id="pay_2"))
        assert [(g.amount, g.pack, g.external_id) for g in bought.grants] == [(Decimal(200), "minutes_100", "pay_2")]
        again = await done(allot.grants.buy(org, "minutes_100", quantity=2, external_id="pay_2"))
        assert [g.id for g in again.grants] == [g.id for g in bought.grants]

        page = await done(allot.grants.list(org, feature_code="minutes", page_size=2))
        assert [g.id for g in page.grants] == [made.id, only.id] and page.has_more
        rest = await done(allot.grants.list(org, starting_after=only.id))
        assert [g.id for g in rest.grants] == [bought.grants[0].id] and not rest.has_more
        before = await done(allot.grants.list(org, ending_before=only.id))
        assert [g.id for g in before.grants] == [made.id]
        assert (await done(allot.grants.list(org, feature_code="reports"))).grants == []

        # 20.5 are of the grant, the rest of the allowance.
        await done(allot.consume(org, "minutes", units=22))
        assert (await done(allot.grants.get(made.id))).drawn == Decimal("20.5")
        voided = await done(allot.grants.void(only.id, external_id="refund_1"))
        assert (voided.grant.status, voided.refundable.units, voided.refundable.amount) == ("voided", Decimal(1), 2)
        assert voided.grant.ended_on is not None and voided.debt == 0
        assert (await done(allot.grants.void(bought.grants[0].id))).refundable.amount is None
        back = await done(allot.grants.void(made.id, claw_back=True))
        assert back.grant.clawed_back_on is not None and back.refundable.units == 0

        with pytest.raises(TypeError, match="exact"):
            await done(allot.grants.create(org, "minutes", 0.1))
        with pytest.raises(TypeError, match="exact"):
            await done(allot.grants.create(org, "minutes", 1, cost_basis=0.1))
        with pytest.raises(TypeError, match="list"):
            await done(allot.grants.create(org, "minutes", 1, only="minutes"))
        with pytest.raises(ValueError, match="external_id is empty"):
            await done(allot.grants.create(org, "minutes", 1, external_id=""))
        with pytest.raises(ValueError, match="external_id is empty"):
            await done(allot.grants.buy(org, "minutes_100", external_id=""))
        with pytest.raises(package.InvalidRequestError):
            await done(allot.grants.create(org, "minutes", 0))
        with pytest.raises(package.NotFoundError):
            await done(allot.grants.void("grant_" + "0" * 64))

    run(body, server.url, **server.credentials)


def test_credits(run: Run, server: Installation, org: str) -> None:
    async def body(allot: Any, done: Any) -> None:
        code = org.partition(":")[2]
        start = datetime.now(timezone.utc)
        grant = await done(allot.grants.create(org, "minutes", 5, priority=10))
        records = [
            {"id": "one", "org_code": code, "feature_code": "minutes", "value": 8},
            {"id": "two", "org_code": code, "feature_code": "minutes", "value": -2, "corrects": "one"},
        ]
        assert [r.status for r in await done(allot.usage.record(records))] == ["recorded"] * 2

        now = await done(allot.credits.get(org, "minutes"))
        assert (now.feature_code, now.available, now.unlimited, now.debt) == ("minutes", Decimal(9), False, Decimal(0))
        assert [(s.kind, s.amount, s.remaining) for s in now.sources] == [("allowance", Decimal(10), Decimal(9))]
        assert now.sources[0].window.ends_on == now.sources[0].expires_on
        then = await done(allot.credits.get(org, "minutes", at=start - timedelta(days=1)))
        assert then.available == 0 and then.at < start
        later = await done(allot.credits.get(org, "minutes", at=start + timedelta(hours=1), known_now=True))
        assert later.available == 9

        ledger = await done(allot.credits.ledger(org, "minutes", page_size=1))
        assert [e.id for e in ledger.entries] == ["one"] and ledger.has_more
        assert [(d.kind, d.units) for d in ledger.entries[0].draws] == [("paid", Decimal(5)), ("allowance", Decimal(3))]
        assert ledger.entries[0].draws[0].id == grant.id
        rest = await done(allot.credits.ledger(org, "minutes", starting_after="one", known_now=True, at=datetime.now(timezone.utc)))
        assert [(e.id, e.change, e.corrects) for e in rest.entries] == [("two", Decimal(-2), "one")]
        assert [e.id for e in (await done(allot.credits.ledger(org, "minutes", ending_before="two"))).entries] == ["one"]

        days = await done(allot.credits.series(org, "minutes", by_feature=True))
        assert (days.bucket, days.time_zone, len(days.series)) == ("day", "UTC", 30)
        assert days.series[-1].starts_on <= start < days.series[-1].ends_on
        assert days.series[-1].units == 6 and not days.series[0].by
        assert [(s.feature_code, s.units) for s in days.series[-1].by] == [("minutes", Decimal(6))]
        hours = await done(allot.usage.series(org, "minutes", bucket="hour", start=start - timedelta(hours=2), end=start))
        assert len(hours.series) == 3 and not hours.series[2].by
        with pytest.raises(package.InvalidRequestError):
            await done(allot.usage.series(org, "minutes", bucket="hour", start="2020-01-01T00:00:00Z"))

        await done(allot.overrides.set(org, "minutes", max=None))
        unlimited = await done(allot.credits.get(org, "minutes"))
        assert unlimited.unlimited and unlimited.available is None and unlimited.sources[0].remaining is None
        with pytest.raises(package.InvalidRequestError):
            await done(allot.credits.get(org, "sso"))

    run(body, server.url, **server.credentials)


def test_events_are_followed_over_a_restart(run: Run, own_server: Installation) -> None:
    async def body(allot: Any, done: Any) -> None:
        first = await done(allot.events.list(types=["catalog.applied"], wait=30))
        assert [event.type for event in first.events] == ["catalog.applied"]
        assert first.events[0].actor.kind == "client"
        assert first.events[0].data["changes"]
        assert first.events[0].on.tzinfo is not None

        cursors: List[int] = []
        following = iterate(allot.events.follow(after=first.next, types=["customer.created"], moved=cursors.append))
        code = f"org_{id(allot)}"
        await done(allot.customers.create(org_code=code))
        event = await following.__anext__()
        assert event.data["after"]["id"] == event.customer_id

        # It is gone, and the next event comes after it is there again.
        own_server.pull_the_plug()
        threading.Timer(0.2, own_server.start).start()
        pending = asyncio.ensure_future(following.__anext__())
        with package.Allot(own_server.url, timeout=60, attempts=50, **own_server.credentials) as other:
            made = await asyncio.to_thread(lambda: other.customers.create(org_code=code + "_2"))
        assert (await pending).customer_id == made.id
        assert cursors and cursors[0] >= event.id

        about = await done(allot.events.list(customer=f"org_code:{code}"))
        assert [event.type for event in about.events][0] == "customer.created"
        with pytest.raises(package.InvalidRequestError, match="AFTER_INVALID"):
            await iterate(allot.events.follow(after=10**9)).__anext__()

    run(body, own_server.url, **own_server.credentials)


async def iterate(events: Any) -> Any:
    """What either client follows; the one that blocks does so in a thread."""
    if hasattr(events, "__anext__"):
        async for event in events:
            yield event
    else:
        while True:
            yield await asyncio.to_thread(next, events)
