/**
 * The one way to ordinary rows: keys, members, links, organizations, customers, events. MikroORM reads and writes them by the
 * descriptions in `*.entity.ts`, on the connections of `Database`, so that whole SQL and the EntityManager share a transaction.
 */
import type { EntityManager, EntityName, MikroORM, RequiredEntityData } from '@mikro-orm/postgresql';
import { Kysely, PostgresDialect, type PostgresPoolClient } from 'kysely';
import pg from 'pg';
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
      // The ORM takes and gives back the connection for each statement; it goes back to the pool with the commit.
      const lent = { query: client.query.bind(client), release: () => undefined };
      em.setTransactionContext(new Kysely({ dialect: dialectOn(async () => lent) }));
      return write({ em, client });
    });
  }
}

/**
 * Inserts a row unless there is one with its primary key, and tells whether it did. A statement that runs again, since its
 * answer was lost, finds its own row and tells false.
 */
export async function insertUnlessThere<Row extends object>(
  em: EntityManager,
  table: EntityName<Row>,
  row: RequiredEntityData<Row>,
): Promise<boolean> {
  const { primaryKeys } = em.getMetadata().get(table);
  const result: { readonly affectedRows: number } = await em
    .qb(table)
    .insert(row)
    .onConflict(primaryKeys)
    .ignore()
    .execute('run');
  return result.affectedRows === 1;
}

/** The ORM's way to connections that were opened elsewhere. They are closed by whoever opened them. */
export function dialectOn(connect: () => Promise<Lent>): PostgresDialect {
  const pool = { connect: async () => forOrm(await connect()), end: async () => undefined, options: {} };
  return new PostgresDialect({ pool });
}

type Lent = Pick<pg.PoolClient, 'query' | 'release'>;

function forOrm(client: Lent): PostgresPoolClient {
  // The ORM makes bigint of text by itself where a description says so, and counts with what it takes for text.
  const query = (text: string, values: readonly unknown[]): unknown =>
    client.query({ text, values: [...values], types: pg.types });
  return { query: query as PostgresPoolClient['query'], release: () => client.release() };
}
