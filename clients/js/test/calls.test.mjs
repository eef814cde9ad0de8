// Every call, against the built server.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Allot, ConflictError, InvalidRequestError, NotFoundError, RefusedError } from "@allot-dev/allot";

import { Installation } from "./installation.mjs";

let server, allot;
let orgs = 0;

before(async () => {
  server = await Installation.start();
  allot = new Allot(server.options);
});
after(() => server.stop());

/** A new organization on the plan free: 3 reports, 10 minutes. */
async function org() {
  const code = `org_${++orgs}`;
  await allot.customers.create({ org_code: code });
  return `org_code:${code}`;
}

test("check and consume", async () => {
  const acme = await org();
  const decision = await allot.check(acme, "reports", { units: 3 });
  assert.equal(decision.allowed, true);
  assert.equal(decision.reason, "within_limit");
  assert.equal(decision.limit, 3);
  assert.equal(decision.used, "0");
  assert.equal(decision.sources[0].plan_code, "free");

  const refused = await allot.check(acme, "reports", { units: "3.000001" });
  assert.equal(refused.allowed, false);
  assert.equal(refused.reason, "limit_reached");

  await allot.consume(acme, "minutes", { units: 0.1 });
  const used = await allot.consume(acme, "minutes", { units: "0.2" });
  assert.deepEqual([used.used, used.remaining], ["0.3", "9.7"]);
  assert.equal((await allot.consume(acme, "minutes", { units: 2n })).used, "2.3");

  const several = await allot.checkMany(acme, ["sso", "reports"]);
  assert.deepEqual(several.map((d) => [d.feature_code, d.reason]), [["sso", "not_entitled"], ["reports", "within_limit"]]);
});

test("one key counts once", async () => {
  const acme = await org();
  for (let i = 0; i < 3; i++) {
    assert.equal((await allot.consume(acme, "reports", { idempotencyKey: "order-1" })).used, "1");
  }
  await assert.rejects(allot.consume(acme, "reports", { idempotencyKey: "käse" }), /idempotency key/);
});

test("amounts that are not exact are refused", async () => {
  for (const units of [2 ** 53, 1e-7, NaN, Infinity, true, null, "1e3", "", "0x10", [1], { valueOf: () => 1 }]) {
    await assert.rejects(allot.check("org_code:any", "reports", { units }), /want a decimal/, String(units));
  }
});

test("an option that is not known is refused", async () => {
  const calls = [
    () => allot.consume("org_code:any", "reports", { quantity: 5 }),
    () => allot.check("org_code:any", "reports", { unit: 5 }),
    () => allot.hold("org_code:any", "reports", { expires_in: 5 }),
    () => allot.holds.confirm("hold_1", { unit: 5 }),
    () => allot.usage.record([], { idempotencyKey: "k" }),
    () => allot.agreements.cancel("agreement_1", { at: "period_end" }),
    () => allot.customers.delete("org_code:any", { erase: true }),
    () => allot.grants.create("org_code:any", "minutes", 1, {}, { external_id: "pay_1" }),
    () => allot.grants.list("org_code:any", { feature: "minutes" }),
    () => allot.credits.get("org_code:any", "minutes", { known: "now" }),
    () => new Allot({ baseUrl: "http://localhost" }),
  ];
  for (const call of calls) await assert.rejects(async () => call(), /unknown option \w+: want /);
});

test("a hold is confirmed or released", async () => {
  const acme = await org();
  const one = await allot.hold(acme, "minutes", { units: 6 });
  assert.equal((await allot.check(acme, "minutes")).held, "6");
  const confirmed = await one.confirm("1.5");
  assert.deepEqual([confirmed.state, confirmed.units], ["confirmed", "1.5"]);
  await one[Symbol.asyncDispose]();
  assert.equal((await allot.check(acme, "minutes")).used, "1.5");

  const two = await allot.hold(acme, "minutes", { units: 4 });
  await two[Symbol.asyncDispose]();
  const after = await allot.check(acme, "minutes");
  assert.deepEqual([after.used, after.held], ["1.5", "0"]);

  await assert.rejects(allot.hold(acme, "minutes", { units: 9 }), (error) => {
    assert.ok(error instanceof RefusedError);
    assert.equal(error.code, "LIMIT_REACHED");
    assert.equal(error.decision.remaining, "8.5");
    return true;
  });
});

