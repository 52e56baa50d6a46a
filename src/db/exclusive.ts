import type pg from 'pg';
import { openReadPool, type PoolOptions } from './pools.ts';

/**
 * One at a time for a name, on any number of processes: advisory locks, each on a connection of its own while the work
 * goes on. No transaction is open meanwhile, so nothing is held back by work that waits for others. Who is cut off from the
 * database loses the lock and does not know it: the work must bear a second one that began.
 */
export class Exclusive {
  readonly #pool: pg.Pool;

  /** @param options.max names that may be held at one time; who wants more waits, and after seconds fails */
  constructor(databaseUrl: string, options: PoolOptions) {
    this.#pool = openReadPool(databaseUrl, options);
  }

  /** Waits for the others, half a minute at most. */
  run<T>(name: string, work: () => Promise<T>): Promise<T> {
    return this.#holding(async (client) => {
      await client.query(`select pg_advisory_lock(hashtextextended($1, 0))`, [name]);
      return this.#unlocking(client, name, work);
    });
  }

  /** null: somebody else is at it. */
  tryRun<T>(name: string, work: () => Promise<T>): Promise<T | null> {
    return this.#holding(async (client) => {
      const { rows } = await client.query<{ locked: boolean }>(
        `select pg_try_advisory_lock(hashtextextended($1, 0)) as locked`,
        [name],
      );
      return rows[0]?.locked === true ? this.#unlocking(client, name, work) : null;
    });
  }

  end(): Promise<void> {
    return this.#pool.end();
  }

  async #unlocking<T>(client: pg.PoolClient, name: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      // A connection that breaks has let go by itself.
      await client.query(`select pg_advisory_unlock(hashtextextended($1, 0))`, [name]).catch(() => undefined);
    }
  }

  async #holding<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    try {
      return await work(client);
    } finally {
      client.release();
    }
  }
}
