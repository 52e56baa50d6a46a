import type { MikroORM } from '@mikro-orm/postgresql';
import { migrateJobs } from '../jobs/migrate-jobs.ts';
import { requireKnownSchema } from './known-schema.ts';
import { openOrm } from './orm.ts';

/**
 * Brings the database at this address up to date. Processes that start together wait for one another.
 * @throws NewerSchemaError, having written nothing
 */
export async function migrate(databaseUrl: string): Promise<void> {
  await requireKnownSchema(databaseUrl);
  // An index over years of use, or a wait for another process that makes one, takes what it takes.
  const orm = await openOrm(databaseUrl, { poolSize: 3, statementTimeoutMs: 0 });
  try {
    await migrateWith(orm, databaseUrl, () => migrateJobs(databaseUrl));
  } finally {
    await orm.close();
  }
}

/** Any number that no other user of the same database takes for an advisory lock. */
const MIGRATION_LOCK = 7_461_001;

async function migrateWith(orm: MikroORM, databaseUrl: string, andThen: () => Promise<void>): Promise<void> {
  // The lock belongs to this transaction's connection; the migrations run on others of the pool.
  await orm.em.fork().transactional(async (em) => {
    await em
      .getConnection()
      .execute('select pg_advisory_xact_lock(?)', [MIGRATION_LOCK], 'all', em.getTransactionContext());
    // A newer release may have been the one that was waited for.
    await requireKnownSchema(databaseUrl);
    await orm.migrator.up();
    await andThen();
  });
}
