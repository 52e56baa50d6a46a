import type { Logger } from 'pino';

/** Work that jobs do, by its name: what a payload must look like, and what is done with it. */
export interface Task<Payload> {
  /** Throws for what nobody here enqueued. */
  readonly parse: (payload: unknown) => Payload;
  /** A job that throws is tried again later; one whose process dies is done again. So all of it must bear repetition. */
  readonly run: (payload: Payload, context: TaskContext) => Promise<void>;
}

export interface TaskContext {
  readonly log: Logger;
  /** 1 the first time. */
  readonly attempt: number;
  /** Aborts when the process stops and has waited for long enough. */
  readonly signal: AbortSignal;
}

/** Does one task at fixed times, once for all processes together. */
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
   * What becomes of a second job with a key. `latest` (the default): of what waits, the newer one is done; what runs
   * already is done again afterwards. `first`: nothing, whatever became of the first, as long as it is not done.
   */
  readonly keep?: 'latest' | 'first';
  /** How often it is tried, at growing intervals, until only `retryJob` starts it again. */
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
