// What happens to every request: token, attempts, waits, refusals.

import {
  AllotError,
  AuthenticationError,
  ConflictError,
  InvalidRequestError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitedError,
  UnavailableError,
} from "./errors.js";
import type { CallOptions } from "./types.js";

const firstBackoff = 200;
const maxBackoff = 5_000;
const maxAskedWait = 30_000;
const earlyRefresh = 60_000;
const defaultLife = 3_600_000;

/** One request of a call, before it is sent. */
export interface Request {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** escaped */
  path: string;
  query?: Record<string, string | undefined>;
  body?: unknown;
  /** Idempotency-Key: the server does the work once */
  key?: string;
  /** changes nothing, though it is a POST */
  asks?: boolean;
}

interface Reply {
  status: number;
  headers: Headers;
  json: unknown;
}

/** No answer. `sent` is false if the server cannot have seen the request. */
interface Lost {
  lost: string;
  sent: boolean;
}

export interface Settings {
  url?: string;
  clientId?: string;
  clientSecret?: string;
  timeout?: number;
  attempts?: number;
  audience?: string;
  scopes?: string[];
  fetch?: typeof fetch;
}

/** How long a call may take, and whether its caller still wants it. */
export class Deadline {
  readonly #until: number;
  readonly #signal: AbortSignal | undefined;

  constructor(timeout: number, signal?: AbortSignal) {
    this.#until = performance.now() + timeout;
    this.#signal = signal;
  }

  /** Milliseconds that are left. */
  left(): number {
    return this.#until - performance.now();
  }

  /** A signal for one attempt. Throws where there is no time left for one. */
  signal(what: string): AbortSignal {
    this.#signal?.throwIfAborted();
    const left = this.left();
    if (left <= 0) throw late(what);
    const timeout = AbortSignal.timeout(Math.ceil(left));
    return this.#signal ? AbortSignal.any([timeout, this.#signal]) : timeout;
  }

  /** Waits for the promise, but no longer; what it is about goes on. */
  async wait<T>(promise: Promise<T>, what: string): Promise<T> {
    const signal = this.signal(what);
    let stop = () => {};
    const ended = new Promise<never>((_, reject) => {
      stop = () => reject(this.#signal?.aborted ? this.#signal.reason : late(what));
      signal.addEventListener("abort", stop, { once: true });
    });
    try {
      return await Promise.race([promise, ended]);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** Throws the caller's reason if it wants the call no more. */
  check(): void {
    this.#signal?.throwIfAborted();
  }
}

function late(what: string): UnavailableError {
  return new UnavailableError("no answer in time", { code: "TIMEOUT", what });
}

/** Sends requests, with a token that it fetches and keeps. */
export class Exchange {
  readonly base: string;
  readonly #form: Record<string, string>;
  readonly #timeout: number;
  readonly #attempts: number;
  readonly #fetch: typeof fetch;
  #token: { value: string; until: number } | undefined;
  #fetching: Promise<string> | undefined;

  constructor(settings: Settings) {
    const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
    const env = process?.env ?? {};
    const given = {
      url: settings.url || env["ALLOT_URL"],
      clientId: settings.clientId || env["ALLOT_CLIENT_ID"],
      clientSecret: settings.clientSecret || env["ALLOT_CLIENT_SECRET"],
    };
    const variables = { url: "ALLOT_URL", clientId: "ALLOT_CLIENT_ID", clientSecret: "ALLOT_CLIENT_SECRET" };
    const missing = (Object.keys(variables) as (keyof typeof variables)[]).filter((name) => !given[name]);
    if (missing.length > 0 || !given.url || !given.clientId || !given.clientSecret) {
      const names = missing.map((name) => variables[name]).join(", ");
      throw new TypeError(`Allot needs ${missing.join(", ")}: give it, or set ${names}`);
    }
    this.base = base(given.url);
    this.#form = {
      grant_type: "client_credentials",
      client_id: given.clientId,
      client_secret: given.clientSecret,
      ...(settings.audience ? { audience: settings.audience } : {}),
      ...(settings.scopes?.length ? { scope: settings.scopes.join(" ") } : {}),
    };
    this.#timeout = settings.timeout ?? 10_000;
    this.#attempts = settings.attempts ?? 4;
    // Asked for at each request, so that what replaces the global one is used.
    this.#fetch = settings.fetch ?? ((input, init) => fetch(input, init));
  }

  /** How long a call may take, which is longer if the server is asked to wait. */
  deadline(options: CallOptions = {}, wait = 0): Deadline {
    return new Deadline((options.timeout ?? this.#timeout) + wait, options.signal);
  }

  /** Makes a request and returns the JSON object of its answer. A refusal is thrown. */
  async json(request: Request, deadline: Deadline): Promise<Record<string, unknown>> {
    const reply = await this.#exchange(request, deadline, true);
    if (reply.status === 204) return {};
    return object(reply, what(request));
  }

  async #exchange(request: Request, deadline: Deadline, withToken: boolean): Promise<Reply> {
    let refused: string | undefined; // a kept token that the server would not have
    for (let attempt = 1; ; ) {
      const token = withToken ? await this.#getToken(deadline, refused, what(request)) : undefined;
      const outcome = await this.#send(request, deadline, token?.value);
      if (token?.kept && refused === undefined && "status" in outcome && refusesToken(outcome)) {
        // Refused before anything was done, so any method may go again.
        refused = token.value;
        continue;
      }
      const wait = attempt < this.#attempts && mayPass(request, outcome) ? waitBefore(attempt, outcome) : undefined;
      if (wait === undefined || wait >= deadline.left()) return settled(request, outcome);
      attempt++;
      await deadline.wait(new Promise<void>((resolve) => setTimeout(resolve, wait)), what(request));
    }
  }

  async #send(request: Request, deadline: Deadline, token: string | undefined): Promise<Reply | Lost> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) query.set(name, value);
    }
    const headers: Record<string, string> = { Accept: "application/json", "User-Agent": "allot-js" };
    let body: string | undefined;
    if (request.body instanceof URLSearchParams) {
      headers["Content-Type"] = "application/x-www-form-urlencoded";
      body = request.body.toString();
    } else if (request.body !== undefined) {
      headers["Content-Type"] = "application/json";
      body = JSON.stringify(request.body);
    }
    if (request.key !== undefined) headers["Idempotency-Key"] = request.key;
    if (token !== undefined) headers["Authorization"] = "Bearer " + token;
    const signal = deadline.signal(what(request));
    try {
      const response = await this.#fetch(this.base + request.path + (query.size > 0 ? "?" + query : ""), {
        method: request.method,
        headers,
        signal,
        redirect: "manual",
        ...(body === undefined ? {} : { body }),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, json: parse(text) };
    } catch (error) {
      deadline.check();
      if (signal.aborted) return { lost: "no answer in time", sent: true };
      return lost(error);
    }
  }

