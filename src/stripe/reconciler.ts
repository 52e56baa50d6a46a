/** Compares our state with Stripe's, repairs what is safe to repair, and reports what differs. */
import type { Clock } from '../kernel/clock.ts';
import { canonicalJson } from '../kernel/canonical-json.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { Log } from '../kernel/log.ts';
import { Refusal } from '../kernel/refusal.ts';
import type { MeterReports, ReportedPeriod } from '../subscriptions/meter-reports.ts';
import type { Subscriptions } from '../subscriptions/subscriptions.ts';
import { AWAY_AFTER, isAway, orMissing, type StripeClient, StripeRejection } from './account/client.ts';
import type { Customers } from './account/customers.ts';
import { idOf, instantOf, secondsOf } from './account/values.ts';
import type { CatalogIds } from './catalog/catalog-ids.ts';
import { COMPARED_MS } from './overage/invoiced-overage.ts';
import type { MeterReporter } from './overage/meter-reporter.ts';
import { countedBy } from './overage/meter-sums.ts';
import type { CustomerSync } from './sync/sync.ts';
import type { StripeEvent } from './webhooks/stripe-event.entity.ts';
import type { Inbox } from './webhooks/inbox.ts';
import { snapshotEvent } from './webhooks/webhooks.ts';

/** The result of a comparison, one line for each difference. */
export interface Reconciliation {
  /** Differences that are repaired, or will be when the queue comes to them. */
  readonly repaired: readonly string[];
  /** Differences that only people can resolve. */
  readonly remaining: readonly string[];
}

interface Options {
  readonly stripe: StripeClient;
  readonly catalog: CatalogIds;
  readonly inbox: Inbox;
  readonly jobs: Jobs;
  readonly reports: MeterReports;
  readonly reporter: MeterReporter;
  readonly subscriptions: Pick<Subscriptions, 'of' | 'sellersFindings'>;
  readonly customers: Pick<Customers, 'of' | 'all'>;
  readonly sync: Pick<CustomerSync, 'sync' | 'syncCharge' | 'forgetDeleted'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Progress of a run. */
export interface ReconcileProgress {
  /** Steps that are behind it, of `total`. */
  readonly done: number;
  readonly total: number;
  /** The present step, such as `customers`. */
  readonly step: string;
  /** Things that this step has looked at. */
  readonly looked: number;
}

/** The watch over a run, and the means to end it. */
export interface ReconcileWatch {
  readonly onProgress?: (progress: ReconcileProgress) => void;
  /** Ends the run before the next thing is looked at, with the signal's reason. What was repaired stays repaired. */
  readonly stopping?: AbortSignal;
}

const RECONCILE = 'stripe.reconcile';

/** Anything younger may still be on its way: a webhook, a report, a sum of the meter. */
const SETTLES_MS = 600_000;
/** Stripe lists events for 30 days. */
const EVENTS_MS = 30 * 86_400_000;
/** An event that has not arrived may be this much older than the newest one that has. */
const OVERLAP_MS = 3_600_000;
/** Reports that are compared: of this period and the one before. */
const REPORTS_MS = 62 * 86_400_000;

/** Refunds that are compared: banks send refunds back within weeks. */
const REFUNDS_MS = 90 * 86_400_000;

const PAGE = 500;

export class Reconciler {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
    const { jobs, log } = options;
    jobs.define(RECONCILE, {
      parse: () => null,
      run: async () => {
        const { repaired, remaining } = await this.run();
        if (repaired.length > 0) log.warn({ repaired }, 'differences from Stripe were repaired');
        if (remaining.length > 0) log.error({ remaining }, 'there are differences from Stripe');
      },
    });
    jobs.schedule({ task: RECONCILE, cron: '37 4 * * *' });
  }

