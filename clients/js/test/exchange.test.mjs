// Retries, keys, tokens, limits, errors: what happens to every request.

import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { after, afterEach, before, beforeEach, mock, test } from "node:test";
import { inspect } from "node:util";

import {
  Allot,
  AllotError,
  AuthenticationError,
  InvalidRequestError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitedError,
  UnavailableError,
} from "@allot-dev/allot";

import { Installation, Proxy } from "./installation.mjs";

let server, proxy, acme, allot;
let orgs = 0;

before(async () => (server = await Installation.start()));
after(() => server.stop());
beforeEach(async () => {
  proxy = await Proxy.start(server.port);
  const code = `org_${++orgs}`;
  await new Allot(server.options).customers.create({ org_code: code });
  acme = `org_code:${code}`;
  allot = new Allot({ ...server.options, url: proxy.url });
});
afterEach(async () => {
  globalThis.setTimeout = realTimeout;
  mock.restoreAll();
  await proxy.stop();
});

/** The waits of the package between attempts, which take no time. fetch has timers of its own. */
function waits() {
  const asked = [];
  globalThis.setTimeout = (then, ms, ...more) => {
    const [, , caller] = new Error().stack.split("\n");
    if (!caller.includes("@allot-dev/allot")) return realTimeout(then, ms, ...more);
    asked.push(ms);
    queueMicrotask(then);
  };
  return asked;
}

const realTimeout = setTimeout;

const keys = (path) => proxy.seen.filter((seen) => seen.path === path).map((seen) => seen.key);

test("a dropped answer counts once", async () => {
  const asked = waits();
  proxy.faults = [{ path: "/v1/consume" }, { path: "/v1/consume", status: 503 }, { path: "/v1/consume", status: 500 }];
  assert.equal((await allot.consume(acme, "reports")).used, "1");
  assert.equal((await allot.check(acme, "reports")).used, "1");
  const sent = keys("/v1/consume");
  assert.equal(sent.length, 4);
  assert.ok(sent[0]);
  assert.equal(new Set(sent).size, 1);
  assert.equal(asked.length, 3);

  await allot.consume(acme, "reports");
  assert.equal(new Set(keys("/v1/consume")).size, 2);
});

test("Retry-After is honoured", async () => {
  for (const status of [429, 502, 503, 504]) {
    const asked = waits();
    proxy.faults = [{ path: "/v1/check", status, headers: { "Retry-After": "2" } }, { path: "/v1/check", status }];
    assert.equal((await allot.check(acme, "reports")).allowed, true);
    assert.ok(asked[0] >= 2000 && asked[0] <= 2200, String(asked));
    assert.ok(asked[1] <= 400, String(asked));
  }
});

test("a wait beyond the timeout is not waited for", async () => {
  const asked = waits();
  proxy.faults = [{ path: "/v1/consume", status: 429, headers: { "Retry-After": "20" }, code: "TOO_MANY_REQUESTS" }];
  await assert.rejects(allot.consume(acme, "reports"), (error) => {
    assert.ok(error instanceof RateLimitedError);
    assert.equal(error.retryAfter, 20);
    return true;
  });
  assert.deepEqual(asked, []);
});

test("what is not safe to repeat is not repeated", async () => {
  waits();
  const agreement = (await allot.customers.get(acme)).agreements[0].id;
  proxy.faults = [{ path: "/v1/agreements", status: 503 }];
  await assert.rejects(allot.agreements.cancel(agreement), UnavailableError);
  proxy.faults = [{ path: "/v1/agreements", status: 429 }];
  assert.equal((await allot.agreements.cancel(agreement)).status, "ended");
});

test("an error of a bulk has what was recorded before it", async () => {
  const customer_id = (await allot.customers.get(acme)).id;
  proxy.faults = [{ path: "/v1/usage", status: 400, code: "BODY_INVALID", after: 1 }];
  const records = Array.from({ length: 1001 }, () => ({ customer_id, feature_code: "minutes", value: "0.001" }));
  await assert.rejects(allot.usage.record(records), (error) => {
    assert.ok(error instanceof InvalidRequestError);
    assert.equal(error.recorded.length, 1000);
    return true;
  });
});

test("one token for many calls", async () => {
  await Promise.all(Array.from({ length: 24 }, () => allot.check(acme, "reports")));
  assert.equal(proxy.count("/oauth2/token"), 1);
});

test("a token is fetched again before it ends", async () => {
  const real = performance.now.bind(performance);
  let moved = 0;
  mock.method(performance, "now", () => real() + moved);
  await allot.check(acme, "reports");
  const { expires_in } = await (
    await fetch(server.url + "/oauth2/token", {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "client_credentials",
        client_id: server.credentials.clientId,
        client_secret: server.credentials.clientSecret,
      }),
    })
  ).json();
  moved = (expires_in - 90) * 1000;
  await allot.check(acme, "reports");
  assert.equal(proxy.count("/oauth2/token"), 1);
  moved = (expires_in - 60) * 1000;
  await allot.check(acme, "reports");
  assert.equal(proxy.count("/oauth2/token"), 2);
});

test("a refused token is fetched again once", async () => {
  const refused = { path: "/v1/", status: 403, code: "INVALID_CREDENTIALS" };
  await allot.check(acme, "reports");
  proxy.faults = [refused];
  assert.equal((await allot.consume(acme, "reports")).used, "1");
  proxy.faults = [refused, refused];
  await assert.rejects(allot.check(acme, "reports"), AuthenticationError);
  assert.equal(proxy.count("/oauth2/token"), 3);
});

