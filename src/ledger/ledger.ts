/**
 * The one write door. Every change of credits passes here. Commands are folded into batches, and each batch is one
 * transaction. There are two roads. On the one it locks the accounts, loads what deciding needs, decides the commands in order,
 * appends and commits. On the other the accounts are remembered: it decides at once, and one statement writes where they still
 * are as they are remembered. Whatever the second road cannot answer goes the first.
 */
import type { Pool, PoolClient } from 'pg';
import { isTransient } from '../db/errors.ts';
import type { Clock } from '../kernel/clock.ts';
import { Batch, type Grounds } from './batch.ts';
import { Batcher, type BatcherOptions } from './batcher.ts';
import type { Outcome, OutcomeOf } from './outcome.ts';
import type { Alert } from './rules/alerts.ts';
import type { Balance } from './rules/balance.ts';
import { EarlierEffects } from './rules/answered-again.ts';
import type { Command, CommandOf } from './rules/commands.ts';
import { loadNamedModels } from './store/named-models.ts';
import { MODELS_A_DAY, ModelNames } from './rules/model-names.ts';
import { LaneConnections } from './lane-connections.ts';
import { type Remembered, RememberedAccounts } from './remembered-accounts.ts';
import type { UsageContexts } from './store/usage-context.ts';
import { loadDueReservations, loadGivenBases, lockAndLoad } from './store/lock-and-load.ts';

/** The settings of the ledger. */
export interface LedgerSettings extends BatcherOptions {
  /** Most models of one person, account and day that are summed up by name; absent: 50. */
  readonly modelsPerDay?: number;
  /** Memory for accounts that are remembered between their transactions; absent: 32 MiB. 0: none is. */
  readonly rememberedBytes?: number;
}

const REMEMBERED_BYTES = 32 * 1024 * 1024;

/** LOCKED: its accounts were locked and loaded first. REMEMBERED: they were as they are remembered. */
export type Road = 'LOCKED' | 'REMEMBERED';

export interface LedgerOptions extends LedgerSettings {
  /** Connections that pipeline and have time-outs. A lane uses one at a time. */
  readonly pool: Pool;
  /** Connections for batches that are sent ahead, one for each lane (`openAheadPool`). Absent: no account is remembered. */
  readonly aheadPool?: Pool;
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
    readonly road: Road;
  }) => void;
}