  /** @throws Refusal PAYMENT_PROVIDER_ERROR, UNAVAILABLE when Stripe or the database is away, since then nothing is known */
  async run({ onProgress, stopping }: ReconcileWatch = {}): Promise<Reconciliation> {
    const steps: readonly { readonly step: string; readonly look: (found: Lines) => Promise<void> }[] = [
      { step: 'events', look: (found) => this.#events(found) },
      { step: 'reports of overage', look: (found) => this.#reports(found) },
      { step: 'the meter’s sums', look: (found) => this.#sums(found) },
      { step: 'customers', look: (found) => this.#customers(found) },
      { step: 'overage on invoices', look: (found) => this.#invoiced(found) },
      { step: 'refunds', look: (found) => this.#refunds(found) },
    ];
    const lines = { repaired: [], remaining: [] };
    for (const [done, { step, look }] of steps.entries()) {
      let looked = 0;
      const tell = (): void => onProgress?.({ done, total: steps.length, step, looked });
      tell();
      const found: Lines = {
        ...lines,
        stopping,
        looked() {
          looked += 1;
          tell();
        },
      };
      await this.#noting(step, found, () => look(found));
    }
    return lines;
  }

  /** Runs one comparison. A failure becomes a line, so that the other comparisons still run. */
  async #noting(what: string, { remaining, stopping }: Lines, work: () => Promise<void>): Promise<void> {
    stopping?.throwIfAborted();
    try {
      await work();
    } catch (error) {
      const isOver = stopping?.aborted === true || (error instanceof Refusal && error.retryable);
      if (isOver) throw error;
      remaining.push(`${what}: ${wordsOf(error)}`);
    }
  }

  /** Takes events that have not arrived. The inbox keeps each event once, so taking too many does no harm. */
  async #events({ repaired }: Lines): Promise<void> {
    const { stripe, inbox } = this.#options;
    const now = this.#options.clock.now().getTime();
    const oldest = now - EVENTS_MS;
    const newest = (await inbox.newest())?.getTime() ?? oldest;
    const until = secondsOf(new Date(now - SETTLES_MS));
    const since = (ms: number): { gte: number; lte: number } => ({ gte: secondsOf(new Date(ms)), lte: until });
    // Since the newest known event all are listed, because Stripe may have had nowhere to deliver them; before it, only those
    // whose delivery failed.
    const queries = [
      { created: since(Math.max(newest - OVERLAP_MS, oldest)) },
      { created: since(oldest), delivery_success: false },
    ];
    for (const query of queries) {
      const found: StripeEvent[] = [];
      // Only the fields that are kept stay in memory: a month of whole events is large.
      for await (const events of stripe.pages('event', (sdk, page) => sdk.events.list({ ...query, ...page }))) {
        found.push(...events.map(snapshotEvent));
      }
      // Stripe lists the newest first. The oldest is taken first, because the newest one taken says where the next run begins.
      for (const event of found.toReversed()) {
        if (await inbox.take(event)) repaired.push(`event ${event.id} (${event.type}) had not arrived`);
      }
    }
  }

  /** Tries all waiting reports at once, whatever was wrong with them. */
  async #reports({ remaining, repaired }: Lines): Promise<void> {
    const { reporter, reports, clock } = this.#options;
    const before = await reports.counts();
    await reporter.run({ refusedToo: true });
    const after = await reports.counts();
    const mended = before.failed - after.failed;
    if (mended > 0) repaired.push(`${mended} reports of overage that had been refused are delivered`);
    const settled = new Date(clock.now().getTime() - SETTLES_MS);
    for (const { id, billingEntityId, credits, state, error, createdAt } of await reports.undelivered({
      after: null,
      limit: PAGE,
    })) {
      if (createdAt > settled && state === 'PENDING') continue;
      remaining.push(
        `report ${id} of ${credits} credits of ${billingEntityId} is not delivered: ${error ?? 'there is no customer'}`,
      );
    }
    if (after.undelivered > PAGE) remaining.push(`${after.undelivered} reports are not delivered, in all`);
  }

  /** Compares the meter's sums with what was sent, by customer and period. */
  async #sums(found: Lines): Promise<void> {
    const { reports, clock } = this.#options;
    const since = new Date(clock.now().getTime() - REPORTS_MS);
    for (let after: ReportedPeriod | null = null; ;) {
      const page: ReportedPeriod[] = await reports.periods({ since, after, limit: PAGE });
      await this.#each(page, found, {
        nameOf: ({ billingEntityId }) => `overage of ${billingEntityId}`,
        work: async (period) => {
          const difference = await this.#sum(period);
          if (difference !== null) found.remaining.push(difference);
        },
      });
      if (page.length < PAGE) return;
      after = page.at(-1) as ReportedPeriod;
    }
  }

  async #sum({ billingEntityId, start, end }: ReportedPeriod): Promise<string | null> {
    const { stripe, catalog, customers, reports, clock } = this.#options;
    const customer = await customers.of(billingEntityId);
    if (customer === null) return null;
    const { meter } = await catalog.get();
    const now = clock.now().getTime();
    // The meter tells sums by the minute, so both sides are compared over whole minutes.
    const from = Math.floor(secondsOf(start) / 60) * 60;
    const to = Math.ceil(Math.min(end.getTime(), now + 60_000) / 60_000) * 60;
    try {
      const has = await countedBy(stripe, { meter, customer, from, to });
      const { sent, lately, unknown } = await reports.sums(billingEntityId, {
        from: instantOf(from),
        to: instantOf(to),
        lately: new Date(now - SETTLES_MS),
      });
      if (has >= sent - lately && has <= sent + unknown) return null;
      if (await this.#isOfAnother(customer, { billingEntityId, start })) return null;
      return `${customer}: of the period since ${start.toISOString()} the meter has ${has} credits, and ${sent} were sent`;
    } catch (error) {
      if (error instanceof StripeRejection) return `${customer}: ${error.message}`;
      throw error;
    }
  }

