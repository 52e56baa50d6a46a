/** The inbox of webhooks: every event once, and a job for each until it has been handled. */
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { Database } from '../db/database.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { StripeEvents } from './events.ts';

/** What of an event is kept. */
export interface StripeEvent {
  /** Stripe's. */
  readonly id: string;
  /** Such as `invoice.paid`; Stripe may send any. */
  readonly type: string;
  /** Of v2: a notification that says nothing but whom and what it concerns. */
  readonly thin: boolean;
  /** What it is about: an invoice, a subscription. */
  readonly objectId: string | null;
  readonly customerId: string | null;
  readonly createdAt: Date;
}

interface Options {
  readonly database: Database;
  readonly jobs: Jobs;
  readonly events: StripeEvents;
  readonly clock: Clock;
}

const HANDLE = 'stripe.event';
const FORGET = 'stripe.forget_events';
const PAYLOAD = z.object({ event: z.string() });

/** Stripe sends an event again for up to three days by itself, and for thirty when somebody asks for it. */
const REMEMBERED_DAYS = 60;

/** Events without a job that are given one at a time. */
const SWEPT_AT_ONCE = 500;

export class Inbox {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
    const { jobs } = options;
    jobs.define(HANDLE, { parse: (payload) => PAYLOAD.parse(payload), run: ({ event }) => this.#handle(event) });
    jobs.define(FORGET, { parse: () => null, run: () => this.#forget() });
    jobs.schedule({ task: FORGET, cron: '17 3 * * *' });
    jobs.tend(() => this.sweep());
  }

  /**
   * Takes an event that is certainly Stripe's. When this resolves it is on disk, and will be handled even if the process
   * dies now; so Stripe may be told.
   * @returns whether nobody had told of it before
   */
  async take(event: StripeEvent): Promise<boolean> {
    const { database, clock } = this.#options;
    const { id, type, thin, objectId, customerId, createdAt } = event;
    const { rowCount } = await database.query({
      name: 'stripe-event-take',
      text: `insert into stripe_event (id, type, thin, object_id, customer_id, created_at, received_at)
        values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do nothing`,
      values: [id, type, thin, objectId, customerId, createdAt, clock.now()],
    });
    // Delivered before; it may still be that no job came of it.
    const isNew = rowCount !== 0;
    if (isNew || (await this.#isOpen(id))) await this.#enqueue(event);
    return isNew;
  }

  /** When Stripe made the newest event of which anybody told; null: nobody has told of any. */
  async newest(): Promise<Date | null> {
    const { rows } = await this.#options.database.query<{ newest: Date | null }>(
      'select max(created_at) as newest from stripe_event where not thin',
    );
    return rows[0]?.newest ?? null;
  }

  /** Events that nobody has handled yet. */
  async unprocessed(): Promise<number> {
    const { rows } = await this.#options.database.query<{ count: number }>(
      'select count(*)::int as count from stripe_event where processed_at is null',
    );
    return rows[0]?.count ?? 0;
  }

  /** Gives events a job that have none, because a process died between the two. */
  async sweep(): Promise<void> {
    const { rows } = await this.#options.database.query<{ id: string; customer_id: string | null }>(
      `select e.id, e.customer_id from stripe_event e
       where e.processed_at is null and not exists (
         select from graphile_worker._private_jobs j where j.key = $1 || ' ' || e.id)
       order by e.received_at limit $2`,
      [HANDLE, SWEPT_AT_ONCE],
    );
    for (const { id, customer_id: customerId } of rows) await this.#enqueue({ id, customerId });
  }

  /** Events of one customer are handled one after another: all of them come to fetching the same things. */
  async #enqueue({ id, customerId }: Pick<StripeEvent, 'id' | 'customerId'>): Promise<void> {
    const queue = customerId === null ? undefined : customerQueue(customerId);
    const key = `${HANDLE} ${id}`;
    await this.#options.jobs.add(HANDLE, { event: id }, { key, keep: 'first', ...(queue !== undefined && { queue }) });
  }

  async #isOpen(id: string): Promise<boolean> {
    const { rowCount } = await this.#options.database.query(
      'select from stripe_event where id = $1 and processed_at is null',
      [id],
    );
    return rowCount !== 0;
  }

  async #handle(id: string): Promise<void> {
    const { database, events, clock } = this.#options;
    const { rows } = await database.query<EventRow>(
      `select id, type, thin, object_id, customer_id, created_at from stripe_event
       where id = $1 and processed_at is null`,
      [id],
    );
    const [row] = rows;
    if (row === undefined) return;
    const { type, thin, object_id: objectId, customer_id: customerId, created_at: createdAt } = row;
    await events.handle({ id, type, thin, objectId, customerId, createdAt });
    await database.query('update stripe_event set processed_at = $2 where id = $1', [id, clock.now()]);
  }

  async #forget(): Promise<void> {
    const { database, clock } = this.#options;
    const before = new Date(clock.now().getTime() - REMEMBERED_DAYS * 86_400_000);
    await database.query('delete from stripe_event where processed_at < $1', [before]);
  }
}

/** The queue of jobs that concern one customer of Stripe's. */
function customerQueue(customerId: string): string {
  return `stripe ${customerId}`;
}

interface EventRow {
  id: string;
  type: string;
  thin: boolean;
  object_id: string | null;
  customer_id: string | null;
  created_at: Date;
}
