// The gates: who passes, who does not, and what happens when the plug is pulled.

import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { after, before, test } from "node:test";

import express from "express";

import { Allot, AuthenticationError, NotFoundError } from "@allot-dev/allot";
import { gate as expressGate } from "@allot-dev/allot/express";
import { gate as nextGate } from "@allot-dev/allot/next";

import { Installation, Proxy } from "./installation.mjs";

let server;
let orgs = 0;

before(async () => (server = await Installation.start()));
after(() => server.stop());

async function org() {
  const code = `org_${++orgs}`;
  await new Allot(server.options).customers.create({ org_code: code });
  return `org_code:${code}`;
}

/** An Express app with one guarded route, and how often its handler ran. */
function inExpress(options, { feature = "reports", ...how } = {}) {
  const asked = { ran: 0, error: undefined };
  const allot = new Allot({ attempts: 1, ...options });
  const app = express();
  const guard = expressGate(allot, feature, { customer: (req) => req.get("X-Customer"), ...how });
  app.post("/", guard, (req, res) => {
    asked.ran++;
    asked.seen = res.locals.allot;
    res.json({ ok: true });
  });
  app.get("/ping", (req, res) => res.json({ ok: true }));
  app.use((error, req, res, next) => {
    asked.error = error;
    res.status(500).json({ error: "fault" });
  });
  asked.listen = async () => {
    const listener = app.listen(0, "127.0.0.1");
    await once(listener, "listening");
    return listener;
  };
  asked.post = async (customer) => {
    const listener = await asked.listen();
    try {
      const answer = await fetch(`http://127.0.0.1:${listener.address().port}/`, {
        method: "POST",
        headers: customer ? { "X-Customer": customer, Connection: "close" } : { Connection: "close" },
      });
      return [answer.status, await answer.json()];
    } finally {
      listener.close();
    }
  };
  return asked;
}

/** The same as a route handler. */
function inNext(options, { feature = "reports", ...how } = {}) {
  const asked = { ran: 0, error: undefined };
  const allot = new Allot({ attempts: 1, ...options });
  const handler = nextGate(
    allot,
    feature,
    { customer: async (request) => request.headers.get("X-Customer"), ...how },
    (request, context, decision) => {
      assert.equal(context.params, "of the route");
      asked.ran++;
      asked.seen = decision;
      return Response.json({ ok: true });
    },
  );
  asked.post = async (customer) => {
    const headers = customer ? { "X-Customer": customer } : {};
    try {
      const answer = await handler(new Request("http://app/", { method: "POST", headers }), { params: "of the route" });
      return [answer.status, await answer.json()];
    } catch (error) {
      asked.error = error;
      return [500, { error: "fault" }];
    }
  };
  return asked;
}

