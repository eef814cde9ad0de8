// What the cases of Kinde's JavaScript SDKs share: what a case is, and how one is run.
//
// `run` is read from standard input: where Allot is and what was put into it, as
// `run` of conformance_test.go has it.
"use strict";

const fs = require("node:fs");
const path = require("node:path");

const run = JSON.parse(fs.readFileSync(0, "utf8"));
const suites = {};

function test(suite, name, fn) {
  (suites[suite] ??= []).push({ name, fn });
}

// Runs the cases of the suites named on the command line. Each prints one line of
// JSON, {"case","ok","detail"?}; the last line names the SDK and the number of cases,
// {"sdk","version","runtime","cases"}.
async function main(sdk) {
  let cases = 0;
  for (const suite of process.argv.slice(2)) {
    for (const { name, fn } of suites[suite]) {
      const line = { case: `${suite}/${name}`, ok: true };
      try {
        await fn();
      } catch (error) {
        line.ok = false;
        line.detail = error.stack + (error.body ? "\n" + JSON.stringify(error.body) : "");
        process.exitCode = 1;
      }
      cases++;
      console.log(JSON.stringify(line));
    }
  }
  const about = path.join(path.dirname(require.resolve(sdk)), "..", "package.json");
  const { name, version } = JSON.parse(fs.readFileSync(about, "utf8"));
  console.log(JSON.stringify({ sdk: name, version, runtime: "Node.js " + process.versions.node, cases }));
}

// A session that an SDK keeps its token in, in memory.
function memory() {
  const items = new Map();
  return {
    getSessionItem: async (key) => items.get(key),
    setSessionItem: async (key, value) => { items.set(key, value); },
    removeSessionItem: async (key) => { items.delete(key); },
    destroySession: async () => items.clear(),
  };
}

module.exports = { main, memory, run, test };
