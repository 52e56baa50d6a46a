/**
 * The one write door. Every change of credits passes here: commands are folded into batches, and each batch is one
 * transaction that locks the accounts, loads what deciding needs, lets the pure core decide in order, appends and commits.
 */
import type { Pool, PoolClient } from 'pg';
import { isTransient } from '../db/errors.ts';
import type { Clock } from '../kernel/clock.ts';
import { Batch } from './batch.ts';
import { Batcher, type BatcherOptions } from './batcher.ts';
import type { Outcome } from './outcome.ts';
import type { Balance } from './rules/balance.ts';
import { type Command } from './rules/commands.ts';
import { loadDueReservations, loadGivenBases, lockAndLoad } from './store/lock-and-load.ts';

export interface LedgerOptions extends BatcherOptions {
  /** Of pipelining connections with time-outs: a lane uses one at a time. */
  readonly pool: Pool;
  readonly clock: Clock;
  /** Called after each commit with the newest balance of every account that changed. Must not throw. */
  readonly onCommitted: (balances: readonly Balance[]) => void;
  /** Called after each transaction, for the metrics. */
  readonly onBatch?: (batch: {
    readonly commands: number;
    readonly accounts: number;
    readonly durationMs: number;
  }) => void;
}

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #batcher: Batcher<Command, Outcome>;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#batcher = new Batcher((commands) => this.#transact(commands), options);
  }

  /**
   * Executes one command; the answer comes after its commit.
   * @throws Refusal UNAVAILABLE (retryable) when the database stays away or too much is waiting.
   */
  submit(command: Command): Promise<Outcome> {
    return this.#batcher.enqueue(command);
  }

  /** Commands that wait for a transaction. */
  get queued(): number {
    return this.#batcher.queued;
  }

  async #transact(commands: readonly Command[]): Promise<readonly Outcome[]> {
    const startedAt = performance.now();
    const client = await this.#options.pool.connect();
    try {
      const batch = await this.#beginWithDueDone(client, commands);
      const outcomes = commands.map((command) => batch.apply(command));
      await batch.commit(client);
      this.#options.onCommitted(batch.changedBalances());
      client.release();
      const durationMs = performance.now() - startedAt;
      this.#options.onBatch?.({ commands: commands.length, accounts: batch.size, durationMs });
      return outcomes;
    } catch (error) {
      // A database that is away would not answer the rollback either.
      client.release(isTransient(error) || !(await isSoundAgain(client)));
      throw error;
    }
  }

  /** Everything due comes before any command (rule 11). Where more has fallen due than one transaction takes, it takes several. */
  async #beginWithDueDone(client: PoolClient, commands: readonly Command[]): Promise<Batch> {
    for (;;) {
      const batch = await this.#begin(client, commands);
      if (batch.applyScheduled()) return batch;
      await batch.commit(client);
      this.#options.onCommitted(batch.changedBalances());
    }
  }

  async #begin(client: PoolClient, commands: readonly Command[]): Promise<Batch> {
    const loaded = await lockAndLoad(client, commands);
    // The clock is read under the lock: what is decided later is also later in time.
    const clock = this.#options.clock.now();
    await loadGivenBases(client, loaded.accounts, commands, clock);
    const withDueReservations = await loadDueReservations(client, [...loaded.accounts.values()], clock);
    return new Batch(loaded, withDueReservations, clock);
  }
}

/**
 * Ends a transaction that failed, so that nobody finds the connection in it. The connection pipelines: the rollback is
 * answered after everything that was sent before. What does not answer, or not by being idle, is to be closed.
 */
async function isSoundAgain(client: PoolClient): Promise<boolean> {
  try {
    await client.query('rollback');
    return client.getTransactionStatus() === 'I';
  } catch {
    return false;
  }
}
