/**
 * Work that is done later, on PostgreSQL: it is tried again when it fails, and by another process when this one dies. Jobs
 * are never added inside a ledger transaction; work that follows from one starts from a row that a task finds.
 */
import { EventEmitter } from 'node:events';
import {
  Logger as WorkerLogger,
  parseCronItems,
  run,
  type Runner,
  type TaskList,
  type WorkerEvents,
} from 'graphile-worker';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import { strikeText } from '../kernel/log.ts';
import { abandonedLocks } from './abandoned.ts';
import { FailedJobs } from './failed-jobs.ts';
import { JOBS_SCHEMA } from './migrate-jobs.ts';
import type { JobOptions, Schedule, Task } from './tasks.ts';

interface Options {
  readonly database: Database;
  /** The queue's own connections: one listens, and each job under way may take one. */
  readonly pool: pg.Pool;
  /** The number of jobs that this process runs at one time. */
  readonly concurrency: number;
  /** The pause between two rounds of chores: jobs of dead processes, and everything given to `tend`. */
  readonly tendIntervalMs: number;
  readonly log: Logger;
}

/** Some three days of attempts, at intervals that grow to six hours. */
const MAX_ATTEMPTS = 20;

/**
 * The pause between two looks of a worker without a notice. A job is passed over while another process adds to its queue, and no
 * second notice comes: a burst of events may wait for several of these pauses.
 */
const POLL_MS = 500;

/** The pause before a new worker begins after the last one ended by itself. */
const RESTART_MS = 5_000;

export class Jobs {
  readonly failed: FailedJobs;
  readonly #options: Options;
  readonly #tasks: Record<string, TaskList[string]> = {};
  readonly #schedules: Schedule[] = [];
  readonly #chores: (() => Promise<void>)[] = [];
  #runner: Promise<Runner> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #tending: Promise<void> = Promise.resolve();
  #isStopping = false;

  constructor(options: Options) {
    this.#options = options;
    this.failed = new FailedJobs(options.database);
    const abandoned = abandonedLocks(options.database, options.log);
    this.#chores.push(abandoned);
  }

  /** Defines the task of this name. It must be called before `start`. */
  define<Payload>(name: string, task: Task<Payload>): void {
    if (name in this.#tasks) throw new Error(`the task ${name} is defined twice`);
    this.#tasks[name] = async (payload, { job, abortSignal }) => {
      const log = this.#options.log.child({ task: name, job: job.id });
      try {
        await task.run(task.parse(payload), {
          log,
          attempt: job.attempts,
          signal: abortSignal ?? new AbortController().signal,
        });
      } catch (error) {
        log.warn({ err: error, attempt: job.attempts }, 'a job failed');
        // The message is kept in the database and shown to operators, so secrets are struck from it.
        throw new Error(strikeText(error instanceof Error ? error.message : String(error)), { cause: error });
      }
    };
  }

  /** Adds jobs at fixed times. It must be called before `start`. */
  schedule(schedule: Schedule): void {
    this.#schedules.push(schedule);
  }

  /** Runs a chore at start and every few seconds, on every process. It must be called before `start`. */
  tend(chore: () => Promise<void>): void {
    this.#chores.push(chore);
  }

  /** Adds a job, which any process may run. A `billingEntityId` in the payload is shown if the job fails. */
  async add(task: string, payload: Readonly<Record<string, unknown>>, options: JobOptions = {}): Promise<void> {
    const { queue = null, key = null, keep = 'latest', maxAttempts = MAX_ATTEMPTS, runAt = null } = options;
    await this.#options.database.query({
      name: 'jobs-add',
      text: `select from graphile_worker.add_job($1, $2, queue_name := $3, job_key := $4, job_key_mode := $5,
        max_attempts := $6, run_at := $7)`,
      values: [
        task,
        JSON.stringify(payload),
        queue,
        key,
        keep === 'first' ? 'unsafe_dedupe' : 'replace',
        maxAttempts,
        runAt,
      ],
    });
  }

  async start(): Promise<void> {
    await this.#begin();
    this.#tend();
  }

  /** Takes no new jobs and waits for those under way. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    await this.#tending;
    const runner = await this.#runner?.catch(() => null);
    await runner?.stop();
  }

  async #begin(): Promise<void> {
    const { pool, concurrency, log } = this.#options;
    const events: WorkerEvents = new EventEmitter();
    // The listening connection bears the name that this process's locks bear, so that others see that the holder is alive.
    events.on('pool:listen:success', ({ workerPool, client }) => {
      // The connection's first statement, LISTEN, is still under way; the name is set after it.
      client.once('drain', () => {
        client.query(`select set_config('application_name', $1, false)`, [workerPool.id]).catch((error: unknown) => {
          log.warn({ err: error }, 'the queue could not name its connection');
        });
      });
    });
    this.#runner = run({
      pgPool: pool,
      schema: JOBS_SCHEMA,
      concurrency,
      pollInterval: POLL_MS,
      taskList: this.#tasks,
      parsedCronItems: parseCronItems(
        this.#schedules.map(({ task, cron, payload = {} }) => ({ task, match: cron, payload: { ...payload } })),
      ),
      noHandleSignals: true,
      events,
      logger: workerLogger(log),
    });
    const runner = await this.#runner;
    void runner.promise
      .catch((error: unknown) => log.error({ err: error }, 'the queue broke off'))
      .then(() => {
        if (!this.#isStopping) this.#beginAgain();
      });
  }

  /** Starts the queue again. It gives up after many failures in a row, for example while the database is away. */
  #beginAgain(): void {
    setTimeout(() => {
      if (this.#isStopping) return;
      this.#begin().catch((error: unknown) => {
        this.#options.log.warn({ err: error }, 'the queue cannot begin again yet');
        this.#beginAgain();
      });
    }, RESTART_MS).unref();
  }

  #tend(): void {
    this.#tending = this.#tendOnce().then(() => {
      if (!this.#isStopping) this.#timer = setTimeout(() => this.#tend(), this.#options.tendIntervalMs);
    });
  }

  async #tendOnce(): Promise<void> {
    for (const chore of this.#chores) {
      await chore().catch((error: unknown) => this.#options.log.warn({ err: error }, 'a chore failed; it runs again'));
    }
  }
}

/** The queue's own messages in our log. Failed jobs are left out, because our own line says more about them. */
function workerLogger(log: Logger): WorkerLogger {
  return new WorkerLogger(() => (level, message) => {
    if (level === 'warning') log.warn(message);
    else if (level === 'error' && !message.startsWith('Failed task')) log.error(message);
    else log.debug(message);
  });
}
