// Runs using.ts, as TypeScript compiled it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Allot } from "@allot-dev/allot";

import { Installation } from "./installation.mjs";
import { hold, refused } from "./using.js";

test("await using", async () => {
  const server = await Installation.start();
  try {
    const allot = new Allot(server.options);
    const acme = await allot.customers.ensure({ org_code: "acme" });
    const stands = async () => {
      const { used, held } = await allot.check(acme, "minutes");
      return [used, held];
    };
    assert.equal((await hold(allot, acme, "leave")).held, "4");
    assert.deepEqual(await stands(), ["0", "0"]);
    await assert.rejects(hold(allot, acme, "throw"), /ours/);
    assert.deepEqual(await stands(), ["0", "0"]);
    await hold(allot, acme, "confirm");
    assert.deepEqual(await stands(), ["4", "0"]);
    await hold(allot, acme, "confirm");
    assert.equal(refused(await hold(allot, acme, "confirm").catch((error) => error)), "limit_reached");
  } finally {
    await server.stop();
  }
});
