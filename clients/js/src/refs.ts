// How calls name a customer. A body takes the customer's keys. A path takes an
// id, or a key before a colon.

import { NotFoundError } from "./errors.js";
import type { Deadline, Exchange } from "./exchange.js";
import type { Customer, CustomerRef } from "./types.js";

const keyNames = ["customer_id", "org_code", "user_id", "external_id"] as const;

const want =
  "want an id (customer_…), 'org_code:CODE', 'user_id:ID', 'external_id:ID', " +
  "or an object of customer_id, org_code, user_id, external_id";

/** The fields by which a body names the customer. */
export function keys(customer: CustomerRef): Record<string, string> {
  let named: Record<string, unknown> = {};
  if (typeof customer === "string") {
    const [key = "", ...value] = customer.split(":");
    if (value.length > 0 && ["org_code", "user_id", "external_id"].includes(key)) {
      named = { [key]: value.join(":") };
    } else if (customer.startsWith("customer_")) {
      named = { customer_id: customer };
    }
  } else if (typeof customer === "object" && customer !== null) {
    if ("id" in customer) {
      named = { customer_id: customer.id };
    } else {
      const unknown = Object.keys(customer).filter((key) => !(keyNames as readonly string[]).includes(key));
      if (unknown.length > 0) throw new TypeError(`customer has ${unknown.join(", ")}: ${want}`);
      named = Object.fromEntries(Object.entries(customer).filter(([, value]) => value !== undefined && value !== null));
    }
  }
  const values = Object.values(named);
  // An empty value would name nobody, or somebody else: the organization in place
  // of its user.
  if (values.length === 0 || values.some((value) => typeof value !== "string" || value === "")) {
    throw new TypeError(`customer ${JSON.stringify(customer)}: ${want}`);
  }
  return named as Record<string, string>;
}

/** The customer as a segment of a path, escaped. */
export async function path(exchange: Exchange, customer: CustomerRef, deadline: Deadline): Promise<string> {
  let named = keys(customer);
  if (Object.keys(named).sort().join() === "org_code,user_id") {
    // A path takes one key.
    named = { customer_id: (await find(exchange, named, deadline)).id };
  }
  const [entry, ...more] = Object.entries(named);
  if (!entry || more.length > 0) throw new TypeError(`customer ${JSON.stringify(customer)}: ${want}`);
  const [key, value] = entry;
  return segment(key === "customer_id" ? value : `${key}:${value}`, "customer");
}

/** The one customer with exactly these codes, without its agreements. */
export async function find(
  exchange: Exchange,
  named: Record<string, string>,
  deadline: Deadline,
): Promise<Customer> {
  const query: Record<string, string> = { ...named, page_size: "500" };
  for (;;) {
    const page = await exchange.json({ method: "GET", path: "/v1/customers", query }, deadline);
    const customers = page["customers"] as Customer[];
    // An organization's code finds its users too.
    const found = customers.find((c) => c.org_code === named["org_code"] && c.user_id === named["user_id"]);
    if (found) return found;
    const last = customers.at(-1);
    if (!page["has_more"] || !last) {
      throw new NotFoundError(`there is no customer with ${JSON.stringify(named)}`, {
        code: "CUSTOMER_NOT_FOUND",
        status: 404,
      });
    }
    query["starting_after"] = last.id;
  }
}

/** A name as a segment of a path, escaped. */
export function segment(name: string, what: string): string {
  if (typeof name !== "string" || name === "" || name === "." || name === "..") {
    throw new TypeError(`${what} ${JSON.stringify(name)} names nothing`);
  }
  return encodeURIComponent(name);
}
