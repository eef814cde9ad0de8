// A gate for Express.

import type { Allot } from "./client.js";
import { asker } from "./gate.js";
import type { GateOptions } from "./gate.js";

export type { GateOptions } from "./gate.js";

/** What the gate needs of Express's response. */
export interface GateResponse {
  locals: Record<string, unknown>;
  status(code: number): { json(body: object): unknown };
}

/**
 * Makes a middleware that lets a request pass if its customer may use the
 * feature. The decision is in `res.locals.allot`, null where Allot was not asked.
 */
export function gate<Req = any>(
  allot: Allot,
  featureCode: string,
  options: GateOptions<Req>,
): (req: Req, res: GateResponse, next: (error?: unknown) => void) => void {
  const ask = asker(allot, featureCode, options);
  return (req, res, next) => {
    ask(req).then(
      (verdict) => {
        if (!verdict.pass) {
          res.status(verdict.status).json(verdict.body);
          return;
        }
        res.locals["allot"] = verdict.decision;
        next();
      },
      (error: unknown) => next(error ?? new Error("the gate failed")),
    );
  };
}
