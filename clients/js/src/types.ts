// What is asked and answered, with the names of the wire. A newer server may say
// more than is named here.

/** Units: text such as "0.25", or a number that is exactly what it is written as. */
export type Amount = string | number | bigint;

/** An instant: a Date, or text in ISO 8601. */
export type Time = string | Date;

/** A customer's keys: one of them, or user_id with the org_code of the user's organization. */
export interface CustomerKeys {
  customer_id?: string;
  org_code?: string;
  user_id?: string;
  external_id?: string;
}

/** A customer: an id, a text such as "org_code:acme", keys, or the customer itself. */
export type CustomerRef = string | CustomerKeys | Customer;

/** When an allowance changes by itself, and why. */
export interface NextChange {
  on: string;
  why: string;
}

/** One thing that has a say in an allowance. */
export interface Source {
  kind: string;
  id: string;
  plan_code?: string;
  max: number | null;
  counts: boolean;
}

/** A further limit in a window of its own. */
export interface Cap {
  max: number;
  reset: string | { every: number; unit: string };
  used: string;
  remaining: string;
  resets_on: string | null;
}

/** How fast a feature may be used. It is told, never counted. */
export interface Rate {
  max: number;
  per: string;
  burst?: number;
}

/** Whether the units may be used. It is an object, so ask for `allowed`. */
export interface Decision {
  allowed: boolean;
  reason: string;
  feature_code: string;
  type: string;
  /** null without a limit */
  limit: number | null;
  /** decimal text; after a consume it counts what that recorded */
  used: string;
  held: string;
  remaining: string | null;
  soft: boolean;
  resets_on: string | null;
  next_change: NextChange | null;
  sources: Source[];
  /** of a config feature: a text, a number, "unlimited", true or false, or a list of texts */
  value?: unknown;
  caps?: Cap[];
  /** units of a window that cost nothing */
  included?: number;
  rate?: Rate;
  pool?: PoolUse;
  draws?: CreditDraw[];
  /** decimal text */
  overage?: string;
  revision: string;
}

/** What a feature burns of another; `remaining` is null without a limit. */
export interface PoolUse {
  feature_code: string;
  units: string;
  remaining: string | null;
  draws?: CreditDraw[];
}

/** What was taken from one source: an allowance, what rolled over, or a grant. */
export interface CreditDraw {
  kind: "allowance" | "rollover" | "promotional" | "paid";
  id?: string;
  window?: CreditWindow;
  units: string;
}

/** The window whose allowance something is; both ends are null if it never resets. */
export interface CreditWindow {
  starts_on: string | null;
  /** exclusive */
  ends_on: string | null;
}

/** An amount of a feature that a customer has beside its allowances, as it stands. */
export interface Grant {
  id: string;
  customer_id: string;
  feature_code: string;
  /** decimal text, as the amounts below */
  amount: string;
  kind: "paid" | "promotional";
  status: "scheduled" | "live" | "expired" | "voided";
  /** lower burns first */
  priority: number;
  effective_on: string;
  expires_on: string | null;
  /** the features that may use it up; absent: all that burn feature_code, and itself */
  only?: string[];
  /** minor units that a unit was paid with; JSON's number, so rounded beyond 15 digits */
  cost_basis?: number;
  note?: string;
  /** what it was bought as */
  pack?: string;
  external_id?: string;
  created_on: string;
  /** when it was voided */
  ended_on?: string;
  /** since when what was drawn of it is a debt */
  clawed_back_on?: string;
  /** that can be used, now or once it is effective */
  remaining: string;
  drawn: string;
  held: string;
  /** drawn of one that was clawed back, and not paid for by others since */
  debt: string;
  /** neither drawn nor held */
  refundable: string;
  warnings?: Warning[];
}

/** The grants of a pack, in the order of its lines. */
export interface GrantPurchase {
  grants: Grant[];
  warnings?: Warning[];
}

/** One page of the grants of a customer. */
export interface GrantList {
  grants: Grant[];
  has_more: boolean;
}

/** A grant that was taken back, and what of it is to be refunded. */
export interface VoidedGrant {
  grant: Grant;
  /** `amount` is in minor units, rounded half up; absent without a cost_basis */
  refundable: { units: string; amount?: number };
  debt: string;
}

/** What a customer can pay use of a feature with. */
export interface Credits {
  customer_id: string;
  feature_code: string;
  at: string;
  /** decimal text, below 0 where more is owed than there is; null without a limit */
  available: string | null;
  unlimited: boolean;
  debt: string;
  held: string;
  overage: string;
  /** in the order in which they burn */
  sources: CreditSource[];
  next_change: NextChange | null;
  revision: string;
}

/** Something that use is paid from. */
export interface CreditSource {
  kind: "allowance" | "rollover" | "promotional" | "paid";
  /** of a grant */
  id?: string;
  /** of an allowance, and of what rolled over */
  window?: CreditWindow;
  /** the features that may burn it; absent: all */
  only?: string[];
  /** null without a limit */
  amount: string | null;
  remaining: string | null;
  held: string;
  expires_on: string | null;
}