for (const [framework, make] of [["express", inExpress], ["next", inNext]]) {
  test(`${framework}: consume counts until the limit`, async () => {
    const acme = await org();
    const asked = make(server.options);
    for (let i = 0; i < 3; i++) assert.equal((await asked.post(acme))[0], 200);
    assert.equal(asked.seen.remaining, "0");
    const [status, body] = await asked.post(acme);
    assert.equal(status, 402);
    assert.equal(asked.ran, 3);
    const { resets_on, ...rest } = body.decision;
    assert.ok(resets_on);
    assert.deepEqual({ ...body, decision: rest }, {
      error: "not_allowed",
      decision: {
        allowed: false, reason: "limit_reached", feature_code: "reports", limit: 3, used: "3", held: "0", remaining: "0",
      },
    });
  });

  test(`${framework}: check counts nothing`, async () => {
    const acme = await org();
    const asked = make(server.options, { mode: "check", units: 3 });
    for (let i = 0; i < 4; i++) assert.equal((await asked.post(acme))[0], 200);
    assert.equal(asked.seen.used, "0");
  });

  test(`${framework}: who has not the feature or is nobody`, async () => {
    const asked = make(server.options, { feature: "sso", mode: "check" });
    assert.equal((await asked.post(await org()))[0], 403);
    assert.deepEqual(await asked.post(undefined), [403, { error: "no_customer" }]);
    assert.deepEqual(await asked.post("org_code:nobody"), [403, { error: "no_customer" }]);
    assert.equal(asked.ran, 0);
  });

  test(`${framework}: the status is configurable`, async () => {
    const acme = await org();
    assert.equal((await make(server.options, { units: 4, status: 451 }).post(acme))[0], 451);
    const byReason = (decision) => (decision.reason === "limit_reached" ? 409 : 500);
    assert.equal((await make(server.options, { units: 4, status: byReason }).post(acme))[0], 409);
  });

  test(`${framework}: pull the plug`, async () => {
    const own = await Installation.start();
    try {
      await new Allot(own.options).customers.ensure({ org_code: "acme" });
      const closed = make(own.options);
      const opened = make(own.options, { onError: "allow" });
      assert.equal((await closed.post("org_code:acme"))[0], 200);
      assert.equal((await opened.post("org_code:acme"))[0], 200);
      await own.pullThePlug();
      assert.deepEqual(await closed.post("org_code:acme"), [503, { error: "unavailable" }]);
      assert.equal(closed.ran, 1);
      assert.equal((await opened.post("org_code:acme"))[0], 200);
      assert.deepEqual([opened.ran, opened.seen], [2, null]);
      assert.equal((await opened.post(undefined))[0], 403); // nobody is not let in even then
      await own.serve();
      assert.equal((await closed.post("org_code:acme"))[0], 200);
    } finally {
      await own.stop();
    }
  });

  test(`${framework}: an answer that is not a yes`, async (t) => {
    const acme = await org();
    const proxy = await Proxy.start(server.port);
    t.after(() => proxy.stop());
    const asked = make({ ...server.options, url: proxy.url });
    for (const status of [200, 429, 500, 503]) {
      proxy.faults = [{ path: "/v1/consume", status }];
      assert.deepEqual(await asked.post(acme), [503, { error: "unavailable" }]);
    }
    assert.equal(asked.ran, 0);
  });

  test(`${framework}: a fault of the program lets nobody in`, async () => {
    const acme = await org();
    for (const onError of ["deny", "allow"]) {
      const cases = [
        [make({ ...server.options, clientSecret: "wrong" }, { onError }), AuthenticationError],
        [make(server.options, { onError, feature: "teleport" }), NotFoundError],
        [make(server.options, { onError, customer: () => { throw new TypeError("ours"); } }), TypeError],
        [make(server.options, { onError, customer: () => "acme" }), TypeError],
      ];
      for (const [asked, kind] of cases) {
        assert.equal((await asked.post(acme))[0], 500);
        assert.ok(asked.error instanceof kind, String(asked.error));
        assert.equal(asked.ran, 0);
      }
    }
  });
}

test("the event loop goes on while Allot is silent", async (t) => {
  const silent = net.createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  const asked = inExpress({ ...server.options, url: `http://127.0.0.1:${silent.address().port}` }, { timeout: 10_000 });
  const listener = await asked.listen();
  t.after(() => {
    silent.close();
    listener.close();
    listener.closeAllConnections();
  });
  const at = `http://127.0.0.1:${listener.address().port}`;
  let done = false;
  const waiting = fetch(at, { method: "POST", headers: { "X-Customer": "org_code:a" } }).finally(() => (done = true));
  const [socket] = await once(silent, "connection"); // Allot is being asked
  t.after(() => socket.destroy());
  for (let i = 0; i < 20; i++) assert.equal((await fetch(at + "/ping")).status, 200);
  assert.equal(done, false);
  silent.close();
  socket.destroy();
  assert.equal((await waiting).status, 503);
});

test("gates refuse what they cannot do", () => {
  const allot = new Allot(server.options);
  const customer = () => null;
  assert.throws(() => expressGate(allot, "reports", { customer, onError: "open" }), /onError open/);
  assert.throws(() => nextGate(allot, "reports", { customer, mode: "ask" }, () => {}), /mode ask/);
  assert.throws(() => expressGate(allot, "reports", { customer, on_error: "allow" }), /no option on_error/);
  assert.throws(() => expressGate(allot, "reports", {}), /customer/);
});
