import { Migrator } from '@mikro-orm/migrations';
import { defineConfig, MikroORM, type Options } from '@mikro-orm/postgresql';
import { migrations } from '../../migrations/list.ts';
import { entities } from './entities.ts';

/** Opens the ORM on a database. Nothing is sent before the first query. */
export async function openOrm(databaseUrl: string, options: { poolSize: number }): Promise<MikroORM> {
  return MikroORM.init(ormOptions(databaseUrl, options));
}

/** The ORM's options; separate, so that its command-line checks can use the same. */
export function ormOptions(databaseUrl: string, { poolSize }: { poolSize: number }): Options {
  return defineConfig({
    clientUrl: databaseUrl,
    entities,
    extensions: [Migrator],
    migrations: { migrationsList: migrations, snapshot: false, tableName: 'schema_migration' },
    pool: { min: 0, max: poolSize },
    // Instants are stored as UTC and read back as such, whatever zone the machine is in.
    forceUtcTimezone: true,
    allowGlobalContext: false,
    // Reads never wait for a server that does not answer: they fail and become UNAVAILABLE.
    driverOptions: { connectionTimeoutMillis: 3_000, statement_timeout: 30_000, application_name: 'tollgate' },
  });
}
