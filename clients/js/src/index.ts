// Client for Allot: may this customer do this, and how much of it is left?

export {
  Agreements,
  Allot,
  CreditCalls,
  Customers,
  Grants,
  HeldUnits,
  Holds,
  Overrides,
  UsageCalls,
} from "./client.js";
export type { AllotOptions, HoldOptions } from "./client.js";
export { EventCalls } from "./events.js";
export {
  AllotError,
  AuthenticationError,
  ConflictError,
  InvalidRequestError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitedError,
  RefusedError,
  UnavailableError,
} from "./errors.js";
export type * from "./types.js";
