// Kinde's js-utils, unmodified, against a running Allot: what a user's own token shows.
//
// Usage: node account.cjs SUITE... < run.json, with the SDK found by NODE_PATH.
"use strict";

const assert = require("node:assert/strict");
const { generatePortalUrl, getEntitlement, getEntitlements, hasBillingEntitlements, MemoryStorage, PortalPage, setActiveStorage, StorageKeys } =
  require("@kinde/js-utils");
const { main, run, test } = require("./cases.cjs");

// An application keeps the tokens of the user who has signed in in a storage; the
// SDK finds the server by the token's issuer.
function signIn({ token }) {
  const storage = new MemoryStorage();
  storage.setSessionItem(StorageKeys.accessToken, token);
  setActiveStorage(storage);
}

// An entitlement by the SDK's names, without its id.
const renamed = (e) => ({
  fixedCharge: e.fixed_charge,
  priceName: e.price_name,
  unitAmount: e.unit_amount,
  featureKey: e.feature_key,
  featureName: e.feature_name,
  entitlementLimitMax: e.entitlement_limit_max,
  entitlementLimitMin: e.entitlement_limit_min,
});
const many = run.many.map(renamed);

const terms = (entitlements) => entitlements.map(({ id, ...rest }) => rest);

// The answer of the call, which must make this number of requests. The SDK pages
// on as long as it is told that there is more, so one too many ends it.
async function requests(count, call) {
  const { fetch } = globalThis;
  let made = 0;
  globalThis.fetch = (...request) => {
    assert.ok(++made <= count, `more than ${count} requests`);
    return fetch(...request);
  };
  try {
    const answer = await call();
    assert.equal(made, count);
    return answer;
  } finally {
    globalThis.fetch = fetch;
  }
}

const has = (...billingEntitlements) => hasBillingEntitlements({ billingEntitlements });

test("account", "entitlements_of_many_pages", async () => {
  signIn(run.user);
  const answer = await requests(many.length / 10, getEntitlements);
  assert.equal(answer.orgCode, run.org_code);
  assert.deepEqual(terms(answer.entitlements), many);
  const ids = answer.entitlements.map((e) => e.id);
  assert.deepEqual(ids, [...new Set(ids)].sort());
});

test("account", "plans_are_not_doubled", async () => {
  signIn(run.user);
  const { plans } = await getEntitlements();
  assert.deepEqual(plans.map((plan) => plan.key), ["many"]);
  assert.ok(!Number.isNaN(Date.parse(plans[0].subscribedOn)));
});

test("account", "entitlement", async () => {
  signIn(run.user);
  const { entitlements } = await getEntitlements();
  for (const e of [entitlements[0], entitlements[1], entitlements.at(-1)]) {
    assert.deepEqual(await getEntitlement(e.featureKey), { orgCode: run.org_code, entitlement: e });
  }
});

test("account", "entitlement_not_held", async () => {
  signIn(run.user);
  await assert.rejects(() => getEntitlement("early_access"), /404/);
  await assert.rejects(() => getEntitlement("flying/high?"), /404/);
});

test("account", "has_what_the_customer_holds", async () => {
  signIn(run.user);
  for (const { priceName } of [many[0], many[1], many.at(-1)]) assert.equal(await has(priceName), true, priceName);
  assert.equal(await has(...many.map((e) => e.priceName)), true);
});

test("account", "has_not_what_others_hold", async () => {
  signIn(run.user);
  assert.equal(await has("Pro base"), false);
  assert.equal(await has(many[0].priceName, "Pro base"), false);
});

test("account", "has_under_a_condition", async () => {
  signIn(run.user);
  const seats = (condition) => has({ entitlement: "Many seat", condition });
  assert.equal(await seats((e) => e.entitlementLimitMax === 10), true);
  assert.equal(await seats((e) => e.entitlementLimitMax > 10), false);
});

test("account", "user_without_customer_has_nothing", async () => {
  signIn(run.guest);
  assert.deepEqual(await requests(1, getEntitlements), { orgCode: run.org_code, plans: [], entitlements: [] });
  // Its organization holds it; that is kept from users.
  assert.equal(await has("Pro seat"), false);
  await assert.rejects(() => getEntitlement("seats"), /404/);
});

test("account", "wrongly_signed_token", async () => {
  const [head, claims, signature] = run.user.token.split(".");
  const other = (signature[0] === "A" ? "B" : "A") + signature.slice(1);
  signIn({ token: [head, claims, other].join(".") });
  await assert.rejects(getEntitlements, /403/);
});

for (const subNav of [undefined, PortalPage.planDetails, PortalPage.organizationPlanSelection]) {
  test("account", `portal_url_${subNav ?? "default"}`, async () => {
    signIn(run.user);
    const { url } = await generatePortalUrl({ domain: run.url, returnUrl: run.return_url, subNav });
    assert.ok(url.href.startsWith(run.url + "/portal/"), url.href);
    const page = await fetch(url);
    assert.equal(page.status, 200);
    const text = await page.text();
    assert.ok(text.includes(">Many<") && text.includes(`href="${run.return_url}"`), text);
    // Another session comes too late.
    assert.equal((await fetch(url)).status, 403);
  });
}

test("account", "portal_url_back_to_somewhere_else", async () => {
  signIn(run.user);
  await assert.rejects(() => generatePortalUrl({ domain: run.url, returnUrl: "https://elsewhere.example/" }), /400/);
});

test("account", "portal_url_of_nobody", async () => {
  signIn(run.guest);
  await assert.rejects(() => generatePortalUrl({ domain: run.url, returnUrl: run.return_url }), /404/);
});

main("@kinde/js-utils");
