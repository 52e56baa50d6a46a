import { Migrator } from '@mikro-orm/migrations';
import { MikroORM } from '@mikro-orm/postgresql';
import { migrations } from '../../migrations/list.ts';
import { entities } from './entities.ts';

interface OrmOptions {
  readonly poolSize: number;
  /** How long the server may work on one statement; 0: as long as it takes. */
  readonly statementTimeoutMs?: number;
}

/** Opens the ORM on a database. Nothing is sent before the first query. */
export function openOrm(databaseUrl: string, { poolSize, statementTimeoutMs = 30_000 }: OrmOptions): Promise<MikroORM> {
  return MikroORM.init({
    clientUrl: databaseUrl,
    entities,
    extensions: [Migrator],
    migrations: { migrationsList: migrations, snapshot: false, tableName: 'schema_migration' },
    pool: { min: 0, max: poolSize },
    // Instants are stored as UTC and read back as such, whatever zone the machine is in.
    forceUtcTimezone: true,
    allowGlobalContext: false,
    // The migrator would write to standard output, past the structured log; its failures are thrown.
    logger: () => undefined,
    // Reads never wait for a server that does not answer: they fail and become UNAVAILABLE.
    driverOptions: {
      connectionTimeoutMillis: 3_000,
      statement_timeout: statementTimeoutMs,
      application_name: 'tollgate',
    },
  });
}