  /** A token other than the one refused, and whether it is one kept from before. */
  async #getToken(
    deadline: Deadline,
    refused: string | undefined,
    what: string,
  ): Promise<{ value: string; kept: boolean }> {
    const token = this.#token;
    if (token && token.value !== refused && performance.now() < token.until) {
      return { value: token.value, kept: true };
    }
    // One fetch for all who wait. It does not end with the call that began it.
    if (!this.#fetching) {
      this.#fetching = this.#fetchToken().finally(() => (this.#fetching = undefined));
      this.#fetching.catch(() => {}); // heard by whoever still waits
    }
    return { value: await deadline.wait(this.#fetching, what), kept: false };
  }

  async #fetchToken(): Promise<string> {
    const began = performance.now();
    const request: Request = {
      method: "POST",
      path: "/oauth2/token",
      body: new URLSearchParams(this.#form),
      asks: true,
    };
    const answer = object(await this.#exchange(request, this.deadline(), false), what(request));
    const value = answer["access_token"];
    if (typeof value !== "string" || value === "") {
      throw new UnavailableError("the answer holds no token", { code: "ANSWER_INVALID", what: what(request) });
    }
    const seconds = answer["expires_in"];
    const life = typeof seconds === "number" && seconds > 0 ? seconds * 1000 : defaultLife;
    this.#token = { value, until: began + life - Math.min(earlyRefresh, life / 2) };
    return value;
  }
}

function base(url: string): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw new TypeError("the url of Allot is not http(s)://HOST");
  }
  const { protocol, username, password, search, hash } = parsed;
  if ((protocol !== "http:" && protocol !== "https:") || username || password || search || hash) {
    throw new TypeError("the url of Allot is not http(s)://HOST, without a user, a query or a fragment");
  }
  return parsed.href.replace(/\/+$/, "");
}

