// Other people's verifiers, unmodified, on what Allot has sent: standardwebhooks, svix and
// @kinde/webhooks.
//
// Usage: node verify.cjs < messages.json, with the packages found by NODE_PATH.
"use strict";

const assert = require("node:assert/strict");
const { readFileSync } = require("node:fs");
const standard = require("standardwebhooks");
const svix = require("svix");
const kinde = require("@kinde/webhooks");

const { domain, secret, messages } = JSON.parse(readFileSync(0, "utf8"));

function signed({ headers, body }) {
  assert.equal(new standard.Webhook(secret).verify(body, headers).id, JSON.parse(body).id);
  // It returns nothing: that it does not throw is all.
  new svix.Webhook(secret).verify(body, headers);
  for (const Verifier of [standard.Webhook, svix.Webhook]) {
    assert.throws(() => new Verifier(secret).verify(body + " ", headers), /signature/i);
    assert.throws(() => new Verifier("whsec_" + "A".repeat(44)).verify(body, headers), /signature/i);
    assert.throws(() => new Verifier(secret).verify(body, { ...headers, "webhook-id": "other" }), /signature/i);
  }
}

async function decoded({ headers, body }) {
  assert.equal(headers["content-type"], "application/jwt");
  const event = await kinde.decodeWebhook(body, domain);
  assert.ok(event, "it is not decoded");
  assert.equal(event.jti, headers["webhook-id"]);
  for (const name of ["aud", "iss", "azp"]) assert.equal(event[name], undefined);
  assert.match(event.event_id, /^event_[0-9a-f]{32}$/);
  assert.equal(event.data.customer_id, event.data.customer.id);
  assert.equal(event.data.plan_code, event.data.plan.code);
  const [head, claims, signature] = body.split(".");
  const other = (signature[0] === "A" ? "B" : "A") + signature.slice(1);
  assert.equal(await kinde.decodeWebhook([head, claims, other].join("."), domain), null);
  return event.type;
}

(async () => {
  const types = [];
  for (const m of messages) {
    if (m.path === "/standard") signed(m);
    else types.push(await decoded(m));
  }
  console.log(JSON.stringify({ verified: messages.length, types }));
})();
