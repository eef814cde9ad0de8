// What happened, in one order: read by pages, or followed for ever.

import { AllotError, RateLimitedError, UnavailableError } from "./errors.js";
import type { Exchange } from "./exchange.js";
import { known } from "./options.js";
import { path } from "./refs.js";
import type { AllotEvent, CallOptions, EventList, EventOptions, FollowOptions } from "./types.js";

const firstBackoff = 1_000;
const maxBackoff = 30_000;
const maxPage = 1000;
const defaultWait = 30;

const eventOptions = ["after", "types", "customer", "page_size", "wait"];

/** What happened: every change, and what time and usage caused. */
export class EventCalls {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** The next events after a cursor; it waits for one up to `wait` seconds. */
  async list(options: CallOptions & EventOptions = {}): Promise<EventList> {
    known(options, ...eventOptions, "timeout", "signal");
    const { after, types, customer, page_size, wait = 0 } = options;
    const deadline = this.#exchange.deadline(options, wait * 1000);
    const query = {
      after: after === undefined ? undefined : String(after),
      types: types?.join(","),
      customer_id:
        customer === undefined ? undefined : decodeURIComponent(await path(this.#exchange, customer, deadline)),
      page_size: page_size?.toString(),
      wait: wait > 0 ? String(wait) : undefined,
    };
    const answer = await this.#exchange.json({ method: "GET", path: "/v1/events", query }, deadline);
    if (!Array.isArray(answer["events"]) || typeof answer["next"] !== "number") {
      throw new UnavailableError("the answer has no events", { code: "ANSWER_INVALID" });
    }
    return answer as unknown as EventList;
  }

  /**
   * Events from a cursor on, for ever: behind the last it waits for the next.
   *
   * The `id` of an event is its cursor: keep that of the last one you handled, and
   * go on with it as `after`. `moved` is called with each cursor behind which all
   * events were handed over, also where none was of those asked for. It asks again
   * after errors that may pass, such as a server that is started anew; others are
   * thrown. CURSOR_TOO_OLD says that some events are lost.
   */
  async *follow(options: FollowOptions = {}): AsyncGenerator<AllotEvent, never, void> {
    known(options, "after", "types", "customer", "wait", "moved", "signal");
    const { moved, signal, ...wanted } = options;
    let after = options.after;
    for (let failed = 0; ; ) {
      let page: EventList;
      try {
        const wait = Math.max(options.wait ?? defaultWait, 1);
        page = await this.list({ ...wanted, ...(after === undefined ? {} : { after }), wait, page_size: maxPage, ...(signal ? { signal } : {}) });
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof UnavailableError || error instanceof RateLimitedError)) throw error;
        await pause(waitAfter(++failed, error), signal);
        continue;
      }
      failed = 0;
      yield* page.events;
      const before = after;
      after = page.next;
      if (before !== after) moved?.(page.next);
    }
  }
}

/** Milliseconds to wait after the failures so far. */
function waitAfter(failed: number, error: AllotError): number {
  const wait = Math.random() * Math.min(firstBackoff * 2 ** Math.min(failed - 1, 10), maxBackoff);
  return Math.max(wait, (error.retryAfter ?? 0) * 1000);
}

/** Waits, but no longer than the caller wants it. */
async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  let stop = () => {};
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    stop = () => {
      clearTimeout(timer);
      resolve();
    };
    signal?.addEventListener("abort", stop, { once: true });
  });
  signal?.removeEventListener("abort", stop);
  signal?.throwIfAborted();
}
