/**
 * Tells the meter what was used beyond the allowance: never twice, never lost, never into another period (rule 28). What
 * is to be told is frozen first, and each step is on disk before the next: so whoever dies, anybody goes on from there.
 */
import { z } from 'zod';
import type { Clock } from '../../kernel/clock.ts';
import type { Delivery } from '../../ledger/store/columns.ts';
import type { Exclusive } from '../../db/advisory-lock.ts';
import type { Log } from '../../kernel/log.ts';
import { Refusal } from '../../kernel/refusal.ts';
import type { DeliveredReport, MeterReports } from '../../subscriptions/meter-reports.ts';
import { type CatalogIds, OVERAGE_METER } from '../catalog.ts';
import { AWAY_AFTER, isAway, type StripeClient, StripeRejection } from '../client.ts';
import type { Customers } from '../customers.ts';
import type { StripeEvents } from '../webhooks/events.ts';
import { LateOverage, secondsOf } from './late-overage.ts';

interface Options {
  readonly stripe: StripeClient;
  readonly catalog: CatalogIds;
  readonly events: StripeEvents;
  readonly reports: MeterReports;
  readonly exclusive: Exclusive;
  /** Who has none yet has nothing that could be reported: it waits. */
  readonly customers: Pick<Customers, 'of'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Of reports that were taken, and count for nothing. */
const REJECTIONS = ['v1.billing.meter.error_report_triggered', 'v1.billing.meter.no_meter_found'];
const ENDED = 'customer.subscription.deleted';

/** Stripe knows an identifier again for 24 hours; a sending under way may take a while. */
const REMEMBERED_MS = 23 * 3_600_000;

/** What was refused is tried again after this, and then twice as long each time that it was rejected afterwards. */
const REST_MS = 600_000;
const LONGEST_REST_MS = 6 * 3_600_000;

const PAGE = 500;
/** Customers that are served at one time; each holds a connection. */
const AT_ONCE = 3;

/** What the meter says of it cannot be told apart from what it says of others. */
const UNDECIDED = 'undecided: ';
/** The meter has it, and since no invoice of the meter's was to come, an item of its own billed it. */
const APART = 'billed apart';

export class MeterReporter {
  readonly #options: Options;
  readonly #late: LateOverage;
  /** When this process tries what was refused again, by report and what is wrong with it. */
  readonly #resting = new Map<string, Date>();
  /** With whom Stripe did not answer last time: the others come first. */
  #unanswered = new Set<string>();
  #pass: Promise<void> | null = null;
  #isStopping = false;

