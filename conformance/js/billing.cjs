// Kinde's own JavaScript management SDK, unmodified, against a running Allot.
//
// Usage: node billing.cjs SUITE... < run.json, with the SDK found by NODE_PATH.
//
// run.json is the `run` of conformance_test.go: where Allot is and what was put
// into it. Each case prints one line of JSON, {"case","ok","detail"?}; the last line
// names the SDK and the number of cases, {"sdk","version","runtime","cases"}.
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const sdk = require("@kinde/management-api-js");
const { ApiError, BillingAgreements, BillingEntitlements, init, setToken } = sdk;

const run = JSON.parse(fs.readFileSync(0, "utf8"));
const suites = { management: [], tokens: [] };

const unknownCustomer = "customer_" + "0".repeat(32);
const unknownEntitlement = "entitlement_" + "0".repeat(32);

function test(suite, name, fn) {
  suites[suite].push({ name, fn });
}

async function main() {
  // The environment that the SDK's own page asks for.
  process.env.KINDE_DOMAIN = run.domain;
  process.env.KINDE_MANAGEMENT_CLIENT_ID = run.client.client_id;
  process.env.KINDE_MANAGEMENT_CLIENT_SECRET = run.client.client_secret;
  init();

  let cases = 0;
  for (const suite of process.argv.slice(2)) {
    for (const { name, fn } of suites[suite]) {
      const line = { case: `${suite}/${name}`, ok: true };
      try {
        await fn();
      } catch (error) {
        line.ok = false;
        line.detail = error.stack + (error.body ? "\n" + JSON.stringify(error.body) : "");
        process.exitCode = 1;
      }
      cases++;
      console.log(JSON.stringify(line));
    }
  }
  const about = path.join(path.dirname(require.resolve("@kinde/management-api-js")), "..", "package.json");
  const { name, version } = JSON.parse(fs.readFileSync(about, "utf8"));
  console.log(JSON.stringify({ sdk: name, version, runtime: "Node.js " + process.versions.node, cases }));
}

const entitlementsOf = (customerId, more = {}) =>
  BillingEntitlements.getBillingEntitlements({ customerId, pageSize: 500, ...more });

const agreementsOf = async (customerId, more = {}) =>
  (await BillingAgreements.getBillingAgreements({ customerId, ...more })).agreements;

const subscribe = (customer_id, plan_code) =>
  BillingAgreements.createBillingAgreement({ requestBody: { customer_id, plan_code } });

// What the client was told, ids left out: to compare with the catalog.
const terms = (entitlements) => entitlements.map(({ id, ...rest }) => rest);

// The pro plan as seen with max_value.
const proWithMax = (max) => run.pro.map((e) => ({ entitlement_limit_max: max, ...e }));

// The call must be refused with this status, carrying exactly this one error.
async function refused(status, code, call) {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof ApiError, String(error));
    assert.equal(error.status, status);
    assert.deepEqual(error.body.errors.map((e) => e.code), [code]);
    assert.ok(error.body.errors[0].message, "an error without a message");
    return true;
  });
}

// Every page in the direction of the cursor parameter, in the order met.
async function walk(pageSize, cursor, start) {
  const pages = [];
  let at = start && { [cursor]: start };
  for (;;) {
    const page = await entitlementsOf(run.customer, { pageSize, ...at });
    assert.ok(page.entitlements.length <= pageSize, "a page larger than asked for");
    pages.push(page.entitlements);
    if (!page.has_more) return pages;
    assert.equal(page.entitlements.length, pageSize);
    assert.ok(pages.length < 100, "the walk does not end");
    at = { [cursor]: page.entitlements.at(cursor === "startingAfter" ? -1 : 0).id };
  }
}

test("management", "entitlements_are_those_of_the_plan", async () => {
  const answer = await entitlementsOf(run.customer);
  assert.deepEqual(Object.keys(answer).sort(), ["code", "entitlements", "has_more", "message"]);
  assert.deepEqual([answer.code, answer.message, answer.has_more], ["OK", "Success", false]);
  assert.deepEqual(terms(answer.entitlements), run.pro);
  for (const { id, price_name } of answer.entitlements) {
    assert.match(id, /^entitlement_[0-9a-f]{32}$/);
    assert.ok(price_name);
  }
});

test("management", "default_plan", async () => {
  assert.deepEqual(terms((await entitlementsOf(run.free_customer)).entitlements), run.free);
});

test("management", "default_page_is_ten", async () => {
  const page = await BillingEntitlements.getBillingEntitlements({ customerId: run.customer });
  assert.deepEqual(terms(page.entitlements), run.pro.slice(0, 10));
  assert.equal(page.has_more, true);
});

for (const size of [1, 3, 7, 10, 499, 500]) {
  test("management", `forward_by_${size}`, async () => {
    const whole = (await entitlementsOf(run.customer)).entitlements;
    assert.deepEqual((await walk(size, "startingAfter")).flat(), whole);
  });
  test("management", `backward_by_${size}`, async () => {
    const whole = (await entitlementsOf(run.customer)).entitlements;
    const pages = await walk(size, "endingBefore", whole.at(-1).id);
    assert.deepEqual(pages.reverse().flat(), whole.slice(0, -1));
  });
}

test("management", "max_value", async () => {
  const page = await entitlementsOf(run.customer, { maxValue: "999" });
  assert.deepEqual(terms(page.entitlements), proWithMax(999));
});

