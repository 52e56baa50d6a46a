import { Logger, runMigrations } from 'graphile-worker';

/** The queue's tables have a schema of their own, which its package brings and migrates. */
export const JOBS_SCHEMA = 'graphile_worker';

/** Brings the queue's schema up to date. */
export async function migrateJobs(databaseUrl: string): Promise<void> {
  // The logger stays silent, because failures are thrown.
  const logger = new Logger(() => () => undefined);
  await runMigrations({ connectionString: databaseUrl, maxPoolSize: 1, schema: JOBS_SCHEMA, logger });
}
