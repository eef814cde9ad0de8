// The form `await using`, which Node 20 knows only through TypeScript's output,
// and what types promise. using.test.mjs runs it.

import type { NextFunction, Request as ExpressRequest, RequestHandler, Response as ExpressResponse } from "express";

import { Allot, RefusedError } from "@allot-dev/allot";
import type { Customer, CustomerRef, Decision } from "@allot-dev/allot";
import { gate as expressGate } from "@allot-dev/allot/express";
import { gate as nextGate } from "@allot-dev/allot/next";

/** Uses 4 of the held minutes, all or none of them, and returns how the feature stood in the block. */
export async function hold(allot: Allot, customer: CustomerRef, end: "confirm" | "leave" | "throw"): Promise<Decision> {
  await using held = await allot.hold(customer, "minutes", { units: 4 });
  const inside = await allot.check(customer, "minutes");
  if (end === "throw") throw new Error("ours");
  if (end === "confirm") await held.confirm();
  return inside;
}

export function refused(error: unknown): string | undefined {
  return error instanceof RefusedError ? error.decision.reason : undefined;
}

// What follows is only checked.

export async function types(allot: Allot, customer: Customer): Promise<void> {
  const { used, remaining, limit }: { used: string; remaining: string | null; limit: number | null } =
    await allot.consume(customer, "reports", { units: 2n, idempotencyKey: "k" });
  void [used, remaining, limit];
  // @ts-expect-error: units are no object
  await allot.consume(customer, "reports", { units: {} });
  // @ts-expect-error: quantity is no option
  await allot.consume(customer, "reports", { quantity: 5 });
  const { cost_basis, remaining: left }: { cost_basis?: number; remaining: string } = await allot.grants.create(
    customer,
    "minutes",
    "0.5",
    { only: ["minutes"], cost_basis: "0.04", expires_on: new Date() },
  );
  const { available }: { available: string | null } = await allot.credits.get(customer, "minutes", { known_now: true });
  await allot.usage.record([{ ...{ org_code: "acme" }, feature_code: "minutes", value: -1, corrects: "job-1" }]);
  void [cost_basis, left, available];
  // @ts-expect-error: the amount is missing
  await allot.grants.create(customer, "minutes");
  // @ts-expect-error: free is no kind
  await allot.grants.create(customer, "minutes", 1, { kind: "free" });
  // @ts-expect-error: org is no key
  await allot.check({ org: "acme" }, "reports");
  // @ts-expect-error: open is no answer
  expressGate(allot, "reports", { customer: () => null, onError: "open" });

  const middleware: RequestHandler = expressGate(allot, "reports", {
    customer: (req: ExpressRequest) => ({ org_code: req.params["org"] as string }),
  });
  const called: (req: ExpressRequest, res: ExpressResponse, next: NextFunction) => unknown = middleware;
  void called;

  const route: (request: Request, context: { params: Promise<{ org: string }> }) => Promise<Response> = nextGate(
    allot,
    "reports",
    { customer: async (request) => request.headers.get("X-Org") },
    async (_request, context: { params: Promise<{ org: string }> }, decision) =>
      Response.json({ org: (await context.params).org, left: decision?.remaining }),
  );
  void route;
}