test("holds one by one", async () => {
  const acme = await org();
  const one = await allot.holds.create(acme, "minutes", { units: 4, expiresIn: 60 });
  const two = await allot.holds.create(acme, "minutes", { units: 6, expiresIn: 60 });
  const three = await allot.holds.create(acme, "minutes", { units: 1, expiresIn: 60 });
  assert.deepEqual([one.allowed, two.allowed, three.allowed, three.id], [true, true, false, undefined]);
  assert.equal((await allot.holds.extend(one.id, { expiresIn: 600 })).state, "open");
  const closed = await allot.holds.confirm(one.id, { units: 2 });
  const held = await allot.holds.get(one.id);
  assert.deepEqual([held.state, held.units, held.counted], ["confirmed", "4", "2"]);
  assert.deepEqual([closed.state, closed.units], ["confirmed", "2"]);
  assert.equal((await allot.holds.release(two.id)).state, "released");
  await assert.rejects(allot.holds.confirm(two.id), ConflictError);
  await assert.rejects(allot.holds.release("hold_" + "0".repeat(32)), NotFoundError);
});

test("usage", async () => {
  const org_code = (await org()).slice("org_code:".length);
  const now = new Date();
  const records = Array.from({ length: 2500 }, (_, i) => ({
    id: `r${i}`,
    org_code,
    feature_code: i === 1200 ? "nothing" : "minutes",
    value: "0.001",
    timestamp: now,
  }));
  const results = await allot.usage.record(records);
  assert.deepEqual(results.map((r) => r.id), records.map((r) => r.id));
  const failed = results.filter((r) => r.status !== "recorded");
  assert.deepEqual(failed.map((r) => [r.id, r.status, r.error.code]), [["r1200", "failed", "FEATURE_NOT_FOUND"]]);
  assert.equal((await allot.usage.record(records.slice(0, 1)))[0].status, "duplicate");

  const usage = await allot.usage.read({ org_code }, { feature_code: "minutes", page_size: 2 });
  assert.equal(usage.windows[0].used, "2.499");
  assert.deepEqual(usage.records.map((r) => r.value), ["0.001", "0.001"]);
  assert.equal(usage.has_more, true);
  const later = await allot.usage.read(
    { org_code },
    { from: new Date(Date.now() - 86_400_000), to: new Date(Date.now() + 86_400_000), starting_after: usage.records[1].id },
  );
  assert.ok(!usage.records.some((r) => r.id === later.records[0].id));
});

test("customers", async () => {
  const made = await allot.customers.create({
    org_code: "made", name: "Acme", email: "a@example.com", plan_code: "pro", metadata: { k: "v" },
  });
  assert.deepEqual([made.type, made.metadata], ["organization", { k: "v" }]);
  assert.deepEqual(made.agreements.map((a) => a.plan_code), ["pro"]);
  await assert.rejects(allot.customers.create({ org_code: "made" }), (error) => {
    assert.ok(error instanceof ConflictError);
    assert.deepEqual([error.code, error.status], ["CUSTOMER_EXISTS", 409]);
    return true;
  });

  const again = await allot.customers.ensure({ org_code: "made", plan_code: "free" });
  assert.equal(again.id, made.id);
  assert.deepEqual(again.agreements.map((a) => a.plan_code), ["pro"]);
  const other = await allot.customers.ensure({ org_code: "made_2", plan_code: null });
  assert.deepEqual(other.agreements, []);
  const racing = await Promise.all(Array.from({ length: 5 }, () => allot.customers.ensure({ org_code: "raced" })));
  assert.equal(new Set(racing.map((c) => c.id)).size, 1);

  // The user of an organization is not the organization, whoever came first.
  const first = await allot.customers.ensure({ user_id: "kp_1", org_code: "made_3" });
  const second = await allot.customers.ensure({ org_code: "made_3" });
  assert.notEqual(first.id, second.id);
  assert.equal((await allot.customers.get({ org_code: "made_3" })).id, second.id);
  const user = await allot.customers.ensure({ user_id: "kp_1", org_code: "made" });
  assert.deepEqual([user.type, user.user_id], ["user", "kp_1"]);
  assert.equal((await allot.customers.ensure({ user_id: "kp_1", org_code: "made" })).id, user.id);
  assert.equal((await allot.customers.get({ org_code: "made" })).id, made.id);
  assert.equal((await allot.customers.get({ user_id: "kp_1", org_code: "made" })).id, user.id);
  assert.equal((await allot.customers.get(made.id)).id, made.id);

  const changed = await allot.customers.update(made, { name: "New", email: null, status: "suspended" });
  assert.deepEqual([changed.name, changed.email, changed.status], ["New", undefined, "suspended"]);
  assert.equal((await allot.check(made, "sso")).reason, "suspended");

  for (const codes of [{}, { org_code: "" }, { user_id: "" }, { user_id: "kp_1", org_code: "" }]) {
    await assert.rejects(allot.customers.ensure(codes), /found again/);
  }

  await allot.customers.delete(other, { purge: true });
  await assert.rejects(allot.customers.get("org_code:made_2"), NotFoundError);
});