test("a call that is given up does not end the fetch of a token", async () => {
  let sent = 0;
  let answer;
  const late = new Promise((resolve) => (answer = resolve));
  const slow = new Allot({
    ...server.options,
    fetch: async (input, init) => {
      if (String(input).endsWith("/oauth2/token") && ++sent === 1) await late;
      return fetch(input, init);
    },
  });
  await assert.rejects(slow.check(acme, "reports", { timeout: 20 }), UnavailableError);
  answer();
  assert.equal((await slow.check(acme, "reports")).allowed, true);
  assert.equal(sent, 1);
});

test("exactly as many as the limit", async () => {
  const decisions = await Promise.all(Array.from({ length: 25 }, () => allot.consume(acme, "minutes")));
  assert.equal(decisions.filter((d) => d.allowed).length, 10);
});

test("errors by situation", async () => {
  const narrow = new Allot({ url: server.url, ...server.client("narrow", "read:catalog") });
  const wrong = new Allot({ ...server.options, clientSecret: "wrong" });
  const cases = [
    [() => narrow.check(acme, "reports"), PermissionDeniedError, "SCOPE_MISSING"],
    [() => wrong.check(acme, "reports"), AuthenticationError, "INVALID_CLIENT"],
    [() => allot.check(acme, "nothing"), NotFoundError, "FEATURE_NOT_FOUND"],
    [() => allot.check("org_code:nobody", "reports"), NotFoundError, "CUSTOMER_NOT_FOUND"],
    [() => allot.check(acme, "reports", { units: 0 }), InvalidRequestError, "UNITS_INVALID"],
  ];
  for (const [call, kind, code] of cases) {
    await assert.rejects(call(), (error) => {
      assert.ok(error instanceof kind && error instanceof AllotError);
      assert.equal(error.name, kind.name);
      assert.equal(error.code, code);
      assert.ok(error.requestId && error.message.includes(error.requestId) && error.message.includes(code));
      return true;
    });
  }
});

test("no answer", async () => {
  const silent = net.createServer().listen(0, "127.0.0.1"); // takes connections, never answers
  await once(silent, "listening");
  const { port } = silent.address();
  const sockets = new Set();
  silent.on("connection", (socket) => sockets.add(socket));
  const nobody = new Allot({ ...server.options, url: `http://127.0.0.1:${port}`, attempts: 1 });
  await assert.rejects(nobody.check(acme, "reports", { timeout: 200 }), (error) => {
    assert.ok(error instanceof UnavailableError);
    assert.equal(error.status, undefined);
    return true;
  });
  const aborted = new AbortController();
  const given = nobody.check(acme, "reports", { signal: aborted.signal });
  aborted.abort(new Error("given up"));
  await assert.rejects(given, /given up/);
  for (const socket of sockets) socket.destroy();
  silent.close();
  await once(silent, "close");

  const asked = waits();
  const gone = new Allot({ ...server.options, url: `http://127.0.0.1:${port}` });
  await assert.rejects(gone.agreements.cancel("agreement_1"), /no connection: ECONNREFUSED/);
  assert.equal(asked.length, 3); // nothing was sent, so it was tried again
});

test("an answer of something else", async () => {
  await allot.check(acme, "reports");
  proxy.faults = [{ path: "/v1/check", status: 200 }];
  await assert.rejects(allot.check(acme, "reports"), /no decision/);
  proxy.faults = [{ path: "/v1/check", status: 302, headers: { Location: "http://127.0.0.1:9/" } }];
  await assert.rejects(allot.check(acme, "reports"), (error) => error instanceof AllotError && error.status === 302);
});

test("a hold that is not released ends by itself", async () => {
  const once = new Allot({ ...server.options, url: proxy.url, attempts: 1 });
  const hold = await once.hold(acme, "minutes");
  proxy.faults = [{ path: "/v1/holds", status: 503 }];
  await hold[Symbol.asyncDispose]();
  assert.equal(proxy.faults.length, 0);
});

test("secrets are nowhere", async () => {
  const { clientSecret } = server.credentials;
  const wrong = new Allot({ ...server.options, clientId: "nobody" });
  const error = await wrong.check(acme, "reports").catch((e) => e);
  await allot.check(acme, "reports");
  for (const thing of [allot, wrong, error, allot.holds]) {
    for (const text of [inspect(thing, { depth: 9, showHidden: true }), JSON.stringify(thing), String(thing)]) {
      assert.ok(!text.includes(clientSecret));
      assert.ok(!text.includes("Bearer"));
    }
  }
  assert.ok(error instanceof AuthenticationError);
});

test("settings", async () => {
  const saved = { ...process.env };
  try {
    for (const name of Object.keys(process.env)) if (/^ALLOT_(URL|CLIENT)/.test(name)) delete process.env[name];
    assert.throws(() => new Allot(), /url, clientId, clientSecret.*ALLOT_URL, ALLOT_CLIENT_ID, ALLOT_CLIENT_SECRET/);
    Object.assign(process.env, server.environment);
    assert.equal((await new Allot().check(acme, "reports")).allowed, true);
    for (const url of ["localhost:8080", "ftp://localhost", "http://user:pass@localhost", "http://localhost?x=1"]) {
      assert.throws(() => new Allot({ url }), (error) => /the url of Allot/.test(error.message) && !/pass/.test(error.message));
    }
  } finally {
    process.env = saved;
  }
});
