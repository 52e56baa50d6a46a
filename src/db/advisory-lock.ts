import type pg from 'pg';
import { isTransient, unavailable } from './errors.ts';
import { openLockPool, type PoolOptions } from './pools.ts';

/** A lock, for who works under it. */
export interface Lock {
  /**
   * To be asked before writing what was read elsewhere under the lock, which may have taken long.
   * @throws Refusal UNAVAILABLE: it was lost, and somebody else may be at work
   */
  check(): Promise<void>;
}

/**
 * One at a time for a name, on any number of processes: advisory locks, each on a connection of its own while the work
 * goes on. No transaction is open meanwhile, so nothing is held back by work that waits for others. Who is cut off from the
 * database loses the lock and is told by nobody: the work asks the lock before it writes, and must bear a second one that
 * began in between.
 */
export class Exclusive {
  /** A pool of its own: whoever holds a lock asks for other connections, which waiters must not use up. */
  readonly #pool: pg.Pool;
  /** Waiters of this process: they take no connection. */
  readonly #turns = new Map<string, Promise<void>>();

  /** @param options.max names that may be held at one time; who wants more waits, and after seconds is UNAVAILABLE */
  constructor(databaseUrl: string, options: PoolOptions) {
    this.#pool = openLockPool(databaseUrl, options);
  }

  /**
   * Runs `work` when nobody else does anything under this name. It must not ask for the same name again, nor for another:
   * with all connections in the hands of those who want a second one nobody would go on.
   * @throws Refusal UNAVAILABLE
   */
  async run<T>(name: string, work: (lock: Lock) => Promise<T>): Promise<T> {
    const before = this.#turns.get(name) ?? Promise.resolve();
    return this.#taking(
      name,
      before.then(() => this.#held(name, { wait: true }, work) as Promise<T>),
    );
  }

  /** null: somebody else is at it. @throws Refusal UNAVAILABLE */
  async tryRun<T>(name: string, work: () => Promise<T>): Promise<T | null> {
    return this.#turns.has(name) ? null : this.#taking(name, this.#held(name, { wait: false }, work));
  }

  end(): Promise<void> {
    return this.#pool.end();
  }

  async #taking<T>(name: string, turn: Promise<T>): Promise<T> {
    const ended = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#turns.set(name, ended);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(name) === ended) this.#turns.delete(name);
    }
  }

  async #held<T>(
    name: string,
    { wait }: { readonly wait: boolean },
    work: (lock: Lock) => Promise<T>,
  ): Promise<T | null> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw isTransient(error) ? unavailable('the database does not answer', error) : error;
    });
    // A connection that cannot say that it let go is closed, which lets go as well.
    let isFree = false;
    try {
      if (wait) await client.query('select pg_advisory_lock(hashtextextended($1, 0))', [name]);
      else if (!(await tryLock(client, name))) {
        isFree = true;
        return null;
      }
      try {
        return await work({ check: () => checkHeld(client) });
      } finally {
        isFree = await client.query('select pg_advisory_unlock(hashtextextended($1, 0))', [name]).then(
          () => true,
          () => false,
        );
      }
    } finally {
      client.release(!isFree);
    }
  }
}

/** A session's locks are held as long as it lives. */
async function checkHeld(client: pg.PoolClient): Promise<void> {
  try {
    await client.query('select');
  } catch (error) {
    throw unavailable('the database was away meanwhile', error);
  }
}

async function tryLock(client: pg.PoolClient, name: string): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(
    'select pg_try_advisory_lock(hashtextextended($1, 0)) as locked',
    [name],
  );
  return rows[0]?.locked === true;
}
