import { Migrator } from '@mikro-orm/migrations';
import { MikroORM, type Options } from '@mikro-orm/postgresql';
import { migrations } from '../../migrations/list.ts';
import type { Database } from '../db/database.ts';
import { dialectOn, Rows } from '../db/rows.ts';
import { entities } from './entities.ts';

interface OrmOptions {
  readonly poolSize: number;
  /** The longest that the server may work on one statement; 0: without an end. */
  readonly statementTimeoutMs?: number;
}

/** Opens the ORM on connections of its own, for migrations. Nothing is sent before the first query. */
export function openOrm(databaseUrl: string, { poolSize, statementTimeoutMs = 30_000 }: OrmOptions): Promise<MikroORM> {
  return MikroORM.init({
    ...common,
    clientUrl: databaseUrl,
    extensions: [Migrator],
    migrations: { migrationsList: migrations, snapshot: false, tableName: 'schema_migration' },
    pool: { min: 0, max: poolSize },
    driverOptions: {
      connectionTimeoutMillis: 3_000,
      statement_timeout: statementTimeoutMs,
      application_name: 'tollgate',
    },
  });
}

/** Opens the rows of every table on the connections of `database`, which is not closed with them. Nothing is sent before the first query. */
export async function openRows(database: Database): Promise<Rows> {
  const driverOptions = dialectOn(() => database.connect());
  // The name of the database is the connections' matter; the ORM only wants to have one.
  // Rows are read anew by every call, also within one transaction: whole SQL may have changed them in between.
  const orm = await MikroORM.init({ ...common, dbName: 'tollgate', driverOptions, disableIdentityMap: true });
  return new Rows({ orm, database });
}

const common = {
  entities,
  // Instants are stored as UTC and read back as such, whatever zone the machine is in.
  forceUtcTimezone: true,
  allowGlobalContext: false,
  // The migrator would write to standard output, past the structured log; its failures are thrown.
  logger: () => undefined,
} satisfies Options;
