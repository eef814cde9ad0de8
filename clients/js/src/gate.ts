// What the gates of all frameworks share: what is asked, and what is answered.

import type { Allot } from "./client.js";
import { NotFoundError, RateLimitedError, UnavailableError } from "./errors.js";
import type { Amount, CustomerRef, Decision } from "./types.js";

/** How a gate decides. Whatever is not a plain yes is a no. */
export interface GateOptions<R> {
  /** finds the customer of the request, null if it has none */
  customer: (request: R) => CustomerRef | null | undefined | Promise<CustomerRef | null | undefined>;
  /** consume, the default, counts; check only asks */
  mode?: "consume" | "check";
  units?: Amount;
  /** where Allot does not answer: deny, the default, or allow */
  onError?: "deny" | "allow";
  /** of a refusal; by default 402, or 403 without the feature */
  status?: number | ((decision: Decision) => number);
  /** milliseconds to wait for Allot; default 3,000 */
  timeout?: number;
}

/** What a gate found: the request may pass, with the decision, if there is one, or is answered. */
export type Verdict = { pass: true; decision: Decision | null } | { pass: false; status: number; body: object };

/** Makes what asks for a request. It throws what is wrong with the program. */
export function asker<R>(
  allot: Allot,
  featureCode: string,
  options: GateOptions<R>,
): (request: R) => Promise<Verdict> {
  const { customer, mode = "consume", units = 1, onError = "deny", status, timeout = 3_000, ...unknown } = options;
  const names = Object.keys(unknown);
  if (names.length > 0) throw new TypeError(`a gate has no option ${names.join(", ")}`);
  if (typeof customer !== "function") throw new TypeError("a gate needs a function customer");
  if (mode !== "consume" && mode !== "check") throw new TypeError(`mode ${mode}: want consume or check`);
  if (onError !== "deny" && onError !== "allow") throw new TypeError(`onError ${onError}: want deny or allow`);

  return async (request) => {
    const found = await customer(request);
    if (found === null || found === undefined) return nobody;
    try {
      const decision = await allot[mode](found, featureCode, { units, timeout });
      return decision.allowed ? { pass: true, decision } : refusal(decision, status);
    } catch (error) {
      return fault(error, onError);
    }
  };
}

const nobody: Verdict = { pass: false, status: 403, body: { error: "no_customer" } };

function refusal(decision: Decision, status: GateOptions<never>["status"]): Verdict {
  const usual = decision.reason === "not_entitled" || decision.reason === "suspended" ? 403 : 402;
  const { allowed, reason, feature_code, limit, used, held, remaining, resets_on } = decision;
  return {
    pass: false,
    status: typeof status === "function" ? status(decision) : (status ?? usual),
    body: {
      error: "not_allowed",
      decision: { allowed, reason, feature_code, limit, used, held, remaining, resets_on },
    },
  };
}

/**
 * What a request is answered where there is no decision. `onError` is for an
 * Allot that does not answer. What is wrong with the program, such as its
 * credentials, is thrown again: it would never pass.
 */
function fault(error: unknown, onError: "deny" | "allow"): Verdict {
  if (error instanceof UnavailableError || error instanceof RateLimitedError) {
    return onError === "allow"
      ? { pass: true, decision: null }
      : { pass: false, status: 503, body: { error: "unavailable" } };
  }
  if (error instanceof NotFoundError && error.code === "CUSTOMER_NOT_FOUND") return nobody;
  throw error;
}
