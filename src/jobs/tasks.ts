import type { Logger } from 'pino';

/** The work of jobs of one name: the shape of their payload, and what is done with it. */
export interface Task<Payload> {
  /** Throws for a payload that this code did not enqueue. */
  readonly parse: (payload: unknown) => Payload;
  /** A job that throws is tried again later, and one whose process dies runs again, so all of it must bear repetition. */
  readonly run: (payload: Payload, context: TaskContext) => Promise<void>;
}

export interface TaskContext {
  readonly log: Logger;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** Aborts when the process stops and has waited long enough. */
  readonly signal: AbortSignal;
}

/** A task at fixed times, once for all processes together. */
export interface Schedule {
  readonly task: string;
  /** A crontab's five fields, in UTC: `17 3 * * *`. */
  readonly cron: string;
  readonly payload?: Readonly<Record<string, unknown>>;
}

export interface JobOptions {
  /** Jobs of one queue never run at once, on any process: `customer:cus_…`. */
  readonly queue?: string;
  /** At most one job has this key. */
  readonly key?: string;
  /**
   * Decides about a second job with the same key. `latest` (the default): it replaces a job that waits, and runs after one
   * that runs already. `first`: it is dropped as long as the first one is not done.
   */
  readonly keep?: 'latest' | 'first';
  /** The number of attempts, at growing intervals. After the last one only `retryJob` starts the job again. */
  readonly maxAttempts?: number;
  readonly runAt?: Date;
}

/** A job whose last attempt failed, whether it will be tried again by itself or not. */
export interface FailedJob {
  readonly id: string;
  readonly task: string;
  readonly billingEntityId: string | null;
  readonly attempts: number;
  readonly lastError: string;
  readonly failedAt: Date;
  readonly createdAt: Date;
}
