import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';

/**
 * Releases the jobs of processes that died. The queue itself waits four hours before it gives up on a lock, but a process
 * that lives has a connection that bears its name. A name that is missing in two looks in a row counts as dead; missing
 * once may be a connection that broke and is being made again. If the process lives after all, a job runs twice, which jobs
 * must bear.
 */
export function abandonedLocks(database: Database, log: Logger): () => Promise<void> {
  let suspects: ReadonlySet<string> = new Set();
  return async () => {
    const { rows } = await database.query<{ owner: string }>(
      `select l.owner from (
         select locked_by as owner from graphile_worker._private_jobs where locked_at is not null
         union select locked_by from graphile_worker._private_job_queues where locked_at is not null
       ) l where l.owner is not null and not exists (
         select from pg_stat_activity a where a.datname = current_database() and a.application_name = l.owner)`,
    );
    const missing = rows.map(({ owner }) => owner);
    const dead = missing.filter((owner) => suspects.has(owner));
    suspects = new Set(missing);
    if (dead.length === 0) return;
    log.warn({ workers: dead }, 'taking over the jobs of processes that died');
    for (const table of ['_private_jobs', '_private_job_queues']) {
      await database.query(
        `update graphile_worker.${table} set locked_at = null, locked_by = null where locked_by = any($1)`,
        [dead],
      );
    }
  };
}
