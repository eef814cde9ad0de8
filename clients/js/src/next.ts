// A gate for Next's route handlers, and for whatever else turns a web Request
// into a Response.

import type { Allot } from "./client.js";
import { asker } from "./gate.js";
import type { GateOptions } from "./gate.js";
import type { Decision } from "./types.js";

export type { GateOptions } from "./gate.js";

/**
 * Wraps a route handler so that it runs if the customer of the request may use
 * the feature. It is given the decision too, null where Allot was not asked.
 */
export function gate<R extends Request, C>(
  allot: Allot,
  featureCode: string,
  options: GateOptions<R>,
  handler: (request: R, context: C, decision: Decision | null) => Response | Promise<Response>,
): (request: R, context: C) => Promise<Response> {
  const ask = asker(allot, featureCode, options);
  return async (request, context) => {
    const verdict = await ask(request);
    if (!verdict.pass) return Response.json(verdict.body, { status: verdict.status });
    return handler(request, context, verdict.decision);
  };
}
