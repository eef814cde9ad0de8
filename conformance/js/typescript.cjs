// Kinde's TypeScript SDK, unmodified, against a running Allot: a client's own token,
// and calls with it.
//
// Usage: node typescript.cjs SUITE... < run.json, with the SDK found by NODE_PATH.
"use strict";

const assert = require("node:assert/strict");
const { Configuration, createKindeServerClient, GrantType, OrganizationsApi, UsersApi } = require("@kinde-oss/kinde-typescript-sdk");
const { main, memory, run, test } = require("./cases.cjs");

const clientOf = ({ client_id, client_secret }, audience = run.url + "/api") =>
  createKindeServerClient(GrantType.CLIENT_CREDENTIALS, {
    authDomain: run.url, clientId: client_id, clientSecret: client_secret, audience, logoutRedirectURL: run.return_url,
  });

const configuration = async (credentials = run.client) =>
  new Configuration({ basePath: run.url, accessToken: await clientOf(credentials).getToken(memory()), headers: { Accept: "application/json" } });

// What the SDK's models leave out is in the answer itself.
const raw = async (answer) => (await answer).raw.json();

test("typescript", "token", async () => {
  const session = memory();
  const client = clientOf(run.client);
  const token = await client.getToken(session);
  assert.equal(token.split(".").length, 3);
  assert.equal(await client.getToken(session), token, "a token that is good is kept");
  assert.equal(await client.isAuthenticated(session), true);
});

test("typescript", "token_for_an_audience_that_is_not_ours", () =>
  assert.rejects(() => clientOf(run.client, "https://elsewhere.example").getToken(memory()), /audience is not this server's/));

test("typescript", "token_for_a_wrong_secret", () =>
  assert.rejects(() => clientOf({ ...run.client, client_secret: "A".repeat(52) }).getToken(memory()), /client/));

test("typescript", "entitlements_with_the_token", async () => {
  const token = await clientOf(run.client).getToken(memory());
  const answer = await fetch(`${run.url}/api/v1/billing/entitlements?customer_id=${run.customer}&page_size=500`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  assert.equal(answer.status, 200);
  const { entitlements } = await answer.json();
  assert.deepEqual(entitlements.map(({ id, ...rest }) => rest), run.pro);
});

test("typescript", "organization", async () => {
  const api = new OrganizationsApi(await configuration());
  const made = await api.createOrganization({ createOrganizationRequest: { name: "TypeScript" } });
  assert.match(made.organization.code, /^org_[0-9a-f]{12}$/);
  assert.equal((await api.getOrganization({ code: run.org_code })).code, run.org_code);
  // The SDK's description of it is older than expand=billing.
  await assert.rejects(() => api.getOrganization({ code: made.organization.code }), (e) => e.response.status === 400);
});

test("typescript", "user", async () => {
  const api = new UsersApi(await configuration());
  const user = await raw(api.getUserDataRaw({ id: run.user.id, expand: "billing" }));
  assert.equal(user.id, run.user.id);
  assert.match(user.billing.customer_id, /^customer_[0-9a-f]{32}$/);
  await assert.rejects(() => api.getUserData({ id: "kp_nobody" }), (e) => e.response.status === 400);
});

test("typescript", "users_by_page", async () => {
  const api = new UsersApi(await configuration());
  const ids = [];
  for (let nextToken; ;) {
    const page = await api.getUsers({ pageSize: 1, nextToken });
    assert.equal(page.users.length, 1);
    ids.push(page.users[0].id);
    if (!(nextToken = page.nextToken)) break;
    assert.ok(ids.length < 100, "the walk does not end");
  }
  assert.deepEqual(ids, [...new Set(ids)].sort());
  assert.ok(ids.includes(run.user.id) && !ids.includes(run.guest.id), String(ids));
});

test("typescript", "403_SCOPE_MISSING", async () => {
  const api = new UsersApi(await configuration(run.narrow));
  await assert.rejects(() => api.getUsers({}), (e) => e.response.status === 403);
});

main("@kinde-oss/kinde-typescript-sdk");
