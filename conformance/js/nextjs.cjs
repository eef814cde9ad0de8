// Kinde's Next.js SDK, unmodified, against a running Allot: its server helpers, called
// as the pages router calls them, without a Next app around them.
//
// Usage: node nextjs.cjs SUITE... < run.json, with the SDK found by NODE_PATH.
"use strict";

const assert = require("node:assert/strict");
const { main, run, test } = require("./cases.cjs");

// The environment that the SDK's own page asks for, read when it is loaded.
Object.assign(process.env, {
  KINDE_ISSUER_URL: run.url,
  KINDE_CLIENT_ID: run.client.client_id,
  KINDE_CLIENT_SECRET: run.client.client_secret,
  KINDE_SITE_URL: new URL(run.return_url).origin,
});
const { createKindeManagementAPIClient, getKindeServerSession, handleAuth } = require("@kinde-oss/kinde-auth-nextjs/server");

// A request of the pages router, by a user who has signed in or by nobody, and what
// is answered to it.
function asked(path, user) {
  const answer = {
    headers: {}, redirected: undefined,
    getHeader: (name) => answer.headers[name], setHeader: (name, value) => { answer.headers[name] = value; },
    redirect: (to) => { answer.redirected = to; },
  };
  const request = { url: path, cookies: user ? { access_token: user.token } : {}, headers: {}, query: { kindeAuth: path.split(/[/?]/)[3] } };
  return [request, answer];
}

test("nextjs", "the_secret_has_the_right_form", async () => {
  const answer = await handleAuth()(...asked("/api/auth/health"));
  const health = await answer.json();
  assert.equal(health.clientSecret, "Set correctly");
  assert.equal(health.issuerURL, run.url);
});

test("nextjs", "management_client", async () => {
  const api = await createKindeManagementAPIClient(...asked("/api/any"));
  const made = await api.organizationsApi.createOrganization({ createOrganizationRequest: { name: "Next" } });
  assert.match(made.organization.code, /^org_[0-9a-f]{12}$/);
  assert.equal((await api.organizationsApi.getOrganization({ code: run.org_code })).code, run.org_code);
  const user = await (await api.usersApi.getUserDataRaw({ id: run.user.id, expand: "billing" })).raw.json();
  assert.match(user.billing.customer_id, /^customer_[0-9a-f]{32}$/);
});

test("nextjs", "entitlements_of_the_session", async () => {
  const { entitlements, orgCode } = await getKindeServerSession(...asked("/", run.user)).getEntitlements();
  assert.equal(orgCode, run.org_code);
  assert.deepEqual(entitlements.map((e) => e.priceName), run.many.map((e) => e.price_name));
  assert.equal(await getKindeServerSession(...asked("/")).getEntitlements(), null);
});

test("nextjs", "portal", async () => {
  const [request, answer] = asked(`/api/auth/portal?subNav=plan_details&returnUrl=${encodeURIComponent(run.return_url)}`, run.user);
  await handleAuth()(request, answer);
  assert.ok(answer.redirected.startsWith(run.url + "/portal/"), answer.redirected);
  const page = await fetch(answer.redirected);
  assert.equal(page.status, 200);
  assert.ok((await page.text()).includes(`href="${run.return_url}"`));
});

main("@kinde-oss/kinde-auth-nextjs/server");