  /**
   * True if some of a period was reported for a customer that the payer is no more. Of who was deleted Stripe tells no sums; such
   * reports are compared with invoices.
   */
  async #isOfAnother(
    customer: string,
    { billingEntityId, start }: Pick<ReportedPeriod, 'billingEntityId' | 'start'>,
  ): Promise<boolean> {
    const { stripe, reports } = this.#options;
    for (const id of await reports.subscriptionsOf(billingEntityId, start)) {
      const found = await orMissing(stripe.call('subscription', (sdk) => sdk.subscriptions.retrieve(id)));
      if (found !== null && idOf(found.customer) !== customer) return true;
    }
    return false;
  }

  /** Makes every customer's state follow Stripe's again. It changes nothing where nothing was missed. */
  async #customers(found: Lines): Promise<void> {
    await this.#each(this.#options.customers.all(), found, {
      nameOf: ({ customerId }) => customerId,
      work: (each) => this.#customer(each, found),
    });
  }

  async #customer({ billingEntityId, customerId }: Customer, { repaired, remaining }: Lines): Promise<void> {
    const { subscriptions, sync } = this.#options;
    const before = canonicalJson(await subscriptions.of(billingEntityId));
    await sync.sync(customerId);
    const after = canonicalJson(await subscriptions.of(billingEntityId));
    if (before !== after) repaired.push(`${customerId}: the subscription was not as Stripe has it`);
    for (const { reason } of await subscriptions.sellersFindings(billingEntityId)) {
      remaining.push(`${customerId}: ${reason}`);
    }
    await sync.forgetDeleted(customerId);
  }

  /**
   * Compares overage with invoices: that the meter has it does not say that an invoice will. What none has is billed, for example
   * what was left behind at the end of a subscription, or was counted before somebody deleted the item of the meter.
   */
  async #invoiced(found: Lines): Promise<void> {
    const { reports, reporter, clock } = this.#options;
    const since = new Date(clock.now().getTime() - COMPARED_MS);
    for (let after: string | null = null; ;) {
      const page: string[] = await reports.deliveredSince(since, { after, limit: PAGE });
      await this.#each(page, found, {
        nameOf: (id) => `overage of ${id}`,
        work: async (id) => {
          const { billed, differences } = await reporter.settle(id);
          found.repaired.push(...billed);
          found.remaining.push(...differences);
        },
      });
      if (page.length < PAGE) return;
      after = page.at(-1) as string;
    }
  }

  /** Settles refunds that came back from the bank, which leave no trace on their charge. */
  async #refunds(found: Lines): Promise<void> {
    const { stripe, sync, clock } = this.#options;
    const created = { gte: secondsOf(new Date(clock.now().getTime() - REFUNDS_MS)) };
    const charges = new Set<string>();
    for await (const refunds of stripe.pages('refund', (sdk, page) => sdk.refunds.list({ created, ...page }))) {
      for (const { status, charge } of refunds) {
        if (charge !== null && (status === 'failed' || status === 'canceled')) charges.add(idOf(charge));
      }
    }
    await this.#each(charges, found, { nameOf: (id) => id, work: (id) => sync.syncCharge(id) });
  }

  /** Runs `work` for each. A single failure of Stripe's becomes a line; several in a row say that Stripe is away. */
  async #each<T>(
    all: Iterable<T> | AsyncIterable<T>,
    found: Lines,
    { nameOf, work }: { nameOf: (each: T) => string; work: (each: T) => Promise<void> },
  ): Promise<void> {
    let inARow = 0;
    for await (const each of all) {
      try {
        await this.#noting(nameOf(each), found, () => work(each));
        found.looked();
        inARow = 0;
      } catch (error) {
        inARow += 1;
        if (inARow === AWAY_AFTER || !isAway(error)) throw error;
        found.remaining.push(`${nameOf(each)}: ${wordsOf(error)}`);
      }
    }
  }
}

interface Customer {
  readonly billingEntityId: string;
  readonly customerId: string;
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

interface Lines {
  readonly repaired: string[];
  readonly remaining: string[];
  readonly stopping: AbortSignal | undefined;
  /** Told after each thing that a step has looked at. */
  readonly looked: () => void;
}
