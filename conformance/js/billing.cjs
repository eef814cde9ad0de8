// Kinde's own JavaScript management SDK, unmodified, against a running Allot.
//
// Usage: node billing.cjs SUITE... < run.json, with the SDK found by NODE_PATH.
"use strict";

const assert = require("node:assert/strict");
const sdk = require("@kinde/management-api-js");
const { ApiError, BillingAgreements, BillingEntitlements, BillingMeterUsage, init, Organizations, setToken, Users } = sdk;
const { main, run, test } = require("./cases.cjs");

const unknownCustomer = "customer_" + "0".repeat(32);
const unknownAgreement = "agreement_" + "0".repeat(32);
const unknownEntitlement = "entitlement_" + "0".repeat(32);

// The environment that the SDK's own page asks for.
process.env.KINDE_DOMAIN = run.domain;
process.env.KINDE_MANAGEMENT_CLIENT_ID = run.client.client_id;
process.env.KINDE_MANAGEMENT_CLIENT_SECRET = run.client.client_secret;
init();

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

// Organizations and users: where an application learns its customers.

test("management", "organization_that_becomes_a_customer", async () => {
  const made = await Organizations.createOrganization({
    requestBody: { name: "JavaScript", is_create_billing_customer: true, billing_email: "pay@example.com" },
  });
  assert.deepEqual([made.code, made.message], ["OK", "Success"]);
  const { code, billing_customer_id } = made.organization;
  assert.match(code, /^org_[0-9a-f]{12}$/);
  assert.deepEqual(terms((await entitlementsOf(billing_customer_id)).entitlements), run.free);
  const [agreement] = await agreementsOf(billing_customer_id);
  assert.deepEqual(await Organizations.getOrganization({ code, expand: "billing" }), {
    code, name: "JavaScript",
    billing: { billing_customer_id, agreements: [{ plan_code: "free", agreement_id: agreement.id }] },
  });
});

test("management", "organization_that_is_no_customer", async () => {
  const { organization } = await Organizations.createOrganization({ requestBody: { name: "JavaScript" } });
  assert.deepEqual(Object.keys(organization), ["code"]);
  await refused(400, "ORGANIZATION_NOT_FOUND", () => Organizations.getOrganization({ code: organization.code }));
});

for (const [code, more] of [
  ["BILLING_EMAIL_REQUIRED", {}],
  ["BILLING_EMAIL_INVALID", { billing_email: "nobody" }],
  ["PLAN_NOT_FOUND", { billing_email: "pay@example.com", billing_plan_code: "gold" }],
  ["PLAN_NOT_AVAILABLE", { billing_email: "pay@example.com", billing_plan_code: "solo" }],
]) {
  test("management", `organization_400_${code}`, () => refused(400, code, () => Organizations.createOrganization({
    requestBody: { name: "JavaScript", is_create_billing_customer: true, ...more } })));
}

test("management", "user", async () => {
  const user = await Users.getUserData({ id: run.user.id, expand: "billing" });
  assert.equal(user.id, run.user.id);
  assert.equal((await entitlementsOf(user.billing.customer_id)).entitlements.length, run.many.length);
  await refused(400, "USER_NOT_FOUND", () => Users.getUserData({ id: run.guest.id }));
});

test("management", "users_by_page", async () => {
  const found = [];
  for (let nextToken; ;) {
    const page = await Users.getUsers({ pageSize: 1, expand: "billing", nextToken });
    found.push(...page.users);
    if (!(nextToken = page.next_token)) break;
    assert.ok(found.length < 100, "the walk does not end");
  }
  const ids = found.map((u) => u.id);
  assert.deepEqual(ids, [...new Set(ids)].sort());
  assert.ok(found.find((u) => u.id === run.user.id).billing.customer_id);
});

test("management", "users_403_SCOPE_MISSING", () =>
  as(run.narrow, "", () => refused(403, "SCOPE_MISSING", () => Users.getUsers({}))));

// Usage. Later cases build on earlier ones: the customer is on free at first.

const metered = run.javascript_metered_customer;

const agreementOn = async (plan) => (await agreementsOf(metered)).find((a) => a.plan_code === plan).id;

const record = (customer_agreement_id, billing_feature_code, meter_value, more = {}) =>
  BillingMeterUsage.createMeterUsageRecord({
    requestBody: { customer_agreement_id, billing_feature_code, meter_value, ...more },
  });

// What was counted, by Allot's own API: Kinde's has no way to read usage back.
async function used(feature_code) {
  const answer = await fetch(run.url + "/v1/check", {
    method: "POST",
    headers: { Authorization: `Bearer ${await sdk.getToken()}`, "Content-Type": "application/json" },
    body: JSON.stringify({ customer_id: metered, feature_code }),
  });
  assert.equal(answer.status, 200);
  return (await answer.json()).used;
}

