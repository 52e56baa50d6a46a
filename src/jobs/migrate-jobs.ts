import { Logger, runMigrations } from 'graphile-worker';

/** The queue's tables live beside ours; its package brings them, and knows how they change. */
export const JOBS_SCHEMA = 'graphile_worker';

/** Brings the queue's schema up to date. */
export async function migrateJobs(databaseUrl: string): Promise<void> {
  // Its failures are thrown.
  const logger = new Logger(() => () => undefined);
  await runMigrations({ connectionString: databaseUrl, maxPoolSize: 1, schema: JOBS_SCHEMA, logger });
}