test("customers that name nobody", async () => {
  for (const customer of ["acme", "", "org_code:", {}, { org_code: "" }, { org: "acme" }, { user_id: "u", org_code: "" }, null, undefined, 7]) {
    await assert.rejects(allot.check(customer, "sso"), /want an id/);
    await assert.rejects(allot.customers.get(customer), /want an id/);
  }
});

test("agreements and entitlements", async () => {
  const acme = await org();
  const upgraded = await allot.agreements.subscribe(acme, "pro", { annual: true });
  assert.deepEqual([upgraded.plan_code, upgraded.status, upgraded.annual], ["pro", "live", true]);
  const later = await allot.agreements.subscribe(acme, "free", { when: "period_end" });
  assert.deepEqual([later.status, later.starts_on], ["scheduled", upgraded.current_period_end]);

  const limit = async (at) =>
    (await allot.entitlements(acme, at ? { at } : {})).entitlements.find((e) => e.feature_code === "reports").limit;
  assert.equal(await limit(), 1000);
  assert.equal(await limit(later.starts_on), 3);
  assert.equal(await limit(new Date(Date.parse(later.starts_on) + 1000)), 3);

  assert.equal((await allot.agreements.cancel(upgraded.id, { when: "now" })).status, "ended");
  await assert.rejects(allot.agreements.subscribe(acme, "gold"), (error) => error.code === "PLAN_NOT_FOUND");
});

test("overrides", async () => {
  const acme = await org();
  const own = await allot.overrides.set(acme, "reports", { max: 5, add: 2, note: "pilot" });
  assert.deepEqual([own.max, own.add, own.note], [5, 2, "pilot"]);
  assert.equal((await allot.check(acme, "reports")).limit, 7);
  assert.equal((await allot.overrides.set(acme, "reports", { max: null })).max, null);
  assert.equal((await allot.check(acme, "reports")).limit, null);
  await allot.overrides.set(acme, "reports", { deny: true });
  assert.equal((await allot.check(acme, "reports")).reason, "not_entitled");
  await allot.overrides.end(acme, "reports");
  assert.equal((await allot.check(acme, "reports")).limit, 3);
});

