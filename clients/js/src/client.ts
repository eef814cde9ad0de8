import { AllotError, ConflictError, RefusedError, UnavailableError } from "./errors.js";
import { EventCalls } from "./events.js";
import { Exchange } from "./exchange.js";
import type { Deadline, Request, Settings } from "./exchange.js";
import { known } from "./options.js";
import { find, keys, path, segment } from "./refs.js";
import type {
  Agreement,
  AgreementTerms,
  Amount,
  AsOf,
  CallOptions,
  ClosedHold,
  CreditLedger,
  Credits,
  Customer,
  CustomerChange,
  CustomerRef,
  Decision,
  EntitlementList,
  Grant,
  GrantList,
  GrantPurchase,
  GrantTerms,
  Hold,
  HoldDetail,
  NewCustomer,
  Override,
  OverrideTerms,
  PageOptions,
  PurchaseTerms,
  SeriesOptions,
  Time,
  Usage,
  UsageReport,
  UsageResult,
  UsageSeries,
  VoidTerms,
  VoidedGrant,
  WorkOptions,
} from "./types.js";

const maxRecords = 1000;

/** What a client is made with. Without it, `ALLOT_URL`, `ALLOT_CLIENT_ID` and `ALLOT_CLIENT_SECRET` count. */
export interface AllotOptions {
  url?: string;
  clientId?: string;
  clientSecret?: string;
  /** milliseconds for a call: token, attempts and the waits between them; default 10,000 */
  timeout?: number;
  /** how often a request is sent at most; default 4 */
  attempts?: number;
  /** of the token, if not the server's own */
  audience?: string;
  /** ask for tokens with these only */
  scopes?: string[];
  /** in place of the global one */
  fetch?: typeof fetch;
}

/** Asks Allot. Make one and keep it: it holds the token. */
export class Allot {
  readonly #exchange: Exchange;
  readonly holds: Holds;
  readonly usage: UsageCalls;
  readonly customers: Customers;
  readonly agreements: Agreements;
  readonly overrides: Overrides;
  readonly grants: Grants;
  readonly credits: CreditCalls;
  readonly events: EventCalls;