function what(request: Request): string {
  return `${request.method} ${request.path}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function object(reply: Reply, what: string): Record<string, unknown> {
  if (!isObject(reply.json)) {
    throw new UnavailableError("the answer is no JSON object", {
      code: "ANSWER_INVALID",
      status: reply.status,
      what,
    });
  }
  return reply.json;
}

const neverConnected = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "UND_ERR_CONNECT_TIMEOUT"]);

/** Reads why fetch failed: its message says nothing, its cause has a code. */
function lost(error: unknown): Lost {
  if (!(error instanceof TypeError)) throw error;
  let cause = error.cause as { code?: unknown; errors?: { code?: unknown }[] } | undefined;
  if (cause?.errors?.[0]) cause = cause.errors[0]; // one for each address that was tried
  const code = typeof cause?.code === "string" ? cause.code : "the connection failed";
  const sent = !neverConnected.has(code);
  return { lost: `${sent ? "no answer" : "no connection"}: ${code}`, sent };
}

/** Whether the same request may fare better later, and doing it twice does no more than once. */
function mayPass(request: Request, outcome: Reply | Lost): boolean {
  const repeatable =
    request.method === "GET" || request.method === "PUT" || request.method === "PATCH" ||
    request.asks === true || request.key !== undefined;
  if ("lost" in outcome) return !outcome.sent || repeatable;
  if (outcome.status === 429) return true;
  // After a 500 whether the work was done may be unknown even to the server:
  // sent again under its key, that is settled.
  if (outcome.status === 500) return request.key !== undefined;
  return [502, 503, 504].includes(outcome.status) && repeatable;
}

/** How long to wait before the next attempt, undefined where that is too long. */
function waitBefore(attempt: number, outcome: Reply | Lost): number | undefined {
  const asked = ("status" in outcome ? askedWait(outcome) : undefined) ?? 0;
  if (asked > maxAskedWait) return undefined;
  return asked + Math.random() * Math.min(firstBackoff * 2 ** (attempt - 1), maxBackoff);
}

/** How long the server asks to wait, in milliseconds. It sends seconds or a date. */
function askedWait(reply: Reply): number | undefined {
  const asked =
    reply.headers.get("Retry-After") ?? (reply.status === 429 ? reply.headers.get("RateLimit-Reset") : null);
  if (asked === null) return undefined;
  if (/^\d+$/.test(asked.trim())) return Number(asked) * 1000;
  const date = Date.parse(asked);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

function settled(request: Request, outcome: Reply | Lost): Reply {
  if ("lost" in outcome) {
    throw new UnavailableError(outcome.lost, { code: "NO_ANSWER", what: what(request) });
  }
  if (outcome.status < 200 || outcome.status > 299) throw refusal(request, outcome);
  return outcome;
}

/** The code and message of a refusal, empty where a proxy wrote it. */
function firstError(reply: Reply): { code: string; message: string } {
  const form = reply.json;
  if (!isObject(form)) return { code: "", message: "" };
  if (typeof form["error"] === "string") {
    // of the token endpoint
    return { code: form["error"].toUpperCase(), message: String(form["error_description"] ?? "") };
  }
  const first = Array.isArray(form["errors"]) ? form["errors"][0] : form["errors"];
  if (!isObject(first)) return { code: "", message: "" };
  return { code: String(first["code"] ?? ""), message: String(first["message"] ?? "") };
}

function refusesToken(reply: Reply): boolean {
  return reply.status === 401 || (reply.status === 403 && firstError(reply).code === "INVALID_CREDENTIALS");
}

function refusal(request: Request, reply: Reply): AllotError {
  const { code, message } = firstError(reply);
  const asked = askedWait(reply);
  return new (kindOf(reply.status, code))(message || "the answer says no more", {
    code,
    status: reply.status,
    requestId: reply.headers.get("X-Request-Id") ?? undefined,
    retryAfter: asked === undefined ? undefined : asked / 1000,
    what: what(request),
  });
}

function kindOf(status: number, code: string): typeof AllotError {
  if (status === 429) return RateLimitedError;
  if (status >= 500) return UnavailableError;
  if (status === 401 || ["INVALID_CREDENTIALS", "INVALID_CLIENT", "UNAUTHORIZED_CLIENT"].includes(code)) {
    return AuthenticationError;
  }
  if (status === 403) return PermissionDeniedError;
  if (status === 409 || code.endsWith("_EXISTS")) return ConflictError;
  if (code.endsWith("_NOT_FOUND") && code !== "ROUTE_NOT_FOUND") return NotFoundError;
  if (status === 400 || status === 413) return InvalidRequestError;
  return AllotError;
}