test("usage", "delta_is_the_default", async () => {
  const free = await agreementOn("free");
  assert.deepEqual(await record(free, "seats", "2"), { code: "OK", message: "Success" });
  await record(free, "seats", "1", { meter_type_code: "delta" });
  assert.equal(await used("seats"), "3");
});

test("usage", "value_of_untyped_callers_is_a_number", async () => {
  const free = await agreementOn("free");
  await record(free, "projects", 0.1);
  await record(free, "projects", 0.2);
  assert.equal(await used("projects"), "0.3");
  await record(free, "projects", -0.3);
  assert.equal(await used("projects"), "0");
});

test("usage", "absolute_replaces", async () => {
  const free = await agreementOn("free");
  await record(free, "seats", 5, { meter_type_code: "absolute" });
  assert.equal(await used("seats"), "5");
  await record(free, "seats", "2", { meter_type_code: "absolute", meter_usage_timestamp: new Date().toISOString() });
  assert.equal(await used("seats"), "2");
});

test("usage", "400_FEATURE_NOT_FOUND_not_held", async () => {
  const free = await agreementOn("free");
  await refused(400, "FEATURE_NOT_FOUND", () => record(free, "emails", "1"));
});

test("usage", "ended_agreement_still_counts", async () => {
  const free = await agreementOn("free");
  await subscribe(metered, "pro");
  await record(free, "seats", "1");
  await record(await agreementOn("pro"), "seats", "1");
  assert.equal(await used("seats"), "4");
});

for (const [code, label, agreement, feature, value, more] of [
  ["CUSTOMER_AGREEMENT_ID_REQUIRED", "absent", undefined, "seats", "1"],
  ["AGREEMENT_NOT_FOUND", "unknown", unknownAgreement, "seats", "1"],
  ["BILLING_FEATURE_CODE_REQUIRED", "absent", null, undefined, "1"],
  ["FEATURE_NOT_FOUND", "unknown", null, "flying", "1"],
  ["FEATURE_NOT_METERED", "unmetered", null, "sso", "1"],
  ["METER_VALUE_REQUIRED", "absent", null, "seats", undefined],
  ["METER_VALUE_INVALID", "text", null, "seats", "plenty"],
  ["METER_VALUE_INVALID", "sum_of_floats", null, "seats", 0.1 + 0.2],
  ["METER_VALUE_INVALID", "exponent", null, "seats", 1e21],
  ["METER_VALUE_INVALID", "below_zero", null, "seats", -1000],
  ["METER_TYPE_CODE_INVALID", "unknown", null, "seats", "1", { meter_type_code: "average" }],
  ["METER_USAGE_TIMESTAMP_INVALID", "text", null, "seats", "1", { meter_usage_timestamp: "yesterday" }],
]) {
  test("usage", `400_${code}_${label}`, async () => {
    const before = await used("seats");
    const against = agreement === null ? await agreementOn("pro") : agreement;
    await refused(400, code, () => record(against, feature, value, more));
    assert.equal(await used("seats"), before);
  });
}

test("usage", "403_SCOPE_MISSING", async () => {
  const pro = await agreementOn("pro");
  await as(run.narrow, "", () => refused(403, "SCOPE_MISSING", () => record(pro, "seats", "1")));
});

test("usage", "agreements_with_feature", async () => {
  const plans = async (featureCode) => (await agreementsOf(metered, { featureCode })).map((a) => a.plan_code);
  assert.deepEqual(await plans("seats"), ["free", "pro"]);
  assert.deepEqual(await plans("sso"), ["pro"]);
  assert.deepEqual(await plans("early_access"), []);
});

test("usage", "agreements_by_page", async () => {
  await subscribe(metered, "extra_seats");
  const page = async (more) => {
    const { agreements, has_more } = await BillingAgreements.getBillingAgreements({
      customerId: metered, pageSize: 2, ...more });
    return [agreements.map((a) => a.plan_code), has_more];
  };
  assert.deepEqual(await page(), [["free", "pro"], true]);
  assert.deepEqual(await page({ startingAfter: await agreementOn("pro") }), [["extra_seats"], false]);
  assert.deepEqual(await page({ endingBefore: await agreementOn("extra_seats") }), [["free", "pro"], false]);
  assert.deepEqual(await page({ endingBefore: await agreementOn("extra_seats"), pageSize: 1 }), [["pro"], true]);
});

test("usage", "agreement_whose_feature_is_gone", async () => {
  const pro = await agreementOn("pro");
  await subscribe(metered, "free");
  await refused(400, "AGREEMENT_NOT_ACTIVE", () => record(pro, "api_calls", "1"));
  await record(pro, "seats", "1");
  assert.equal(await used("seats"), "5");
});

// The test counts the requests that these five calls make.
test("tokens", "five_calls", async () => {
  for (let i = 0; i < 5; i++) {
    assert.deepEqual(terms((await entitlementsOf(run.customer)).entitlements), run.pro);
  }
});

main("@kinde/management-api-js");