  constructor(options: Options) {
    this.#options = options;
    this.#late = new LateOverage(options);
    for (const type of REJECTIONS) options.events.on(type, ({ id }) => this.#takeRejections(id));
    options.events.on(ENDED, async ({ objectId }) => {
      if (objectId !== null) await this.billEnded(objectId);
    });
  }

  /** Begins a pass where none is under way, and does not wait for it: others are looked after, too. */
  tend(): void {
    if (this.#isStopping) return;
    this.#pass ??= this.run()
      .catch((error: unknown) => this.#options.log.warn({ err: error }, 'reporting overage broke off; it goes on'))
      .finally(() => (this.#pass = null));
  }

  /** Begins nothing new and waits for what is under way. What is left is on disk. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#pass;
  }

  /**
   * One pass: freezes what no report has yet, and delivers all that waits.
   * @param options.refusedToo whether what was refused is tried at once: somebody has repaired what was wrong
   */
  async run({ refusedToo = false } = {}): Promise<void> {
    const { reports } = this.#options;
    for (let after: string | null = null; ;) {
      const ids: string[] = await reports.unreported({ after, limit: PAGE });
      await Promise.all(ids.map((id) => this.#freeze(id)));
      if (ids.length < PAGE) break;
      after = ids.at(-1) as string;
    }
    const waiting = await this.#waiting();
    const order = [...waiting].sort((a, b) => Number(this.#unanswered.has(a)) - Number(this.#unanswered.has(b)));
    const unanswered = new Set<string>();
    let inARow = 0;
    const ids = order.values();
    const worker = async (): Promise<void> => {
      for (const id of ids) {
        if (this.#isStopping || inARow >= AWAY_AFTER) return;
        const answered = await this.#serve(id, { refusedToo });
        inARow = answered ? 0 : inARow + 1;
        if (!answered) unanswered.add(id);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    this.#unanswered = unanswered;
  }

  /**
   * Bills what the meter has of a subscription that ended, and nobody bills any more: any number of times. In the account's
   * turn, when the account has been told, so that what is delivered from then on is found to be too late.
   * @throws Refusal PAYMENT_PROVIDER_ERROR, UNAVAILABLE
   */
  async billEnded(subscriptionId: string): Promise<void> {
    const { customers, exclusive, reports } = this.#options;
    const [any] = await reports.ofSubscription(subscriptionId);
    const customerId = any === undefined ? null : await customers.of(any.billingEntityId);
    if (any === undefined || customerId === null) return;
    await exclusive.run(lockOf(any.billingEntityId), () => this.#billEnded(subscriptionId, customerId));
  }

  /** An account of which that cannot be done keeps nobody else's use from being reported. */
  async #freeze(billingEntityId: string): Promise<void> {
    try {
      await this.#options.reports.freeze(billingEntityId);
    } catch (error) {
      if (error instanceof Refusal && error.retryable) throw error;
      this.#options.log.error({ err: error, billingEntityId }, 'the overage of an account cannot be frozen');
    }
  }

  /** Accounts whose reports wait, those that wait longest first. */
  async #waiting(): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    for (let after: DeliveredReport | null = null; ;) {
      const page: DeliveredReport[] = await this.#options.reports.undelivered({ after, limit: PAGE });
      for (const { billingEntityId } of page) found.add(billingEntityId);
      if (page.length < PAGE) return found;
      after = page.at(-1) as DeliveredReport;
    }
  }

  /** false: Stripe did not answer. What else goes wrong with one is no reason to keep others waiting. */
  async #serve(billingEntityId: string, how: { refusedToo: boolean }): Promise<boolean> {
    const { exclusive, log } = this.#options;
    try {
      await exclusive.tryRun(lockOf(billingEntityId), () => this.#deliverAll(billingEntityId, how));
      return true;
    } catch (error) {
      if (isAway(error)) return false;
      log.warn({ err: error, billingEntityId }, 'reporting the overage of an account failed; it is tried again');
      return true;
    }
  }

  /**
   * In the order in which they were frozen, and no further than the first whose outcome is not known: Stripe takes one at
   * a time for a customer, and of two unknown ones the meter's sum would not tell which it has.
   */
  async #deliverAll(billingEntityId: string, { refusedToo }: { refusedToo: boolean }): Promise<void> {
    const customerId = await this.#options.customers.of(billingEntityId);
    if (customerId === null) return;
    const waiting = await this.#options.reports.undeliveredOf(billingEntityId);
    const delivered = new Set<string>();
    for (const report of waiting) {
      if (this.#isStopping) return;
      if (delivered.has(report.id) || (report.state === 'FAILED' && !refusedToo && this.#rests(report))) continue;
      // What is too late and was never tried is billed together.
      const others = waiting.filter(
        (each) => each.id !== report.id && !delivered.has(each.id) && isLikewise(each, report),
      );
      for (const id of await this.#deliver(report, { customerId, others })) delivered.add(id);
    }
  }

  /** @returns what is delivered: itself, and which of the others went with it */
  async #deliver(
    report: DeliveredReport,
    { customerId, others }: { readonly customerId: string; readonly others: readonly DeliveredReport[] },
  ): Promise<string[]> {
    const { reports, log } = this.#options;
    const hasEnded = await reports.hasEnded(report);
    const tooLate = await this.#late.isTooLate(report, hasEnded);
    if (isUnknown(report) && (tooLate || this.#isForgotten(report))) {
      const found = await this.#lookUp(report, customerId);
      if (found === 'taken') {
        await this.#note(report, { state: 'SENT' });
        if (hasEnded && report.subscriptionId !== null) await this.#billEnded(report.subscriptionId, customerId);
        return [];
      }
      if (found !== 'absent') {
        log.error({ report: report.id, found }, 'whether the meter has a report cannot be told: decide by hand');
        await this.#note(report, { state: 'FAILED', error: found });
        return [];
      }
    }
    // On disk before the call: whoever finds it so knows that Stripe may have it.
    const trying = { ...report, state: 'PENDING', attempts: report.attempts + 1, sentAt: null } as const;
    if (!(await reports.note(report, trying))) return [];
    try {
      const together: Together = tooLate ? [trying, ...others] : [trying];
      const state = tooLate ? await this.#bill(together, customerId) : await this.#send(trying, customerId);
      for (const each of together) await this.#note(each, { state });
      return together.map(({ id }) => id);
    } catch (error) {
      if (error instanceof StripeRejection) {
        log.error({ err: error, report: report.id }, 'a report of overage was refused');
        await this.#note(trying, { state: 'FAILED', error: error.message });
        return [];
      }
      await this.#note(trying, { state: 'PENDING', error: error instanceof Error ? error.message : String(error) });
      throw error;
    }
  }

  /**
   * Without a key of ours: under one, Stripe would repeat a 500 for a day. The identifier is what holds it to once.
   */
  async #send(report: DeliveredReport, customerId: string): Promise<'SENT' | 'BILLED'> {
    const { credits, stampedAt } = report;
    try {
      await this.#options.stripe.call('billing.meter_event', (sdk) =>
        sdk.billing.meterEvents.create({
          event_name: OVERAGE_METER,
          identifier: identifierOf(report),
          timestamp: secondsOf(stampedAt),
          payload: { stripe_customer_id: customerId, value: String(credits) },
        }),
      );
    } catch (error) {
      if (!(error instanceof StripeRejection)) throw error;
      if (error.code === 'timestamp_too_far_in_past') return this.#bill([report], customerId);
      if (!isKnownAlready(error)) throw error;
    }
    return 'SENT';
  }

  /** Of one period, beside what was billed of it before. */
  async #bill(reports: Together, customerId: string): Promise<'BILLED'> {
    const before = await this.#options.reports.billed(reports[0]);
    const credits = reports.reduce((sum, each) => sum + each.credits, before);
    await this.#late.bill(reports[0], credits, customerId);
    return 'BILLED';
  }

  /** Bills what the meter has of a subscription that was ended at once, without an invoice. */
  async #billEnded(subscriptionId: string, customerId: string): Promise<void> {
    const sent = (await this.#options.reports.ofSubscription(subscriptionId)).filter(({ state }) => state === 'SENT');
    const [first, ...others] = await this.#late.unbilled(subscriptionId, sent);
    if (first === undefined) return;
    const unbilled = [first, ...others] as const;
    const left = unbilled.filter((report) => !isApart(report));
    if (left.length === 0) return;
    await this.#late.billEnded(subscriptionId, unbilled, customerId);
    for (const report of left) await this.#note(report, { state: 'SENT', error: APART });
  }

  /** What the meter's own sum says of a report that it may have, in words where it says nothing clear. */
  async #lookUp(report: DeliveredReport, customer: string): Promise<string> {
    const { reports, stripe, catalog } = this.#options;
    const { meter } = await catalog.get();
    // Sums are told by the minute, at the finest.
    const from = Math.floor(secondsOf(report.stampedAt) / 60) * 60;
    const to = from + 60;
    let has: bigint;
    try {
      has = await countedBy(stripe, { meter, customer, from, to });
    } catch (error) {
      if (error instanceof StripeRejection) return `${UNDECIDED}${error.message}`;
      throw error;
    }
    const window = { from: new Date(from * 1_000), to: new Date(to * 1_000), lately: this.#options.clock.now() };
    const { sent } = await reports.sums(report.billingEntityId, window);
    if (has === sent) return 'absent';
    if (has === sent + report.credits) return 'taken';
    return `${UNDECIDED}the meter has ${has} credits in its minute, besides this one ${sent} were sent`;
  }

  /** Stripe looked at reports after it had taken them, and found something wrong: they count for nothing. */
  async #takeRejections(eventId: string): Promise<void> {
    const { reports, stripe, log } = this.#options;
    const event = await stripe.call('v2.core.event', (sdk) => sdk.v2.core.events.retrieve(eventId));
    const { rejections, unnamed } = rejectionsIn(event);
    if (unnamed > 0) {
      log.error({ event: eventId, unnamed }, 'Stripe rejected more than it names: reconciling tells whose sums differ');
    }
    for (let left = rejections; left.length > 0;) {
      const found = await reports.byIds([...new Set(left.map(({ id }) => id))]);
      const again: typeof left = [];
      for (const rejection of left) {
        const report = found.find(({ id }) => id === rejection.id);
        // Of an earlier sending, or told twice: it has been sent anew, or billed, since.
        const isSettled = report === undefined || report.state === 'BILLED' || isApart(report);
        if (isSettled || rejectionsOf(report) !== rejection.times) continue;
        log.error(
          { report: report.id, reason: rejection.reason },
          'a report of overage was rejected after it was taken',
        );
        const error = `rejected ${rejection.times + 1}: ${rejection.reason}`;
        const delivery = { state: 'FAILED', attempts: report.attempts, error, sentAt: null } as const;
        if (!(await reports.note(report, delivery))) again.push(rejection);
      }
      left = again;
    }
  }

  /** false: somebody else noted something meanwhile, and that stands. */
  async #note(
    report: DeliveredReport,
    { state, error }: { state: Delivery['state']; error?: string },
  ): Promise<boolean> {
    const isDone = state === 'SENT' || state === 'BILLED';
    if (isDone) this.#resting.delete(report.id);
    const times = rejectionsOf(report);
    // How often it was rejected tells its next identifier, and so stays, whatever else goes wrong.
    const words = error === undefined ? null : error.slice(0, 500);
    const kept = times === 0 ? words : words === null ? report.error : `rejected ${times}: ${words}`;
    return this.#options.reports.note(report, {
      state,
      attempts: report.attempts,
      error: kept,
      sentAt: isDone ? (report.sentAt ?? this.#options.clock.now()) : null,
    });
  }

  /** Trying at once what was refused a moment ago would come to nothing but noise at Stripe, on every process. */
  #rests(report: DeliveredReport): boolean {
    const now = this.#options.clock.now();
    const restMs = Math.min(REST_MS * 2 ** rejectionsOf(report), LONGEST_REST_MS);
    const until = this.#resting.get(report.id);
    if (until === undefined) this.#resting.set(report.id, new Date(now.getTime() + restMs));
    if (until === undefined || now < until) return true;
    this.#resting.delete(report.id);
    return false;
  }

  /** Whether an identifier that was sent then may be unknown to Stripe by now. */
  #isForgotten({ createdAt }: DeliveredReport): boolean {
    return this.#options.clock.now().getTime() - createdAt.getTime() > REMEMBERED_MS;
  }
}

/** What the meter has of a customer. `from` and `to` are in seconds, and whole minutes. */
export async function countedBy(
  stripe: StripeClient,
  { meter, customer, from, to }: { meter: string; customer: string; from: number; to: number },
): Promise<bigint> {
  const summaries = await stripe.list('billing.meter_event_summary', (sdk, page) =>
    sdk.billing.meters.listEventSummaries(meter, { customer, start_time: from, end_time: to, ...page }),
  );
  return BigInt(summaries.reduce((sum, each) => sum + each.aggregated_value, 0));
}

function lockOf(billingEntityId: string): string {
  return `overage of ${billingEntityId}`;
}

/** Of one period. */
type Together = readonly [DeliveredReport, ...DeliveredReport[]];

/** Of the same period as another one, and never tried. */
function isLikewise(report: DeliveredReport, { subscriptionId, period }: DeliveredReport): boolean {
  const isSame = report.subscriptionId === subscriptionId && report.period.start.getTime() === period.start.getTime();
  return isSame && report.attempts === 0 && report.state === 'PENDING';
}

/** Whether Stripe may have it, without our knowing. */
function isUnknown({ state, attempts, error }: DeliveredReport): boolean {
  return attempts > 0 && (state === 'PENDING' || (error ?? '').includes(UNDECIDED));
}

function isApart({ error }: DeliveredReport): boolean {
  return (error ?? '').includes(APART);
}

/**
 * The report's id. Stripe keeps the identifier of what it rejected afterwards, so what is sent anew has another one: as
 * often as it was rejected.
 */
function identifierOf(report: DeliveredReport): string {
  const times = rejectionsOf(report);
  return times === 0 ? report.id : `${report.id}/${times}`;
}

function rejectionsOf({ error }: DeliveredReport): number {
  return Number(/^rejected (\d+): /.exec(error ?? '')?.[1] ?? 0);
}

function isKnownAlready({ code, message }: StripeRejection): boolean {
  return code === 'duplicate_meter_event' || message.startsWith('An event already exists with identifier');
}

const REPORT = z.object({
  data: z.object({
    reason: z.object({
      error_count: z.number(),
      error_types: z.array(
        z.object({
          code: z.string(),
          sample_errors: z.array(
            z.object({ error_message: z.string(), request: z.object({ identifier: z.string().optional() }) }),
          ),
        }),
      ),
    }),
  }),
});

interface Rejection {
  readonly id: string;
  /** How often it had been rejected before. */
  readonly times: number;
  readonly reason: string;
}

/** Of those that are ours: others may report to meters of the same account. Of many, Stripe names a few. */
function rejectionsIn(event: unknown): { readonly rejections: Rejection[]; readonly unnamed: number } {
  const { error_count: count, error_types: types } = REPORT.parse(event).data.reason;
  const samples = types.flatMap(({ code, sample_errors: errors }) => errors.map((each) => ({ code, ...each })));
  const rejections = samples.flatMap(({ code, error_message: message, request }) => {
    const [, id, times] =
      /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\/(\d+))?$/.exec(request.identifier ?? '') ?? [];
    return id === undefined ? [] : [{ id, times: Number(times ?? 0), reason: `${code}: ${message}`.slice(0, 500) }];
  });
  return { rejections, unnamed: Math.max(count - samples.length, 0) };
}