/** A usage record with what it was paid from. */
export interface CreditEntry {
  id: string;
  type: string;
  change: string;
  counted_on: string;
  recorded_on: string;
  corrects?: string;
  /** of what another feature burned, that one's record */
  of?: string;
  /** and that feature */
  burned_by?: string;
  /** the grant whose debt is paid */
  pays_for?: string;
  /** together the change */
  draws: CreditDraw[];
}

/** Which buckets a series has. Without `from` there are 30; without `to` they end now. */
export interface SeriesOptions {
  bucket?: "hour" | "day" | "week" | "month";
  from?: Time;
  to?: Time;
}

/** What counted of a feature, bucket by bucket, without a gap. */
export interface UsageSeries {
  customer_id: string;
  feature_code: string;
  bucket: string;
  time_zone: string;
  from: string;
  to: string;
  series: UsageBucket[];
}

/** What counted from one instant to another, with the shares of features if asked for. */
export interface UsageBucket {
  starts_on: string;
  ends_on: string;
  units: string;
  by?: UsageShare[];
}

/** What one feature used of a bucket; of folded days none is told. */
export interface UsageShare {
  feature_code?: string;
  units: string;
}

/** One page of what used a feature, gave back or paid debts. */
export interface CreditLedger {
  customer_id: string;
  feature_code: string;
  entries: CreditEntry[];
  has_more: boolean;
}

/** Units set aside, or, not `allowed` and without `id`, why they are not. */
export interface Hold extends Decision {
  id?: string;
  expires_on?: string;
}

/** A hold as it stands. */
export interface HoldDetail {
  id: string;
  customer_id: string;
  feature_code: string;
  /** open, confirmed, released or expired */
  state: string;
  units: string;
  /** of a confirmed hold; may be more or fewer than units */
  counted?: string;
  created_on: string;
  expires_on: string;
}

/** What one would not expect of a success. */
export interface Warning {
  code: string;
  message: string;
}

/** What became of a hold, and how the feature stands in the window it was made in. */
export interface ClosedHold extends Decision {
  id: string;
  state: string;
  units: string;
  /** What of more than was held, with `over: "record"`, nothing has paid for. */
  uncovered?: string;
}

/** What a customer may use of a feature at an instant, and has used by then. */
export interface Entitlement {
  feature_code: string;
  feature_name: string;
  type: string;
  limit: number | null;
  used: string;
  held: string;
  remaining: string | null;
  soft: boolean;
  resets_on: string | null;
  next_change: NextChange | null;
  sources: Source[];
  /** of a config feature: a text, a number, "unlimited", true or false, or a list of texts */
  value?: unknown;
  caps?: Cap[];
  /** units of a window that cost nothing */
  included?: number;
  rate?: Rate;
  pool?: PoolUse;
  /** decimal text */
  overage?: string;
}

/** Everything a customer is entitled to at an instant, by feature code. */
export interface EntitlementList {
  customer_id: string;
  at: string;
  entitlements: Entitlement[];
  revision: string;
}

/** A customer's agreement to a version of a plan or an add-on. */
export interface Agreement {
  id: string;
  customer_id: string;
  plan_code: string;
  version: number;
  kind: string;
  quantity: number;
  annual: boolean;
  status: string;
  starts_on: string;
  expires_on: string | null;
  trial_ends_on?: string;
  current_period_start: string | null;
  current_period_end: string | null;
  created_on: string;
  anchor_on?: string;
  /** import or fallback; absent if it was asked for */
  origin?: string;
  external_id?: string;
  metadata?: Record<string, string>;
  /** scheduled agreements that the request took away */
  withdrawn?: string[];
  warnings?: Warning[];
}

/** A customer's own terms for a feature. */
export interface Override {
  id: string;
  feature_code: string;
  /** absent if not set; null: unlimited */
  max?: number | null;
  add?: number;
  at_least?: number;
  deny?: boolean;
  value?: unknown;
  note?: string;
  starts_on: string;
  expires_on: string | null;
}

/** Somebody who holds agreements: an organization, or a user. */
export interface Customer {
  id: string;
  type: string;
  org_code?: string;
  user_id?: string;
  external_id?: string;
  name?: string;
  email?: string;
  status: string;
  anchor_on: string | null;
  time_zone: string;
  created_on: string;
  /** absent unless the customer is deleted, and read by its id */
  deleted_on?: string;
  metadata?: Record<string, string>;
  agreements: Agreement[];
  overrides: Override[];
}

/** One record to be made. It names its customer by a key, or by an agreement. */
export interface UsageReport extends CustomerKeys {
  /** counts once per customer */
  id?: string;
  agreement_id?: string;
  feature_code: string;
  value: Amount;
  type?: "delta" | "absolute";
  /** default: now */
  timestamp?: Time;
  /** of a value below 0: the id of the record that it takes back of */
  corrects?: string;
}

/** What became of one record. */
export interface UsageResult {
  id: string;
  status: "recorded" | "duplicate" | "failed";
  superseded?: true;
  /** decimal text: what of a hard limit's use nothing has paid for */
  uncovered?: string;
  error?: { code: string; message: string };
}

