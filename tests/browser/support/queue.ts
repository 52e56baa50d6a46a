import { runningEmbeddedPostgres } from '@tollgate/embedded-postgres';
import pg from 'pg';
import { PORTAL } from './portal.ts';

/** Puts a job into the server's queue whose only attempt failed. No worker knows its task, so that nobody else tries it. */
export async function addFailedJob(task: string, { billingEntityId }: { billingEntityId: string }): Promise<void> {
  const url = await runningEmbeddedPostgres(PORTAL.dataDir, 'tollgate');
  if (url === null) throw new Error('the database of the server does not run');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('begin');
    const { rows } = await client.query<{ id: string }>('select id from graphile_worker.add_job($1, $2)', [
      task,
      JSON.stringify({ billingEntityId }),
    ]);
    await client.query(
      `update graphile_worker._private_jobs set attempts = 1, last_error = 'the other side is away' where id = $1`,
      [rows[0]?.id],
    );
    await client.query('commit');
  } finally {
    await client.end();
  }
}
