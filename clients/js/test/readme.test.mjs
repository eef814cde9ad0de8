// The README and the example app do what they say. readme.js is what TypeScript
// made of the README's blocks, put one after the other by extract.mjs.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { test } from "node:test";

import * as everything from "@allot-dev/allot";

import { Installation } from "./installation.mjs";

const readme = readFileSync(process.env.ALLOT_README, "utf8");

test("README", async () => {
  const server = await Installation.start();
  const printed = [];
  const log = console.log;
  try {
    Object.assign(process.env, server.environment);
    console.log = (...values) => printed.push(values.join(" "));
    const { app, POST } = await import("./readme.js");
    console.log = log;
    const want = [...readme.matchAll(/console\.log\(.*\); \/\/ (.*)/g)].map(([, text]) => text);
    assert.ok(want.length >= 8);
    assert.deepEqual(printed.filter((line) => !/^(base_price|minutes|reports|sso) /.test(line)), want);

    const listener = app.listen(0, "127.0.0.1");
    await once(listener, "listening");
    const headers = { "X-Org": "acme" };
    const url = `http://127.0.0.1:${listener.address().port}/reports`;
    assert.deepEqual(await (await fetch(url, { method: "POST", headers })).json(), { left: "997" });
    listener.close();
    listener.closeAllConnections();
    assert.deepEqual(await (await POST(new Request("http://app/", { headers }), {})).json(), { left: "996" });
  } finally {
    console.log = log;
    await server.stop();
  }
});

test("README names every option and error", () => {
  const types = readFileSync(new URL(import.meta.resolve("@allot-dev/allot").replace("index.js", "client.d.ts")), "utf8");
  const gate = readFileSync(new URL(import.meta.resolve("@allot-dev/allot").replace("index.js", "gate.d.ts")), "utf8");
  const names = [
    ...Object.keys(everything).filter((name) => name.endsWith("Error")),
    ...fields(types, "interface AllotOptions"),
    ...fields(gate, "interface GateOptions"),
  ];
  assert.ok(names.length >= 20, String(names));
  for (const name of names) assert.ok(readme.includes(`\`${name}\``), name);
});

function fields(text, from) {
  const body = text.slice(text.indexOf(from)).split("\n}")[0];
  return [...body.matchAll(/^ {4}(\w+)\??:/gm)].map(([, name]) => name);
}

test("the example app", async () => {
  const server = await Installation.start();
  const app = spawn(process.execPath, [process.env.ALLOT_EXAMPLE], {
    env: { ...process.env, ...server.environment, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const [line] = await once(createInterface(app.stdout), "line");
    const port = line.split(" ").at(-1);
    const ask = async (method, path, { org, body } = {}) => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
        method,
        headers: { ...(org ? { "X-Org": org } : {}), ...(body ? { "Content-Type": "application/json" } : {}) },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      return [answer.status, await answer.json()];
    };
    const org = "acme";
    assert.deepEqual(await ask("POST", "/signup", { body: { org } }), [200, { plan: "free" }]);
    assert.deepEqual(await ask("POST", "/signup", { body: { org } }), [200, { plan: "free" }]);
    assert.equal((await ask("GET", "/sso", { org }))[0], 403);
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push((await ask("POST", "/reports", { org }))[0]);
    assert.deepEqual(statuses, [200, 200, 200, 402]);
    assert.equal((await ask("POST", "/reports"))[0], 403);

    assert.deepEqual(await ask("POST", "/plan", { org, body: { plan: "pro" } }), [200, { plan: "pro" }]);
    assert.deepEqual(await ask("GET", "/sso", { org }), [200, { sso: "on" }]);
    assert.deepEqual(await ask("POST", "/reports", { org }), [200, { report: "done", left: "996" }]);

    assert.deepEqual(await ask("POST", "/plan", { org, body: { plan: "free" } }), [200, { plan: "free" }]);
    const [status, refused] = await ask("POST", "/reports", { org });
    assert.deepEqual([status, refused.decision.reason], [402, "limit_reached"]);
    assert.deepEqual(await ask("POST", "/plan", { org, body: { plan: "gold" } }), [503, { error: "PLAN_NOT_FOUND" }]);
  } finally {
    app.kill();
    await server.stop();
  }
});
