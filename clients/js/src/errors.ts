// What can go wrong, by situation. Secrets and tokens are in no message.

import type { Decision, UsageResult } from "./types.js";

/** What is known of an error beside its message. */
export interface ErrorFacts {
  code?: string;
  status?: number | undefined;
  requestId?: string | undefined;
  retryAfter?: number | undefined;
  what?: string;
}

/** Anything that Allot refuses, or that keeps it from answering. */
export class AllotError extends Error {
  /** Stable, in capitals: match on it. */
  readonly code: string;
  /** The HTTP status, undefined without an answer. */
  readonly status: number | undefined;
  /** Names the request in the server's log. */
  readonly requestId: string | undefined;
  /** How many seconds the server asks to wait. */
  readonly retryAfter: number | undefined;
  /** Of a bulk of usage: what became of the records before those refused. */
  recorded: UsageResult[] = [];

  constructor(message: string, facts: ErrorFacts = {}) {
    const { code = "", status, requestId, retryAfter, what } = facts;
    const head = [what && what + ":", status, code].filter(Boolean).join(" ");
    super((head ? `${head}: ` : "") + message + (requestId ? ` (request ${requestId})` : ""));
    this.name = new.target.name;
    this.code = code;
    this.status = status;
    this.requestId = requestId;
    this.retryAfter = retryAfter;
  }
}

/** The client id, the secret or the token does not hold here. */
export class AuthenticationError extends AllotError {}

/** The client lacks the scope that the call needs. */
export class PermissionDeniedError extends AllotError {}

/** A customer, feature, plan, agreement or hold that the call names is not there. */
export class NotFoundError extends AllotError {}

/** The call cannot be accepted as it is. */
export class InvalidRequestError extends AllotError {}

/** What the call makes is there already, or what it ends is over. */
export class ConflictError extends AllotError {}

/** Too many requests; `retryAfter` may say how long to wait. */
export class RateLimitedError extends AllotError {}

/** No answer, or none that can be used: connection, timeout, or the server's fault. */
export class UnavailableError extends AllotError {}

/** The units of a hold are refused; `decision` says why. */
export class RefusedError extends AllotError {
  readonly decision: Decision;

  constructor(decision: Decision) {
    super(`${decision.feature_code} is refused: ${decision.reason}`, {
      code: decision.reason.toUpperCase(),
      status: 200,
    });
    this.decision = decision;
  }
}
