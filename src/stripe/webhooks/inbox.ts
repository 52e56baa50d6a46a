/** The inbox of webhooks: each event is kept once, and has a job until it has been handled. */
import { z } from 'zod';
import type { Clock } from '../../kernel/clock.ts';
import type { Database } from '../../db/database.ts';
import type { Rows } from '../../db/rows.ts';
import type { Jobs } from '../../jobs/jobs.ts';
import { tryAll } from '../../kernel/try-all.ts';
import type { StripeEvents } from './events.ts';
import type { StripeEvent } from './stripe-event.entity.ts';
import {
  countOpenEvents,
  deleteHandledBefore,
  findNewestTime,
  findOpenEvent,
  findOpenEventsOf,
  markHandled,
} from './stripe-event.repository.ts';

interface Options {
  readonly database: Database;
  readonly rows: Rows;
  readonly jobs: Jobs;
  readonly events: StripeEvents;
  readonly clock: Clock;
}

const HANDLE = 'stripe.event';
const HANDLE_CUSTOMER = 'stripe.customer';
const FORGET = 'stripe.forget_events';
const EVENT = z.object({ event: z.string() });
const CUSTOMER = z.object({ customer: z.string() });

/** Stripe repeats an event for up to three days by itself, and for thirty days when somebody asks for it. */
const REMEMBERED_DAYS = 60;

/** The most events that get a job in one sweep. */
const SWEPT_AT_ONCE = 500;

export class Inbox {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
    const { jobs } = options;
    jobs.define(HANDLE, { parse: (payload) => EVENT.parse(payload), run: ({ event }) => this.#handle(event) });
    jobs.define(HANDLE_CUSTOMER, {
      parse: (payload) => CUSTOMER.parse(payload),
      run: ({ customer }) => this.#handleAllOf(customer),
    });
    jobs.define(FORGET, { parse: () => null, run: () => this.#forget() });
    jobs.schedule({ task: FORGET, cron: '17 3 * * *' });
    jobs.tend(() => this.sweep());
  }

  /**
   * Takes an event whose signature was checked. When this resolves, the event is on disk and will be handled even if the
   * process dies now, so Stripe may be told that it arrived.
   * @returns whether the event is new
   */
  async take(event: StripeEvent): Promise<boolean> {
    const { database, clock } = this.#options;
    const { id, type, thin, objectId, customerId, createdAt } = event;
    // Whole SQL, because only the number of rows tells whether the event is new.
    const { rowCount } = await database.query({
      name: 'stripe-event-take',
      text: `insert into stripe_event (id, type, thin, object_id, customer_id, created_at, received_at)
        values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do nothing`,
      values: [id, type, thin, objectId, customerId, createdAt, clock.now()],
    });
    // A process may have died between the row and the job, so an event that is repeated gets its job.
    const isNew = rowCount !== 0;
    if (isNew || (await this.#find(id)) !== null) await this.#enqueue(event);
    return isNew;
  }

  /** The time at which Stripe made the newest event that arrived; null: none has arrived. */
  async newest(): Promise<Date | null> {
    return this.#options.rows.read(findNewestTime);
  }

  /** The number of events that have not been handled yet. */
  async unprocessed(): Promise<number> {
    return this.#options.rows.read(countOpenEvents);
  }

  /** Adds jobs for events that have none, because a process died between the row and the job. */
  async sweep(): Promise<void> {
    const { rows } = await this.#options.database.query<Pick<StripeEvent, 'id' | 'customerId'>>(
      `select e.id, e.customer_id as "customerId" from stripe_event e
       where e.processed_at is null and not exists (
         select from graphile_worker._private_jobs j
         where j.key = coalesce($2 || ' ' || e.customer_id, $1 || ' ' || e.id))
       order by e.received_at limit $3`,
      [HANDLE, HANDLE_CUSTOMER, SWEPT_AT_ONCE],
    );
    const customers = new Set<string>();
    for (const { id, customerId } of rows) {
      if (customerId !== null && customers.has(customerId)) continue;
      if (customerId !== null) customers.add(customerId);
      await this.#enqueue({ id, customerId });
    }
  }

  /**
   * Adds one job for all events of a customer: they come in swarms, and each would fetch the same things. A job that runs
   * already is run again, because it may have looked before this event was there.
   */
  async #enqueue({ id, customerId }: Pick<StripeEvent, 'id' | 'customerId'>): Promise<void> {
    const { jobs } = this.#options;
    if (customerId === null) await jobs.add(HANDLE, { event: id }, { key: `${HANDLE} ${id}`, keep: 'first' });
    else {
      const key = `${HANDLE_CUSTOMER} ${customerId}`;
      await jobs.add(HANDLE_CUSTOMER, { customer: customerId }, { key, queue: key });
    }
  }

  #find(id: string): Promise<StripeEvent | null> {
    return this.#options.rows.read((em) => findOpenEvent(em, id));
  }

  async #handle(id: string): Promise<void> {
    const event = await this.#find(id);
    if (event === null) return;
    if (event.customerId !== null) await this.#options.events.handleCustomer(event.customerId);
    await this.#handleOne(event);
  }

  /**
   * Handles the events that are there when it begins. An event that cannot be handled does not keep the others back. While
   * the customer cannot be followed, all of its events stay open and are handled again.
   */
  async #handleAllOf(customerId: string): Promise<void> {
    const { events, rows } = this.#options;
    const open = await rows.read((em) => findOpenEventsOf(em, customerId));
    if (open.length === 0) return;
    let isFollowed = false;
    await tryAll([
      async () => {
        await events.handleCustomer(customerId);
        isFollowed = true;
      },
      ...open.map((event) => () => (isFollowed ? this.#handleOne(event) : events.handle(event))),
    ]);
  }

  async #handleOne(event: StripeEvent): Promise<void> {
    const { rows, events, clock } = this.#options;
    await events.handle(event);
    await rows.transaction(({ em }) => markHandled(em, event.id, clock.now()));
  }

  async #forget(): Promise<void> {
    const { rows, clock } = this.#options;
    const before = new Date(clock.now().getTime() - REMEMBERED_DAYS * 86_400_000);
    await rows.transaction(({ em }) => deleteHandledBefore(em, before));
  }
}