test("grants", async () => {
  const acme = await org();
  const expires_on = new Date(Math.floor(Date.now() / 1000) * 1000 + 30 * 86_400_000);
  const terms = { kind: "promotional", expires_on, priority: 10, note: "sorry", cost_basis: "2.25", external_id: "pay_1" };
  const made = await allot.grants.create(acme, "minutes", "20.5", terms);
  assert.deepEqual([made.feature_code, made.amount, made.status], ["minutes", "20.5", "live"]);
  assert.deepEqual([made.kind, made.priority, made.note, made.cost_basis], ["promotional", 10, "sorry", 2.25]);
  assert.equal(Date.parse(made.expires_on), expires_on.getTime());
  assert.equal((await allot.grants.create(acme, "minutes", "20.5", terms)).id, made.id);
  await assert.rejects(allot.grants.create(acme, "minutes", 7, { external_id: "pay_1" }), (error) => {
    assert.ok(error instanceof ConflictError);
    assert.equal(error.code, "GRANT_EXISTS");
    return true;
  });
  const only = await allot.grants.create(acme, "minutes", 1, { only: ["minutes"], cost_basis: 2 });
  assert.deepEqual([only.only, only.cost_basis, only.expires_on], [["minutes"], 2, null]);

  const bought = await allot.grants.buy(acme, "minutes_100", { quantity: 2, external_id: "pay_2" });
  assert.deepEqual(bought.grants.map((g) => [g.amount, g.pack, g.external_id]), [["200", "minutes_100", "pay_2"]]);
  const again = await allot.grants.buy(acme, "minutes_100", { quantity: 2, external_id: "pay_2" });
  assert.deepEqual(again.grants.map((g) => g.id), bought.grants.map((g) => g.id));

  const ids = (page) => [page.grants.map((g) => g.id), page.has_more];
  assert.deepEqual(ids(await allot.grants.list(acme, { feature_code: "minutes", page_size: 2 })), [[made.id, only.id], true]);
  assert.deepEqual(ids(await allot.grants.list(acme, { starting_after: only.id })), [[bought.grants[0].id], false]);
  assert.deepEqual(ids(await allot.grants.list(acme, { ending_before: only.id })), [[made.id], false]);
  assert.deepEqual(ids(await allot.grants.list(acme, { feature_code: "reports" })), [[], false]);

  // 20.5 are of the grant, the rest of the allowance.
  await allot.consume(acme, "minutes", { units: 22 });
  assert.equal((await allot.grants.get(made.id)).drawn, "20.5");
  const voided = await allot.grants.void(only.id, { external_id: "refund_1" });
  assert.deepEqual([voided.grant.status, voided.refundable, voided.debt], ["voided", { units: "1", amount: 2 }, "0"]);
  assert.equal((await allot.grants.void(bought.grants[0].id)).refundable.amount, undefined);
  const back = await allot.grants.void(made.id, { claw_back: true });
  assert.ok(back.grant.clawed_back_on);

  for (const units of [undefined, null, 1e-7]) {
    await assert.rejects(allot.grants.create(acme, "minutes", units), /want a decimal/, String(units));
  }
  await assert.rejects(allot.grants.create(acme, "minutes", 1, { cost_basis: 1e-7 }), /want a decimal/);
  await assert.rejects(allot.grants.create(acme, "minutes", 1, { external_id: "" }), /external_id is empty/);
  await assert.rejects(allot.grants.buy(acme, "minutes_100", { external_id: "" }), /external_id is empty/);
  await assert.rejects(allot.grants.create(acme, "minutes", 0), InvalidRequestError);
  await assert.rejects(allot.grants.void("grant_" + "0".repeat(64)), NotFoundError);
});

