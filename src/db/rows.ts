/**
 * The one way to ordinary rows: keys, members, links, organizations, customers, events. MikroORM reads and writes them by the
 * descriptions in `*.entity.ts`, on the connections of `Database`, so that whole SQL and the EntityManager share a transaction.
 */
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { Kysely, PostgresDialect } from 'kysely';
import type pg from 'pg';
import type { Database } from './database.ts';
import { whileAway } from './errors.ts';

/** One transaction, from two sides: both send their statements over the same connection, in the order of the calls. */
export interface Transaction {
  /** Rows, by their descriptions. Writes are calls (`insert`, `nativeUpdate`, `nativeDelete`, `upsert`): a changed object is not saved, and each read is a new one. */
  readonly em: EntityManager;
  /** Whole SQL: advisory locks, and statements whose shape is the point. */
  readonly client: pg.PoolClient;
}

export class Rows {
  readonly #orm: MikroORM;
  readonly #database: Database;

  constructor({ orm, database }: { orm: MikroORM; database: Database }) {
    this.#orm = orm;
    this.#database = database;
  }

  /**
   * Runs `read` with an EntityManager of its own: nothing that it loads is shared with another call. It runs again while the
   * database is away, and so it must only read, or write what may be written twice.
   * @throws Refusal UNAVAILABLE when the database stays away
   */
  read<T>(read: (em: EntityManager) => Promise<T>): Promise<T> {
    return whileAway(() => read(this.#orm.em.fork()));
  }

  /**
   * Runs `write` in one transaction, which is on disk when this resolves. A commit whose answer was lost is followed by
   * another run, on a new EntityManager: what was done before must then be recognised and not be done twice.
   * @throws Refusal UNAVAILABLE when the database stays away
   */
  transaction<T>(write: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.#database.transaction((client) => {
      const em = this.#orm.em.fork();
      em.setTransactionContext(new Kysely({ dialect: dialectOn(async () => onlyConnection(client)) }));
      return write({ em, client });
    });
  }
}

/** What the ORM asks for connections. They are taken where `connect` takes them, and closed by whoever opened them. */
export function dialectOn(connect: () => Promise<ConnectionForOrm>): PostgresDialect {
  return new PostgresDialect({ pool: { connect, end: async () => undefined, options: {} } });
}

type ConnectionForOrm = Pick<pg.PoolClient, 'query' | 'release'>;

/** The transaction's connection, which the ORM takes and gives back for each statement: it goes back to the pool with the commit. */
function onlyConnection(client: pg.PoolClient): ConnectionForOrm {
  return { query: client.query.bind(client) as pg.PoolClient['query'], release: () => undefined };
}