/** What was used of a feature in one window; both ends are null if it never resets. */
export interface UsageWindow {
  feature_code: string;
  starts_on: string | null;
  ends_on: string | null;
  used: string;
}

/** One entry of the log of usage. */
export interface UsageRecord {
  id: string;
  feature_code: string;
  type: string;
  value: string;
  change: string;
  timestamp: string;
  counted_on: string;
  recorded_on: string;
  corrects?: string;
  of?: string;
}

/** All windows, and one page of the records that count in them. */
export interface Usage {
  customer_id: string;
  windows: UsageWindow[];
  records: UsageRecord[];
  has_more: boolean;
}

/** For one call. */
export interface CallOptions {
  /** milliseconds, for token, attempts and waits; default: the client's */
  timeout?: number;
  signal?: AbortSignal;
}

/** For one call that changes something. */
export interface WorkOptions extends CallOptions {
  /** under it the work is done once; default: a random one, kept over retries */
  idempotencyKey?: string;
}

/** A customer to be made. */
export interface NewCustomer {
  id?: string;
  type?: "organization" | "user";
  org_code?: string;
  user_id?: string;
  external_id?: string;
  name?: string;
  email?: string;
  /** absent: the default plan; null: none */
  plan_code?: string | null;
  anchor_on?: Time;
  time_zone?: string;
  metadata?: Record<string, string>;
}

/** What changes of a customer; null clears. */
export interface CustomerChange {
  name?: string | null;
  email?: string | null;
  org_code?: string;
  user_id?: string;
  external_id?: string | null;
  status?: "active" | "suspended";
  anchor_on?: Time;
  time_zone?: string;
  metadata?: Record<string, string> | null;
}

/** The terms of an agreement. */
export interface AgreementTerms {
  version?: number;
  quantity?: number;
  annual?: boolean;
  when?: "now" | "period_end";
  starts_on?: Time;
  expires_on?: Time;
  trial?: false | { days: number } | { ends_on: Time };
  anchor?: "keep" | "start" | Time;
  scheduled?: "keep" | "drop";
  external_id?: string;
  metadata?: Record<string, string>;
}

/** A customer's own terms, in place of those there were. */
export interface OverrideTerms {
  /** null: without a limit */
  max?: number | null;
  add?: number;
  at_least?: number;
  deny?: boolean;
  value?: unknown;
  expires_on?: Time;
  note?: string;
}

/** What else there is to say of a grant. */
export interface GrantTerms {
  /** default: paid */
  kind?: "paid" | "promotional";
  /** default: now; it may be in the past */
  effective_on?: Time;
  /** default: never */
  expires_on?: Time;
  /** 0 to 100, lower burns first; default 50 */
  priority?: number;
  /** the features that may use it up; default: all that burn this one, and itself */
  only?: string[];
  /** minor units that a unit was paid with */
  cost_basis?: Amount;
  note?: string;
  /** such as the id of the payment: under it the same again gives the first grant */
  external_id?: string;
}

/** How a pack is bought. */
export interface PurchaseTerms {
  /** default 1 */
  quantity?: number;
  /** such as the id of the payment: under it the same again gives the first grants */
  external_id?: string;
}

/** How a grant is taken back. */
export interface VoidTerms {
  /** what was drawn is a debt */
  claw_back?: boolean;
  external_id?: string;
}

/** Which page of a list; cursors are ids. */
export interface PageOptions {
  page_size?: number;
  starting_after?: string;
  ending_before?: string;
}

/** As of when. */
export interface AsOf {
  /** default: now */
  at?: Time;
  /** of an `at` of the past: count what was recorded since, too */
  known_now?: boolean;
}

/** Who caused an event; only clients have an id. */
export interface EventActor {
  kind: "client" | "cli" | "server" | "time" | (string & {});
  id: string;
}

/** Something that happened. */
export interface AllotEvent {
  /** its place, and the cursor to go on after it */
  id: number;
  type: string;
  on: string;
  customer_id?: string;
  actor: EventActor;
  /** of a change `before` and `after`, under the names that the API has */
  data: Record<string, unknown>;
}

/** Some events, and the cursor to go on after. */
export interface EventList {
  events: AllotEvent[];
  has_more: boolean;
  next: number;
}

/** Which events. */
export interface EventOptions {
  /** the id of an event, the `next` of a list, or "end": behind all there is; default: from the beginning */
  after?: number | "end";
  /** default: all */
  types?: string[];
  customer?: CustomerRef;
  /** 1 to 1000; default 100 */
  page_size?: number;
  /** whole seconds to wait for an event, up to 60; default 0 */
  wait?: number;
}

/** What to follow. */
export interface FollowOptions {
  /** as of `list` */
  after?: number | "end";
  types?: string[];
  customer?: CustomerRef;
  /** seconds that one request waits; default 30 */
  wait?: number;
  /** called with each cursor behind which all events were handed over */
  moved?: (cursor: number) => void;
  /** ends it */
  signal?: AbortSignal;
}