test("credits", async () => {
  const acme = await org();
  const org_code = acme.slice("org_code:".length);
  const start = Date.now();
  const grant = await allot.grants.create(acme, "minutes", 5, { priority: 10 });
  const results = await allot.usage.record([
    { id: "one", org_code, feature_code: "minutes", value: 8 },
    { id: "two", org_code, feature_code: "minutes", value: -2, corrects: "one" },
  ]);
  assert.deepEqual(results.map((r) => r.status), ["recorded", "recorded"]);

  const now = await allot.credits.get(acme, "minutes");
  assert.deepEqual([now.feature_code, now.available, now.unlimited, now.debt], ["minutes", "9", false, "0"]);
  assert.deepEqual(now.sources.map((s) => [s.kind, s.amount, s.remaining]), [["allowance", "10", "9"]]);
  assert.equal(now.sources[0].window.ends_on, now.sources[0].expires_on);
  assert.equal((await allot.credits.get(acme, "minutes", { at: new Date(start - 86_400_000) })).available, "0");
  const later = await allot.credits.get(acme, "minutes", { at: new Date(start + 3_600_000), known_now: true });
  assert.equal(later.available, "9");

  const ledger = await allot.credits.ledger(acme, "minutes", { page_size: 1 });
  assert.deepEqual([ledger.entries.map((e) => e.id), ledger.has_more], [["one"], true]);
  assert.deepEqual(ledger.entries[0].draws.map((d) => [d.kind, d.units]), [["paid", "5"], ["allowance", "3"]]);
  assert.equal(ledger.entries[0].draws[0].id, grant.id);
  const rest = await allot.credits.ledger(acme, "minutes", { starting_after: "one", at: new Date(), known_now: true });
  assert.deepEqual(rest.entries.map((e) => [e.id, e.change, e.corrects]), [["two", "-2", "one"]]);
  const first = await allot.credits.ledger(acme, "minutes", { ending_before: "two" });
  assert.deepEqual(first.entries.map((e) => e.id), ["one"]);

  const days = await allot.credits.series(acme, "minutes", { by: "feature" });
  const today = days.series[29];
  assert.deepEqual([days.bucket, days.time_zone, days.to, days.series.length], ["day", "UTC", today.ends_on, 30]);
  assert.ok(new Date(today.starts_on) <= new Date(start) && new Date(start) < new Date(today.ends_on));
  assert.deepEqual([today.units, today.by], ["6", [{ feature_code: "minutes", units: "6" }]]);
  const span = { from: new Date(start - 2 * 3_600_000), to: new Date(start) };
  const hours = await allot.usage.series(acme, "minutes", { bucket: "hour", ...span });
  assert.deepEqual([hours.series.length, "by" in hours.series[2]], [3, false]);
  await assert.rejects(allot.usage.series(acme, "minutes", { bucket: "hour", from: "2020-01-01T00:00:00Z" }), InvalidRequestError);
  await assert.rejects(allot.usage.series(acme, "minutes", { by: "feature" }), TypeError);

  // What was used is said: nothing is not 1.
  for (const value of [undefined, null]) {
    await assert.rejects(allot.usage.record([{ org_code, feature_code: "minutes", value }]), /value .*want a decimal/);
  }

  await allot.overrides.set(acme, "minutes", { max: null });
  const unlimited = await allot.credits.get(acme, "minutes");
  assert.deepEqual([unlimited.unlimited, unlimited.available, unlimited.sources[0].remaining], [true, null, null]);
  await assert.rejects(allot.credits.get(acme, "sso"), InvalidRequestError);
});

test("events are followed over a restart", async () => {
  const own = await Installation.start();
  try {
    const allot = new Allot({ ...own.options, timeout: 60_000, attempts: 50 });
    const first = await allot.events.list({ types: ["catalog.applied"], wait: 30 });
    assert.deepEqual(first.events.map((e) => [e.type, e.actor.kind]), [["catalog.applied", "client"]]);

    const cursors = [];
    const ending = new AbortController();
    const moved = (cursor) => cursors.push(cursor);
    const following = allot.events.follow({ after: first.next, types: ["customer.created"], moved, signal: ending.signal });
    await allot.customers.create({ org_code: "one" });
    const { value: event } = await following.next();
    assert.equal(event.data.after.id, event.customer_id);

    // It is gone, and the next event comes after it is there again.
    await own.pullThePlug();
    const pending = following.next();
    await own.serve();
    const made = await allot.customers.create({ org_code: "two" });
    assert.equal((await pending).value.customer_id, made.id);
    assert.ok(cursors[0] >= event.id);

    const about = await allot.events.list({ customer: "org_code:one" });
    assert.equal(about.events[0].type, "customer.created");
    const end = await allot.events.list({ after: "end" });
    assert.ok(end.events.length === 0 && end.next >= about.next);
    await assert.rejects(allot.events.follow({ after: 1e9 }).next(), InvalidRequestError);
    await assert.rejects(allot.events.list({ type: "customer.created" }), /unknown option type/);

    const last = following.next();
    ending.abort(new Error("enough"));
    await assert.rejects(last, /enough/);
  } finally {
    await own.stop();
  }
});
