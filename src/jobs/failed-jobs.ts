/** The operators' view of the queue. Its tables belong to graphile-worker. */
import type { Database } from '../db/database.ts';
import { checkPage, decodeCursor, type Page, type PageRequest, toPage } from '../kernel/pagination.ts';
import { Refusal } from '../kernel/refusal.ts';
import type { FailedJob } from './tasks.ts';

/**
 * The condition of a failed job: it was tried, and is neither done nor under way. The queue's own tables are read, because
 * its view has no payloads. The package is pinned, and a test reads the same columns.
 */
const FAILED = 'j.attempts > 0 and j.last_error is not null and j.locked_at is null';

export class FailedJobs {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** A page of failed jobs, newest first. @param task null: of all tasks */
  async list(request: PageRequest, task: string | null): Promise<Page<FailedJob>> {
    checkPage(request);
    const after = decodeCursor(request.after, ['integer']);
    const { rows } = await this.#database.query<FailedRow>(
      `select j.id, t.identifier as task, j.payload ->> 'billingEntityId' as billing_entity_id,
         j.attempts, j.last_error, j.updated_at, j.created_at
       from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id
       where ${FAILED} and ($1::bigint is null or j.id < $1) and ($2::text is null or t.identifier = $2)
       order by j.id desc limit $3`,
      [after?.[0] ?? null, task, request.first + 1],
    );
    return toPage(rows.map(failedJob), request, ({ id }) => [id]);
  }

  /** Tries a failed job again at once, with its full number of attempts. @throws Refusal NOT_FOUND */
  async retry(id: string): Promise<void> {
    if (!/^\d{1,18}$/.test(id)) throw unknownJob();
    const { rows } = await this.#database.query<{ id: bigint }>(
      `select r.id from graphile_worker._private_jobs j,
         lateral graphile_worker.reschedule_jobs(array[j.id], run_at := now(), attempts := 0) r
       where j.id = $1 and ${FAILED}`,
      [id],
    );
    if (rows.length === 0) throw unknownJob();
  }

  /** The number of failed jobs, and of jobs whose time has come and that wait. */
  async counts(): Promise<{ failed: number; waiting: number }> {
    const { rows } = await this.#database.query<{ failed: number; waiting: number }>(
      `select (count(*) filter (where ${FAILED}))::int as failed,
         (count(*) filter (where j.is_available and j.run_at <= now()))::int as waiting
       from graphile_worker._private_jobs j`,
    );
    return rows[0] ?? { failed: 0, waiting: 0 };
  }
}

interface FailedRow {
  id: bigint;
  task: string;
  billing_entity_id: string | null;
  attempts: number;
  last_error: string;
  updated_at: Date;
  created_at: Date;
}

function failedJob(row: FailedRow): FailedJob {
  return {
    id: String(row.id),
    task: row.task,
    billingEntityId: row.billing_entity_id,
    attempts: row.attempts,
    lastError: row.last_error,
    failedAt: row.updated_at,
    createdAt: row.created_at,
  };
}

function unknownJob(): Refusal {
  return new Refusal('NOT_FOUND', 'there is no failed job with this id');
}
