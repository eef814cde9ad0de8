// The built server, and a proxy that misbehaves, for the tests.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const catalog = new URL("../../testdata/catalog.yaml", import.meta.url).pathname;

function environment(more = {}) {
  const clean = Object.entries(process.env).filter(([name]) => !name.startsWith("ALLOT_"));
  return { ...Object.fromEntries(clean), ...more };
}

/** One running `allot serve` with a data directory of its own. */
export class Installation {
  static async start() {
    const server = new Installation();
    server.dir = mkdtempSync(join(tmpdir(), "allot-js-"));
    server.data = join(server.dir, "data");
    server.port = await freePort();
    server.url = `http://127.0.0.1:${server.port}`;
    server.credentials = server.client("everything", "all");
    await server.serve();
    server.run("apply", catalog);
    return server;
  }

  /** What a client of the package is made with. */
  get options() {
    return { url: this.url, ...this.credentials };
  }

  get environment() {
    const { clientId, clientSecret } = this.credentials;
    return { ALLOT_URL: this.url, ALLOT_CLIENT_ID: clientId, ALLOT_CLIENT_SECRET: clientSecret };
  }

  client(name, scope) {
    const made = JSON.parse(
      this.run("client", "create", "--data", this.data, "--name", name, "--scope", scope, "--json"),
    );
    return { clientId: made.client_id, clientSecret: made.client_secret };
  }

  async serve() {
    this.process = spawn(
      process.env.ALLOT_BINARY,
      ["serve", "--data", this.data, "--listen", `127.0.0.1:${this.port}`],
      { env: environment(), stdio: ["ignore", "ignore", "pipe"] },
    );
    const lines = createInterface(this.process.stderr);
    const log = [];
    await new Promise((resolve, reject) => {
      lines.on("line", (line) => {
        log.push(line);
        if (line.includes("listening")) resolve();
      });
      this.process.on("exit", () => reject(new Error("allot serve does not listen:\n" + log.join("\n"))));
    });
  }

  async pullThePlug() {
    const ended = once(this.process, "exit");
    this.process.kill("SIGKILL");
    await ended;
  }

  async stop() {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.pullThePlug();
    rmSync(this.dir, { recursive: true, force: true });
  }

  run(...argv) {
    const env = environment(this.credentials ? this.environment : {});
    return execFileSync(process.env.ALLOT_BINARY, argv, { env, encoding: "utf8", timeout: 60_000 });
  }
}

async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/**
 * Stands before a server, sees every request, and spoils those it is told to. A
 * fault is `{ path, status?, headers?, code?, after? }`: what it does to a request
 * whose path begins so, after some that pass. Without a status the server's
 * answer is dropped.
 */
export class Proxy {
  seen = [];
  faults = [];

  static async start(upstream) {
    const proxy = new Proxy();
    proxy.upstream = upstream;
    proxy.server = http.createServer((request, response) => proxy.#serve(request, response));
    proxy.server.listen(0, "127.0.0.1");
    await once(proxy.server, "listening");
    proxy.url = `http://127.0.0.1:${proxy.server.address().port}`;
    return proxy;
  }

  count(path) {
    return this.seen.filter((seen) => seen.path.startsWith(path)).length;
  }

  async stop() {
    this.server.close();
    this.server.closeAllConnections();
  }

  #nextFault(path) {
    const i = this.faults.findIndex((fault) => path.startsWith(fault.path));
    if (i < 0) return undefined;
    if (this.faults[i].after > 0) {
      this.faults[i] = { ...this.faults[i], after: this.faults[i].after - 1 };
      return undefined;
    }
    return this.faults.splice(i, 1)[0];
  }

  async #serve(request, response) {
    const body = Buffer.concat(await request.toArray());
    this.seen.push({ method: request.method, path: request.url, key: request.headers["idempotency-key"] });
    const fault = this.#nextFault(request.url);
    if (fault?.status) {
      response.writeHead(fault.status, fault.headers ?? {});
      response.end(JSON.stringify({ errors: [{ code: fault.code ?? "NOT_READY", message: "so" }] }));
      return;
    }
    const forwarded = http.request(
      { host: "127.0.0.1", port: this.upstream, path: request.url, method: request.method, headers: request.headers, agent: false },
      async (answer) => {
        const content = Buffer.concat(await answer.toArray());
        if (fault) {
          request.socket.destroy(); // the work is done, and nobody hears of it
          return;
        }
        response.writeHead(answer.statusCode, answer.headers);
        response.end(content);
      },
    );
    forwarded.end(body);
  }
}
