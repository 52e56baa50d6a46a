/**
 * The one write door. Every change of credits passes here. Commands are folded into batches, and each batch is one
 * transaction: it locks the accounts, loads what deciding needs, decides the commands in order, appends and commits.
 */
import type { Pool, PoolClient } from 'pg';
import { isTransient } from '../db/errors.ts';
import type { Clock } from '../kernel/clock.ts';
import { Batch } from './batch.ts';
import { Batcher, type BatcherOptions } from './batcher.ts';
import type { Outcome, OutcomeOf } from './outcome.ts';
import type { Alert } from './rules/alerts.ts';
import type { Balance } from './rules/balance.ts';
import type { Command, CommandOf } from './rules/commands.ts';
import { loadNamedModels } from './store/named-models.ts';
import { MODELS_A_DAY } from './rules/model-names.ts';
import { loadDueReservations, loadGivenBases, lockAndLoad } from './store/lock-and-load.ts';

/** The settings of the ledger. */
export interface LedgerSettings extends BatcherOptions {
  /** Most models of one person, account and day that are summed up by name; absent: 50. */
  readonly modelsPerDay?: number;
}

export interface LedgerOptions extends LedgerSettings {
  /** Connections that pipeline and have time-outs. A lane uses one at a time. */
  readonly pool: Pool;
  readonly clock: Clock;
  /**
   * Called after each commit with the newest balance of every account that changed, with the public organizations in which
   * something was used, and with the alerts that were raised, in order. Must not throw.
   */
  readonly onCommitted: (
    balances: readonly Balance[],
    publicOrganizations: readonly string[],
    alerts: readonly Alert[],
  ) => void;
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
   * Executes one command. The answer comes after its commit, and its type says what a command of this kind can come to:
   * `DECIDERS` in `rules/decide.ts` holds each kind to that.
   * @throws Refusal UNAVAILABLE (retryable) when the database stays away or too much is waiting
   */
  submit<C extends Command>(command: C & NothingElse<C>): Promise<OutcomeOf<C>> {
    return this.#batcher.enqueue(command) as Promise<OutcomeOf<C>>;
  }

  /** Commands that wait for a transaction. */
  get queued(): number {
    return this.#batcher.queued;
  }

  async #transact(commands: readonly Command[]): Promise<readonly Outcome[]> {
    const startedAt = performance.now();
    const client = await this.#options.pool.connect();
    try {
      const batch = await this.#beginUpToDate(client, commands);
      const outcomes = commands.map((command) => batch.apply(command));
      await batch.commit(client);
      this.#options.onCommitted(batch.changedBalances(), batch.publicOrganizations(), batch.alerts);
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

  /**
   * Begins a transaction with all scheduled events applied (rule 11). If there are more of them than one transaction takes,
   * the first ones are committed in transactions of their own.
   */
  async #beginUpToDate(client: PoolClient, commands: readonly Command[]): Promise<Batch> {
    for (;;) {
      const batch = await this.#begin(client, commands);
      if (batch.applyScheduled()) return batch;
      await batch.commit(client);
      this.#options.onCommitted(batch.changedBalances(), batch.publicOrganizations(), batch.alerts);
    }
  }

  async #begin(client: PoolClient, commands: readonly Command[]): Promise<Batch> {
    const { clock, modelsPerDay = MODELS_A_DAY } = this.#options;
    const loaded = await lockAndLoad(client, commands, clock.now());
    // The clock is read under the lock, so that a later decision also has a later time.
    const wallClock = clock.now();
    await loadGivenBases(client, loaded.accounts, commands, wallClock);
    const withExpiredReservations = await loadDueReservations(client, [...loaded.accounts.values()], wallClock);
    const namedModels = await loadNamedModels(client, { ...loaded, commands, wallClock });
    return new Batch(loaded, { wallClock, withExpiredReservations, namedModels, modelsPerDay });
  }
}

/** A command has the members of its kind: a misspelt optional one is a type error, as it is in a literal. */
type NothingElse<C extends Command> = {
  readonly [Extra in Exclude<keyof C, keyof CommandOf<C['kind']>>]: never;
};

/**
 * Ends a transaction that failed, so that the next user of the connection is not inside it. The connection pipelines, so
 * the rollback is answered after everything that was sent before it. false: the connection has to be closed.
 */
async function isSoundAgain(client: PoolClient): Promise<boolean> {
  try {
    await client.query('rollback');
    return client.getTransactionStatus() === 'I';
  } catch {
    return false;
  }
}
