/** One at a time for each customer, across processes: what is fetched and what is written of it belong together. */
import type pg from 'pg';
import { isTransient, unavailable } from '../db/errors.ts';

/** Locks are PostgreSQL's, of a session: Stripe may take its time, and no transaction must wait for it. */
export class CustomerLocks {
  /** Of nobody else: who holds a lock asks for other connections, and they must not be used up by those who wait. */
  readonly #pool: pg.Pool;
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  /** Runs `work` when nobody else does anything for this customer. It must not ask for the same customer's lock again. */
  async hold<T>(customerId: string, work: () => Promise<T>): Promise<T> {
    // Those of this process wait here, where waiting takes no connection.
    const before = this.#turns.get(customerId) ?? Promise.resolve();
    const turn = before.then(() => this.#locked(customerId, work));
    const ended = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#turns.set(customerId, ended);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(customerId) === ended) this.#turns.delete(customerId);
    }
  }

  async #locked<T>(customerId: string, work: () => Promise<T>): Promise<T> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw isTransient(error) ? unavailable('the database does not answer', error) : error;
    });
    try {
      await client.query(`select pg_advisory_lock(hashtextextended('stripe ' || $1, 0))`, [customerId]);
      return await work();
    } finally {
      // A connection that cannot say it is closed, which lets go as well.
      const isBroken = await client
        .query(`select pg_advisory_unlock(hashtextextended('stripe ' || $1, 0))`, [customerId])
        .then(
          () => false,
          () => true,
        );
      client.release(isBroken);
    }
  }
}
