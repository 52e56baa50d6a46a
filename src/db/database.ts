import type pg from 'pg';
import { whileAway } from './errors.ts';
import { openReadPool, type PoolOptions } from './pools.ts';

/**
 * The database for everything but ledger transactions: single statements that may run again, since they read, or say
 * ON CONFLICT. One that fails because a connection broke or the server restarts is tried again, briefly.
 */
export class Database {
  readonly #pool: pg.Pool;

  constructor(databaseUrl: string, options: PoolOptions) {
    this.#pool = openReadPool(databaseUrl, options);
  }

  /** Runs one statement that is safe to repeat. A statement with a name is prepared once per connection. */
  async query<Row extends pg.QueryResultRow>(
    statement: string | { readonly name?: string; readonly text: string; readonly values?: unknown[] },
    values?: unknown[],
  ): Promise<pg.QueryResult<Row>> {
    return whileAway(() => this.#pool.query<Row>(statement as pg.QueryConfig, values as never));
  }

  /** Runs `read` on one unchanging snapshot; nothing can be written. */
  onSnapshot<T>(read: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    return whileAway(() => this.#once('begin isolation level repeatable read read only', read));
  }

  /**
   * Runs `write` in one transaction, which is on disk when this resolves. A commit whose answer was lost is followed by
   * another run: what was done before must then be recognised and not be done twice.
   */
  transaction<T>(write: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    return whileAway(() => this.#once('begin; set local synchronous_commit = on', write));
  }

  /** A connection of the same pool, for the ORM's own reads. Whoever takes it releases it. */
  connect(): Promise<pg.PoolClient> {
    return this.#pool.connect();
  }

  end(): Promise<void> {
    return this.#pool.end();
  }

  async #once<T>(begin: string, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let isBroken = false;
    try {
      await client.query(begin);
      const result = await work(client);
      await client.query('commit');
      return result;
    } catch (error) {
      // Work that was refused leaves a sound connection behind.
      isBroken = await client.query('rollback').then(
        () => false,
        () => true,
      );
      throw error;
    } finally {
      client.release(isBroken);
    }
  }
}