  constructor(options: AllotOptions = {}) {
    known(options, "url", "clientId", "clientSecret", "timeout", "attempts", "audience", "scopes", "fetch");
    this.#exchange = new Exchange(options satisfies Settings);
    this.holds = new Holds(this.#exchange);
    this.usage = new UsageCalls(this.#exchange);
    this.customers = new Customers(this.#exchange);
    this.agreements = new Agreements(this.#exchange);
    this.overrides = new Overrides(this.#exchange);
    this.grants = new Grants(this.#exchange);
    this.credits = new CreditCalls(this.#exchange);
    this.events = new EventCalls(this.#exchange);
  }

  /** Asks whether the customer may use the units now. Nothing is counted. */
  async check(
    customer: CustomerRef,
    featureCode: string,
    options: CallOptions & { units?: Amount } = {},
  ): Promise<Decision> {
    known(options, "units", ...callOptions);
    const body = { ...keys(customer), feature_code: featureCode, units: units(options.units) };
    const request: Request = { method: "POST", path: "/v1/check", body, asks: true };
    return decision(await this.#exchange.json(request, this.#exchange.deadline(options)));
  }

  /** Checks several features at one instant; the decisions are in their order. */
  async checkMany(
    customer: CustomerRef,
    featureCodes: string[],
    options: CallOptions & { units?: Amount } = {},
  ): Promise<Decision[]> {
    known(options, "units", ...callOptions);
    const body = { ...keys(customer), feature_codes: featureCodes, units: units(options.units) };
    const request: Request = { method: "POST", path: "/v1/check", body, asks: true };
    return results(await this.#exchange.json(request, this.#exchange.deadline(options))).map(decision);
  }

  /** Checks and counts in one step: refused, nothing is counted. */
  async consume(
    customer: CustomerRef,
    featureCode: string,
    options: WorkOptions & { units?: Amount } = {},
  ): Promise<Decision> {
    known(options, "units", ...workOptions);
    const body = { ...keys(customer), feature_code: featureCode, units: units(options.units) };
    return decision(await this.#exchange.json(work("/v1/consume", body, options), this.#exchange.deadline(options)));
  }

  /**
   * Holds units for a block: `await using hold = await allot.hold(…)`. Confirm
   * them in it; what is not confirmed is given back where it ends. Throws a
   * RefusedError if the units are refused.
   */
  async hold(customer: CustomerRef, featureCode: string, options: HoldOptions = {}): Promise<HeldUnits> {
    const hold = await this.holds.create(customer, featureCode, options);
    if (!hold.allowed || hold.id === undefined) throw new RefusedError(hold);
    return new HeldUnits(this.holds, hold, hold.id);
  }

  /** Everything the customer is entitled to, now or at any time. */
  async entitlements(customer: CustomerRef, options: CallOptions & { at?: Time } = {}): Promise<EntitlementList> {
    known(options, "at", ...callOptions);
    const deadline = this.#exchange.deadline(options);
    const request: Request = {
      method: "GET",
      path: `/v1/customers/${await path(this.#exchange, customer, deadline)}/entitlements`,
      query: { at: instant(options.at) },
    };
    return (await this.#exchange.json(request, deadline)) as unknown as EntitlementList;
  }
}

/** For holding units. */
export interface HoldOptions extends WorkOptions {
  units?: Amount;
  /** seconds; default 300 */
  expiresIn?: number;
}

/** Units held for a block; see {@link Allot.hold}. */
export class HeldUnits implements AsyncDisposable {
  readonly #holds: Holds;
  readonly hold: Hold;
  readonly id: string;
  #closed = false;

  constructor(holds: Holds, hold: Hold, id: string) {
    this.#holds = holds;
    this.hold = hold;
    this.id = id;
  }

  /** Counts the units, all that are held by default, and gives the rest back. */
  async confirm(units?: Amount, options: WorkOptions = {}): Promise<ClosedHold> {
    const closed = await this.#holds.confirm(this.id, { ...options, ...(units === undefined ? {} : { units }) });
    this.#closed = true;
    return closed;
  }

  /** Gives all units back. */
  async release(options: WorkOptions = {}): Promise<ClosedHold> {
    const closed = await this.#holds.release(this.id, options);
    this.#closed = true;
    return closed;
  }

  /** Gives back what was not confirmed. If that fails, the hold ends by itself. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    try {
      await this.release();
    } catch (error) {
      if (!(error instanceof AllotError)) throw error;
    }
  }
}

/** Holds one by one, for where a block does not fit. */
export class Holds {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Sets units aside. A refusal is a hold that is not `allowed`. */
  async create(customer: CustomerRef, featureCode: string, options: HoldOptions = {}): Promise<Hold> {
    known(options, "units", "expiresIn", ...workOptions);
    const body = {
      ...keys(customer),
      feature_code: featureCode,
      units: units(options.units),
      expires_in: options.expiresIn ?? 300,
    };
    return decision(await this.#exchange.json(work("/v1/holds", body, options), this.#exchange.deadline(options)));
  }

  /** Counts the units, all that are held by default, and gives the rest back. */
  async confirm(
    holdId: string,
    options: WorkOptions & { units?: Amount; over?: "reject" | "available" | "record" } = {},
  ): Promise<ClosedHold> {
    known(options, "units", "over", ...workOptions);
    const body = { units: options.units === undefined ? undefined : amount(options.units), over: options.over };
    const request = work(`/v1/holds/${segment(holdId, "hold id")}/confirm`, body, options);
    return (await this.#exchange.json(request, this.#exchange.deadline(options))) as unknown as ClosedHold;
  }

  /** Keeps the hold open for some seconds from now; default 300. */
  async extend(holdId: string, options: WorkOptions & { expiresIn?: number } = {}): Promise<HoldDetail> {
    known(options, "expiresIn", ...workOptions);
    const body = { expires_in: options.expiresIn ?? 300 };
    const request = work(`/v1/holds/${segment(holdId, "hold id")}/extend`, body, options);
    return (await this.#exchange.json(request, this.#exchange.deadline(options))) as unknown as HoldDetail;
  }

  /** The hold as it stands. */
  async get(holdId: string, options: CallOptions = {}): Promise<HoldDetail> {
    known(options, ...callOptions);
    const request: Request = { method: "GET", path: `/v1/holds/${segment(holdId, "hold id")}` };
    return (await this.#exchange.json(request, this.#exchange.deadline(options))) as unknown as HoldDetail;
  }

  /** Gives all units back. */
  async release(holdId: string, options: WorkOptions = {}): Promise<ClosedHold> {
    known(options, ...workOptions);
    const request = work(`/v1/holds/${segment(holdId, "hold id")}/release`, {}, options);
    return (await this.#exchange.json(request, this.#exchange.deadline(options))) as unknown as ClosedHold;
  }
}

/** What was used: report it, read it back. */
export class UsageCalls {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /**
   * Counts what has happened, also above a limit, in bulks of 1,000. The results
   * are in the order of the records; look for those that `failed`. An error has
   * the results of the bulks before it in `recorded`.
   */
  async record(records: UsageReport[], options: CallOptions = {}): Promise<UsageResult[]> {
    known(options, ...callOptions);
    const deadline = this.#exchange.deadline(options);
    const sent = records.map((record) => ({
      ...record,
      value: amount(record.value, "value"),
      timestamp: instant(record.timestamp),
    }));
    const recorded: UsageResult[] = [];
    for (let start = 0; start < sent.length; start += maxRecords) {
      try {
        const body = { records: sent.slice(start, start + maxRecords) };
        recorded.push(...(results(await this.#exchange.json(work("/v1/usage", body), deadline)) as UsageResult[]));
      } catch (error) {
        if (error instanceof AllotError) error.recorded = recorded;
        throw error;
      }
    }
    return recorded;
  }

  /** What was used in each window, and one page of the records. */
  async read(
    customer: CustomerRef,
    options: CallOptions & {
      feature_code?: string;
      from?: Time;
      to?: Time;
      page_size?: number;
      starting_after?: string;
    } = {},
  ): Promise<Usage> {
    known(options, "feature_code", "from", "to", "page_size", "starting_after", ...callOptions);
    const deadline = this.#exchange.deadline(options);
    const request: Request = {
      method: "GET",
      path: `/v1/customers/${await path(this.#exchange, customer, deadline)}/usage`,
      query: {
        feature_code: options.feature_code,
        from: instant(options.from),
        to: instant(options.to),
        page_size: options.page_size?.toString(),
        starting_after: options.starting_after,
      },
    };
    return (await this.#exchange.json(request, deadline)) as unknown as Usage;
  }

  /**
   * What counted of a feature by hour, day (default), week or month of the customer's
   * time zone; by default 30 of them until now.
   */
  async series(
    customer: CustomerRef,
    featureCode: string,
    options: CallOptions & SeriesOptions = {},
  ): Promise<UsageSeries> {
    known(options, ...seriesOptions, ...callOptions);
    const deadline = this.#exchange.deadline(options);
    const request: Request = {
      method: "GET",
      path: `/v1/customers/${await path(this.#exchange, customer, deadline)}/usage/series`,
      query: { feature_code: featureCode, ...span(options) },
    };
    return (await this.#exchange.json(request, deadline)) as unknown as UsageSeries;
  }
}

/** Who holds agreements. */
export class Customers {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Makes a customer, an organization by default. */
  async create(customer: NewCustomer, options: WorkOptions = {}): Promise<Customer> {
    return this.#create(customer, known(options, ...workOptions), this.#exchange.deadline(options));
  }

  /**
   * Makes the customer with these codes, or gets the one that is there, as it is.
   * Safe to repeat and to race: a user if `user_id` is given, else an organization.
   */
  async ensure(
    customer: Omit<NewCustomer, "id" | "type">,
    options: CallOptions = {},
  ): Promise<Customer> {
    known(options, ...callOptions);
    const { org_code, user_id } = customer;
    const codes: Record<string, string> = {};
    if (org_code) codes["org_code"] = org_code;
    if (user_id) codes["user_id"] = user_id;
    if (Object.keys(codes).length === 0 || user_id === "" || org_code === "") {
      throw new TypeError("a customer to be found again needs an org_code or a user_id");
    }
    const deadline = this.#exchange.deadline(options);
    try {
      // Made first: whoever comes second of two is told so, and finds it.
      return await this.#create({ type: user_id ? "user" : "organization", ...customer }, {}, deadline);
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
    }
    return this.#get(await find(this.#exchange, codes, deadline), deadline);
  }

  /** The customer, with its agreements and overrides. */
  async get(customer: CustomerRef, options: CallOptions = {}): Promise<Customer> {
    return this.#get(customer, this.#exchange.deadline(known(options, ...callOptions)));
  }

  /** Changes what is given; null clears. */
  async update(customer: CustomerRef, change: CustomerChange, options: CallOptions = {}): Promise<Customer> {
    const deadline = this.#exchange.deadline(known(options, ...callOptions));
    const request: Request = { method: "PATCH", path: await this.#path(customer, deadline), body: change };
    return (await this.#exchange.json(request, deadline)) as unknown as Customer;
  }

  /** Ends its agreements and frees its codes; with `purge` erases personal data. */
  async delete(customer: CustomerRef, options: CallOptions & { purge?: boolean } = {}): Promise<void> {
    const deadline = this.#exchange.deadline(known(options, "purge", ...callOptions));
    const query = options.purge ? { purge: "true" } : {};
    await this.#exchange.json({ method: "DELETE", path: await this.#path(customer, deadline), query }, deadline);
  }

  async #create(customer: NewCustomer, options: WorkOptions, deadline: Deadline): Promise<Customer> {
    const request = work("/v1/customers", { type: "organization", ...customer }, options);
    return (await this.#exchange.json(request, deadline)) as unknown as Customer;
  }

  async #get(customer: CustomerRef, deadline: Deadline): Promise<Customer> {
    const request: Request = { method: "GET", path: await this.#path(customer, deadline) };
    return (await this.#exchange.json(request, deadline)) as unknown as Customer;
  }

  async #path(customer: CustomerRef, deadline: Deadline): Promise<string> {
    return `/v1/customers/${await path(this.#exchange, customer, deadline)}`;
  }
}

/** Who is on which plan. */
export class Agreements {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Puts the customer on a plan, in place of the one it has, or on an add-on. */
  async subscribe(
    customer: CustomerRef,
    planCode: string,
    terms: AgreementTerms = {},
    options: WorkOptions = {},
  ): Promise<Agreement> {
    const deadline = this.#exchange.deadline(known(options, ...workOptions));
    const of = await path(this.#exchange, customer, deadline);
    const request = work(`/v1/customers/${of}/agreements`, { ...terms, plan_code: planCode }, options);
    return (await this.#exchange.json(request, deadline)) as unknown as Agreement;
  }

  /** Ends the agreement, now or at its period_end. */
  async cancel(agreementId: string, options: CallOptions & { when?: "now" | "period_end" } = {}): Promise<Agreement> {
    known(options, "when", ...callOptions);
    const request: Request = {
      method: "DELETE",
      path: `/v1/agreements/${segment(agreementId, "agreement id")}`,
      query: { when: options.when },
    };
    return (await this.#exchange.json(request, this.#exchange.deadline(options))) as unknown as Agreement;
  }
}

/** A customer's own terms for a feature. */
export class Overrides {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Sets the terms, in place of those there were. */
  async set(
    customer: CustomerRef,
    featureCode: string,
    terms: OverrideTerms,
    options: CallOptions = {},
  ): Promise<Override> {
    const deadline = this.#exchange.deadline(known(options, ...callOptions));
    const request: Request = { method: "PUT", path: await this.#path(customer, featureCode, deadline), body: terms };
    return (await this.#exchange.json(request, deadline)) as unknown as Override;
  }

  /** Ends the terms: the plan's hold again. */
  async end(customer: CustomerRef, featureCode: string, options: CallOptions = {}): Promise<void> {
    const deadline = this.#exchange.deadline(known(options, ...callOptions));
    await this.#exchange.json({ method: "DELETE", path: await this.#path(customer, featureCode, deadline) }, deadline);
  }

  async #path(customer: CustomerRef, featureCode: string, deadline: Deadline): Promise<string> {
    const feature = segment(featureCode, "feature code");
    return `/v1/customers/${await path(this.#exchange, customer, deadline)}/overrides/${feature}`;
  }
}

/** Credits: what customers have of a feature beside their allowances. */
export class Grants {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Gives the customer an amount of a feature. With an `external_id` the same again gives the first grant. */
  async create(
    customer: CustomerRef,
    featureCode: string,
    units: Amount,
    terms: GrantTerms = {},
    options: WorkOptions = {},
  ): Promise<Grant> {
    const deadline = this.#exchange.deadline(known(options, ...workOptions));
    const body = {
      ...named(terms),
      feature_code: featureCode,
      amount: amount(units, "amount"),
      cost_basis: terms.cost_basis === undefined ? undefined : amount(terms.cost_basis, "cost_basis"),
    };
    const request = work(await this.#path(customer, deadline), body, options);
    return (await this.#exchange.json(request, deadline)) as unknown as Grant;
  }

  /** Gives the customer what a pack has. With an `external_id` the same again gives the first grants. */
  async buy(
    customer: CustomerRef,
    pack: string,
    terms: PurchaseTerms = {},
    options: WorkOptions = {},
  ): Promise<GrantPurchase> {
    const deadline = this.#exchange.deadline(known(options, ...workOptions));
    const request = work(await this.#path(customer, deadline), { ...named(terms), pack }, options);
    return (await this.#exchange.json(request, deadline)) as unknown as GrantPurchase;
  }

  /** The grant as it stands. */
  async get(grantId: string, options: CallOptions = {}): Promise<Grant> {
    known(options, ...callOptions);
    const request: Request = { method: "GET", path: `/v1/grants/${segment(grantId, "grant id")}` };
    return (await this.#exchange.json(request, this.#exchange.deadline(options))) as unknown as Grant;
  }

  /** One page of the grants of the customer, also of those that are over. */
  async list(
    customer: CustomerRef,
    options: CallOptions & PageOptions & { feature_code?: string } = {},
  ): Promise<GrantList> {
    known(options, "feature_code", ...pageOptions, ...callOptions);
    const deadline = this.#exchange.deadline(options);
    const request: Request = {
      method: "GET",
      path: await this.#path(customer, deadline),
      query: { feature_code: options.feature_code, ...page(options) },
    };
    return (await this.#exchange.json(request, deadline)) as unknown as GrantList;
  }

  /**
   * Takes away what remains of the grant; with `claw_back` what was drawn is a debt.
   * The same again gives the first outcome.
   */
  async void(grantId: string, terms: VoidTerms = {}, options: WorkOptions = {}): Promise<VoidedGrant> {
    known(options, ...workOptions);
    const request = work(`/v1/grants/${segment(grantId, "grant id")}/void`, terms, options);
    return (await this.#exchange.json(request, this.#exchange.deadline(options))) as unknown as VoidedGrant;
  }

  async #path(customer: CustomerRef, deadline: Deadline): Promise<string> {
    return `/v1/customers/${await path(this.#exchange, customer, deadline)}/grants`;
  }
}

/** What customers can pay use of a feature with, and what was paid from what. */
export class CreditCalls {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** What the customer can use, source by source, now or at any time. */
  async get(customer: CustomerRef, featureCode: string, options: CallOptions & AsOf = {}): Promise<Credits> {
    known(options, ...asOfOptions, ...callOptions);
    const deadline = this.#exchange.deadline(options);
    const request: Request = {
      method: "GET",
      path: await this.#path(customer, featureCode, deadline),
      query: asOf(options),
    };
    return (await this.#exchange.json(request, deadline)) as unknown as Credits;
  }

  /**
   * One page of what used the feature, gave back or paid debts. With `at` it is
   * what was recorded by then, with `known_now` what counts by then.
   */
  async ledger(
    customer: CustomerRef,
    featureCode: string,
    options: CallOptions & AsOf & PageOptions = {},
  ): Promise<CreditLedger> {
    known(options, ...asOfOptions, ...pageOptions, ...callOptions);
    const deadline = this.#exchange.deadline(options);
    const request: Request = {
      method: "GET",
      path: `${await this.#path(customer, featureCode, deadline)}/ledger`,
      query: { ...asOf(options), ...page(options) },
    };
    return (await this.#exchange.json(request, deadline)) as unknown as CreditLedger;
  }

  /**
   * What use has drawn of a feature, as `usage.series` has it. With `by: "feature"` each
   * bucket has the shares of the features.
   */
  async series(
    customer: CustomerRef,
    featureCode: string,
    options: CallOptions & SeriesOptions & { by?: "feature" } = {},
  ): Promise<UsageSeries> {
    known(options, "by", ...seriesOptions, ...callOptions);
    const deadline = this.#exchange.deadline(options);
    const request: Request = {
      method: "GET",
      path: `${await this.#path(customer, featureCode, deadline)}/series`,
      query: { by: options.by, ...span(options) },
    };
    return (await this.#exchange.json(request, deadline)) as unknown as UsageSeries;
  }

  async #path(customer: CustomerRef, featureCode: string, deadline: Deadline): Promise<string> {
    const feature = segment(featureCode, "feature code");
    return `/v1/customers/${await path(this.#exchange, customer, deadline)}/credits/${feature}`;
  }
}

/** Refuses an empty id. The server takes it for none, and the same again would give twice. */
function named<T extends { external_id?: string }>(terms: T): T {
  if (terms.external_id === "") throw new TypeError("external_id is empty: want the id of the payment, or none");
  return terms;
}

/** A POST that changes something. Its key stays the same over all retries. */
function work(path: string, body: unknown, options: WorkOptions = {}): Request {
  const key = options.idempotencyKey ?? crypto.randomUUID();
  if (!/^[!-~]([ -~]{0,253}[!-~])?$/.test(key)) {
    throw new TypeError("an idempotency key is 1 to 255 characters of printable ASCII, without spaces around");
  }
  return { method: "POST", path, body, key };
}

/** The exact text of an amount, 1 if it is not given. */
function units(value: Amount = 1): string {
  return amount(value);
}

/** What is missing is not 1 here: usage and grants have no default. */
function amount(value: Amount, name = "units"): string {
  const text = typeof value === "string" ? value : String(value);
  const exact = typeof value !== "number" || !Number.isInteger(value) || Number.isSafeInteger(value);
  if (!["string", "number", "bigint"].includes(typeof value) || !exact || !/^-?\d+(\.\d+)?$/.test(text)) {
    throw new TypeError(`${name} ${text}: want a decimal such as 2 or "0.25", as text where a number is not exact`);
  }
  return text;
}

const callOptions = ["timeout", "signal"];
const workOptions = [...callOptions, "idempotencyKey"];
const pageOptions = ["page_size", "starting_after", "ending_before"];
const asOfOptions = ["at", "known_now"];
const seriesOptions = ["bucket", "from", "to"];

function page(options: PageOptions): Record<string, string | undefined> {
  return {
    page_size: options.page_size?.toString(),
    starting_after: options.starting_after,
    ending_before: options.ending_before,
  };
}

function asOf(options: AsOf): Record<string, string | undefined> {
  return { at: instant(options.at), known: options.known_now ? "now" : undefined };
}

function span(options: SeriesOptions): Record<string, string | undefined> {
  return { bucket: options.bucket, from: instant(options.from), to: instant(options.to) };
}

function instant(value: Time | undefined): string | undefined {
  return value instanceof Date ? value.toISOString() : value;
}

/** Reads a decision. What does not say so in so many words allows nothing. */
function decision(answer: unknown): Decision {
  const { allowed, reason } = (answer ?? {}) as Partial<Decision>;
  if (typeof allowed !== "boolean" || typeof reason !== "string") {
    throw new UnavailableError("the answer is no decision", { code: "ANSWER_INVALID" });
  }
  return answer as Decision;
}

function results(answer: Record<string, unknown>): unknown[] {
  if (!Array.isArray(answer["results"])) {
    throw new UnavailableError("the answer has no results", { code: "ANSWER_INVALID" });
  }
  return answer["results"];
}
