// Kinde's jwt-validator, unmodified, against a running Allot: tokens and the keys that
// they are checked with.
//
// Usage: node validator.cjs SUITE... < run.json, with the SDK found by NODE_PATH.
"use strict";

const assert = require("node:assert/strict");
const { validateToken } = require("@kinde/jwt-validator");
const { main, run, test } = require("./cases.cjs");

async function token({ client_id, client_secret }) {
  const body = new URLSearchParams({ grant_type: "client_credentials", client_id, client_secret });
  const answer = await fetch(run.url + "/oauth2/token", { method: "POST", body });
  return (await answer.json()).access_token;
}

const valid = async (token) => (await validateToken({ token, domain: run.url })).valid;

test("validator", "token_of_a_client", async () => assert.equal(await valid(await token(run.client)), true));

test("validator", "token_of_a_user", async () => assert.equal(await valid(run.user.token), true));

test("validator", "wrongly_signed_token", async () => {
  const [head, claims, signature] = run.user.token.split(".");
  const other = (signature[0] === "A" ? "B" : "A") + signature.slice(1);
  assert.equal(await valid([head, claims, other].join(".")), false);
});

test("validator", "changed_claims", async () => {
  const [head, claims, signature] = run.user.token.split(".");
  const changed = { ...JSON.parse(Buffer.from(claims, "base64url")), sub: "kp_admin" };
  assert.equal(await valid([head, Buffer.from(JSON.stringify(changed)).toString("base64url"), signature].join(".")), false);
});

main("@kinde/jwt-validator");