test("management", "expand_plans", async () => {
  const { plans } = await entitlementsOf(run.customer, { expand: "plans" });
  assert.deepEqual(plans.map((plan) => plan.code), ["pro"]);
  assert.match(plans[0].subscribed_on, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
});

for (const [code, label, customerId, more] of [
  ["CUSTOMER_ID_REQUIRED", "absent", undefined, {}],
  ["CUSTOMER_NOT_FOUND", "unknown", unknownCustomer, {}],
  ["CUSTOMER_NOT_FOUND", "malformed", "no such form", {}],
  ["PAGE_SIZE_LIMIT_EXCEEDED", "501", run.customer, { pageSize: 501 }],
  ["PAGE_SIZE_INVALID", "0", run.customer, { pageSize: 0 }],
  ["PAGE_SIZE_INVALID", "fraction", run.customer, { pageSize: 1.5 }],
  ["TOO_MANY_PARAMETERS", "both_cursors", run.customer, { startingAfter: unknownEntitlement, endingBefore: unknownEntitlement }],
  ["STARTING_AFTER_INVALID", "malformed", run.customer, { startingAfter: "entitlement_1" }],
  ["ENDING_BEFORE_INVALID", "other_kind", run.customer, { endingBefore: unknownCustomer }],
  ["MAX_VALUE_INVALID", "text", run.customer, { maxValue: "plenty" }],
  ["EXPAND_INVALID", "unknown", run.customer, { expand: "features" }],
]) {
  test("management", `400_${code}_${label}`, () => refused(400, code, () => entitlementsOf(customerId, more)));
}

test("management", "agreements", async () => {
  const [agreement, ...others] = await agreementsOf(run.customer);
  assert.deepEqual(others, []);
  assert.match(agreement.id, /^agreement_[0-9a-f]{32}$/);
  assert.match(agreement.billing_group_id, /^sbg_[0-9a-f]{32}$/);
  assert.equal(agreement.plan_code, "pro");
  assert.equal(agreement.expires_on, null);
  assert.ok(new Date(agreement.current_period_start) < new Date(agreement.current_period_end));
  const { entitlements } = await entitlementsOf(run.customer);
  assert.deepEqual(
    agreement.entitlements,
    entitlements.map((e) => ({ feature_code: e.feature_code, entitlement_id: e.id })),
  );
});

test("management", "agreements_with_feature", async () => {
  assert.equal((await agreementsOf(run.customer, { featureCode: "sso" })).length, 1);
  assert.deepEqual(await agreementsOf(run.customer, { featureCode: "early_access" }), []);
  await refused(400, "FEATURE_NOT_FOUND", () => agreementsOf(run.customer, { featureCode: "flying" }));
});

test("management", "upgrade", async () => {
  const customer = run.javascript_customer;
  assert.deepEqual(terms((await entitlementsOf(customer)).entitlements), run.free);
  assert.deepEqual(await subscribe(customer, "pro"), { code: "OK", message: "Success" });
  const after = await entitlementsOf(customer, { expand: "plans" });
  assert.deepEqual(terms(after.entitlements), run.pro);
  const [old, now, ...others] = await agreementsOf(customer);
  assert.deepEqual([old.plan_code, now.plan_code, others], ["free", "pro", []]);
  assert.deepEqual([old.expires_on, now.expires_on], [after.plans[0].subscribed_on, null]);
  assert.deepEqual([old.current_period_start, old.current_period_end], [null, null]);
});

for (const [code, customer, plan] of [
  ["CUSTOMER_NOT_FOUND", unknownCustomer, "pro"],
  ["PLAN_CODE_REQUIRED", run.javascript_customer, undefined],
  ["PLAN_NOT_FOUND", run.javascript_customer, "gold"],
  ["PLAN_NOT_PUBLISHED", run.javascript_customer, "next"],
  ["PLAN_NOT_AVAILABLE", run.javascript_customer, "solo"],
]) {
  test("management", `400_${code}`, () => refused(400, code, () => subscribe(customer, plan)));
}

// The SDK holds one configuration and one token for the whole process, so the
// cases that change them put them back.
async function as({ client_id, client_secret }, token, call) {
  try {
    init({ kindeDomain: run.url, clientId: client_id, clientSecret: client_secret });
    setToken(token);
    await call();
  } finally {
    init({ kindeDomain: run.url, clientId: run.client.client_id, clientSecret: run.client.client_secret });
    setToken("");
  }
}

test("management", "403_SCOPE_MISSING", () =>
  as(run.narrow, "", () => refused(403, "SCOPE_MISSING", () => entitlementsOf(run.customer))));

// The SDK does not look at the token endpoint's status: it goes on without a token.
test("management", "403_INVALID_CREDENTIALS_wrong_secret", () =>
  as({ ...run.client, client_secret: "wrong" }, "", () =>
    refused(403, "INVALID_CREDENTIALS", () => entitlementsOf(run.customer))));

test("management", "403_INVALID_CREDENTIALS_wrongly_signed_token", async () => {
  await entitlementsOf(run.customer);
  const [head, claims, signature] = (await sdk.getToken()).split(".");
  const other = (signature[0] === "A" ? "B" : "A") + signature.slice(1);
  await as(run.client, [head, claims, other].join("."), () =>
    refused(403, "INVALID_CREDENTIALS", () => entitlementsOf(run.customer)));
});

// The test counts the requests that these five calls make.
test("tokens", "five_calls", async () => {
  for (let i = 0; i < 5; i++) {
    assert.deepEqual(terms((await entitlementsOf(run.customer)).entitlements), run.pro);
  }
});

main();