/** The part of a batch whose accounts must be remembered: for less, two transactions are no better than one. */
const LEAST_KNOWN = 0.75;

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #batcher: Batcher<Command, Outcome>;
  readonly #connections: LaneConnections | null;
  readonly #remembered: RememberedAccounts;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#connections = options.aheadPool ? new LaneConnections(options.aheadPool) : null;
    this.#remembered = new RememberedAccounts({ maxBytes: options.rememberedBytes ?? REMEMBERED_BYTES });
    this.#batcher = new Batcher(
      {
        run: (commands) => this.#transact(commands),
        sendAhead: (commands, lane) => this.#sendAhead(commands, lane),
      },
      options,
    );
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

  /** A batch under the locks of its accounts. It can be tried whatever its commands are. */
  async #transact(commands: readonly Command[]): Promise<readonly Outcome[]> {
    const startedAt = performance.now();
    const client = await this.#options.pool.connect();
    try {
      const { batch, context, models, wallClock } = await this.#beginUpToDate(client, commands);
      const outcomes = commands.map((command) => batch.apply(command));
      await batch.commit(client);
      const commandsOf = Map.groupBy(commands, ({ billingEntityId }) => billingEntityId);
      for (const left of batch.left()) {
        const own = commandsOf.get(left.account.billingEntityId) ?? [];
        this.#remembered.learn({ ...left, commands: own, context, counters: batch.counters, models, wallClock });
      }
      this.#tell(batch, commands.length, startedAt);
      client.release();
      return outcomes;
    } catch (error) {
      // A database that is away would not answer the rollback either.
      client.release(isTransient(error) || !(await isSoundAgain(client)));
      throw error;
    }
  }

  /**
   * A batch on accounts that are remembered, decided now and sent behind what is under way in its lane. Nothing of it is an
   * answer before its one statement has found the accounts as they are remembered.
   * @returns the outcomes; null in the place of each command that has to be tried under the lock, since its account is not as
   * it was remembered, or nothing was written that would tell. null in the place of all: too few accounts are remembered.
   */
  #sendAhead(commands: readonly Command[], lane: number): Promise<readonly (Outcome | null)[]> | null {
    if (this.#connections === null) return null;
    const startedAt = performance.now();
    const wallClock = this.#options.clock.now();
    const known = this.#knownOf(commands, wallClock);
    const sent = commands.filter(({ billingEntityId }) => known.has(billingEntityId));
    if (sent.length < commands.length * LEAST_KNOWN) return null;
    let batch: Batch;
    let outcomes: readonly (Outcome | null)[];
    try {
      batch = new Batch(rememberedGrounds(known, wallClock));
      outcomes = commands.map((command) => (known.has(command.billingEntityId) ? batch.apply(command) : null));
    } catch {
      // Under the lock it fails again, and then it is told.
      for (const id of known.keys()) this.#remembered.forget(id);
      return null;
    }
    const changed = new Set<string>();
    for (const { account, stamp, isChanged } of batch.left()) {
      const id = account.billingEntityId;
      if (!isChanged || stamp === null) continue;
      changed.add(id);
      this.#remembered.expect(known.get(id) as Remembered, account, stamp);
    }
    if (changed.size === 0) return null;
    return this.#connections.use(lane, async (client) => {
      try {
        const held = await batch.commitIfUnchanged(
          client,
          sent.filter(({ billingEntityId }) => changed.has(billingEntityId)),
        );
        for (const id of changed) {
          if (held.has(id)) this.#remembered.held(id);
          else this.#remembered.hadChanged(id);
        }
        const written = sent.filter(({ billingEntityId }) => held.has(billingEntityId)).length;
        if (written > 0) this.#tell(batch, written, startedAt, held);
        return outcomes.map((outcome, index) =>
          held.has((commands[index] as Command).billingEntityId) ? outcome : null,
        );
      } catch (error) {
        for (const id of changed) this.#remembered.forget(id);
        throw error;
      }
    });
  }

  /** The accounts of these commands that are remembered with all that deciding needs. Two commands with one key are not decided so: one may be the answer to the other. */
  #knownOf(commands: readonly Command[], wallClock: Date): ReadonlyMap<string, Remembered> {
    const payersOf = new Map<string, string[]>();
    for (const { billingEntityId, idempotency } of commands) {
      if (idempotency === null) continue;
      const payers = payersOf.get(idempotency.key);
      if (payers === undefined) payersOf.set(idempotency.key, [billingEntityId]);
      else payers.push(billingEntityId);
    }
    const twins = new Set([...payersOf.values()].flatMap((payers) => (payers.length > 1 ? payers : [])));
    const known = new Map<string, Remembered>();
    for (const [id, own] of Map.groupBy(commands, ({ billingEntityId }) => billingEntityId)) {
      const remembered = twins.has(id) ? null : this.#remembered.knowing(id, own, wallClock);
      if (remembered !== null) known.set(id, remembered);
    }
    return known;
  }

  /** Tells what was committed, of all accounts or of these. */
  #tell(batch: Batch, commands: number, startedAt: number, ids: ReadonlySet<string> | null = null): void {
    const isTold = ({ billingEntityId }: { readonly billingEntityId: string }): boolean =>
      ids === null || ids.has(billingEntityId);
    this.#options.onCommitted(
      batch.changedBalances().filter(isTold),
      batch.publicOrganizations(),
      batch.alerts.filter(isTold),
    );
    const durationMs = performance.now() - startedAt;
    const accounts = ids?.size ?? batch.size;
    this.#options.onBatch?.({ commands, accounts, durationMs, road: ids === null ? 'LOCKED' : 'REMEMBERED' });
  }

  /**
   * Begins a transaction with all scheduled events applied (rule 11). If there are more of them than one transaction takes,
   * the first ones are committed in transactions of their own.
   */
  async #beginUpToDate(client: PoolClient, commands: readonly Command[]): Promise<Begun> {
    for (;;) {
      const begun = await this.#begin(client, commands);
      const { batch } = begun;
      if (batch.applyScheduled()) return begun;
      await batch.commit(client);
      this.#options.onCommitted(batch.changedBalances(), batch.publicOrganizations(), batch.alerts);
    }
  }

  async #begin(client: PoolClient, commands: readonly Command[]): Promise<Begun> {
    const { clock, modelsPerDay = MODELS_A_DAY } = this.#options;
    const loaded = await lockAndLoad(client, commands, clock.now());
    // The clock is read under the lock, so that a later decision also has a later time.
    const wallClock = clock.now();
    await loadGivenBases(client, loaded.accounts, commands, wallClock);
    const withExpiredReservations = await loadDueReservations(client, [...loaded.accounts.values()], wallClock);
    const models = new ModelNames(modelsPerDay, await loadNamedModels(client, { ...loaded, commands, wallClock }));
    const batch = new Batch({ ...loaded, models, wallClock, withExpiredReservations });
    return { batch, context: loaded.usageContext, models, wallClock };
  }
}

/** A transaction under the locks, and what it was loaded with. */
interface Begun {
  readonly batch: Batch;
  readonly context: UsageContexts;
  readonly models: ModelNames;
  readonly wallClock: Date;
}

/** Gives a batch what is remembered. Whatever the batch counts and names is remembered at once. */
function rememberedGrounds(known: ReadonlyMap<string, Remembered>, wallClock: Date): Grounds {
  const of = (billingEntityId: string): Remembered => known.get(billingEntityId) as Remembered;
  return {
    accounts: new Map([...known].map(([id, { account }]) => [id, account])),
    stamps: new Map([...known].map(([id, { stamp }]) => [id, stamp])),
    // The guard of the statement finds the effects of keys.
    earlierEffects: new EarlierEffects([], () => false),
    refunds: [],
    passages: [],
    reports: [],
    raised: [],
    usageContext: {
      of: (use, at) => of(use.billingEntityId).context.of(use, at),
      count(changes) {
        for (const change of changes) of(change.billingEntityId).context.count([change]);
      },
    },
    models: {
      of: (day) => of(day.billingEntityId).models.of(day),
      add(records) {
        for (const record of records) if (record.model !== null) of(record.billingEntityId).models.add([record]);
      },
    },
    wallClock,
    withExpiredReservations: [],
  };
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
