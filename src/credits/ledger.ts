/**
 * The one write door. Every change of credits passes here: commands are folded into batches, and each batch is one
 * transaction that locks the accounts, loads what deciding needs, lets the pure core decide in order, appends and commits.
 */
import type { Pool, PoolClient } from 'pg';
import type { Clock } from '../clock.ts';
import {
  type Account,
  accountTime,
  type Applied,
  applyDue,
  balanceOf,
  type Command,
  decide,
  type Entry,
  type Refused,
  type Rejected,
  type UsageRecord,
} from './account.ts';
import type { Balance } from './balance.ts';
import { Batcher, type BatcherOptions } from './batcher.ts';
import type { Grant } from './grants.ts';
import { appendAndCommit, type KeyQuestion, type KnownKey, lockAndLoad } from './ledger-sql.ts';

/** What a command came to. Refusals are values: they never disturb the batch. */
export type Outcome = Committed | Replayed | (Refused & { readonly balance: Balance }) | Rejected;

/** Committed now. */
export interface Committed {
  readonly kind: 'committed';
  readonly entries: readonly Entry[];
  readonly records: readonly UsageRecord[];
  readonly grants: readonly Grant[];
  readonly balance: Balance;
}

/** The same key took effect before: where its first entry stands, and the balance now. */
export interface Replayed {
  readonly kind: 'replayed';
  readonly sequence: bigint;
  readonly balance: Balance;
}

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
  execute(command: Command): Promise<Outcome> {
    return this.#batcher.execute(command);
  }

  /** Commands that wait for a transaction. */
  get queued(): number {
    return this.#batcher.queued;
  }

  async #transact(commands: readonly Command[]): Promise<readonly Outcome[]> {
    const startedAt = performance.now();
    const client = await this.#options.pool.connect();
    try {
      const batch = await this.#begin(client, commands);
      const outcomes = commands.map((command) => batch.execute(command));
      await batch.commit(client);
      this.#options.onCommitted(batch.changedBalances());
      client.release();
      const durationMs = performance.now() - startedAt;
      this.#options.onBatch?.({ commands: commands.length, accounts: batch.size, durationMs });
      return outcomes;
    } catch (error) {
      // Whatever state the connection is in, nobody else shall find it there: it is closed, and with it the transaction.
      client.release(true);
      throw error;
    }
  }

  async #begin(client: PoolClient, commands: readonly Command[]): Promise<Batch> {
    const ids = [...new Set(commands.map((command) => command.billingEntityId))].sort();
    const keys = commands.flatMap(({ billingEntityId, idempotency }): KeyQuestion[] =>
      idempotency === null ? [] : [{ billingEntityId, key: idempotency.key }],
    );
    const { accounts, known } = await lockAndLoad(client, ids, keys);
    // The clock is read under the lock: what is decided later is also later in time.
    return new Batch(accounts, known, this.#options.clock.now());
  }
}

/** Accounts under their locks, while the commands of one transaction are decided on them in order. */
class Batch {
  readonly #loaded: ReadonlyMap<string, Account>;
  readonly #accounts: Map<string, Account>;
  readonly #keys: Map<string, KnownKey>;
  readonly #now: Date;
  readonly #entries: Entry[] = [];
  readonly #records: UsageRecord[] = [];
  readonly #grants = new Map<string, Grant>();

  constructor(accounts: Map<string, Account>, known: readonly KnownKey[], now: Date) {
    this.#loaded = new Map(accounts);
    this.#accounts = accounts;
    this.#keys = new Map(known.map((each) => [keyOf(each), each]));
    this.#now = now;
  }

  get size(): number {
    return this.#accounts.size;
  }

  execute(command: Command): Outcome {
    const account = this.#accounts.get(command.billingEntityId);
    if (account === undefined) return { kind: 'rejected', code: 'NOT_FOUND', message: 'no such billing entity' };
    const now = accountTime(account, this.#now);
    const due = this.#keep(applyDue(account, now));

    // The key is asked for before anything else: whatever has changed since, a retry gets the first answer (rule 20).
    const before = this.#findKey(command);
    if (before !== undefined) {
      return before.fingerprint.equals(command.idempotency?.fingerprint as Buffer)
        ? { kind: 'replayed', sequence: before.sequence, balance: balanceOf(due.account, now) }
        : {
            kind: 'rejected',
            code: 'IDEMPOTENCY_KEY_REUSED',
            message: 'this idempotency key was used with other input',
          };
    }

    const decision = decide(due.account, command, now);
    if (decision.kind === 'rejected') return decision;
    if (decision.kind === 'refused') return { ...decision, balance: balanceOf(due.account, now) };
    this.#keep(decision);
    this.#rememberKey(command, decision);
    const { entries, records, grants } = decision;
    return { kind: 'committed', entries, records, grants, balance: balanceOf(decision.account, now) };
  }

  async commit(client: PoolClient): Promise<void> {
    const changed = this.#changed();
    if (changed.length === 0) {
      await client.query('rollback');
      return;
    }
    const grants = [...this.#grants.values()];
    const isOld = (grant: Grant): boolean =>
      this.#loaded.get(grant.billingEntityId)?.grants.some((each) => each.id === grant.id) ?? false;
    await appendAndCommit(client, {
      accounts: changed,
      entries: this.#entries,
      records: this.#records,
      newGrants: grants.filter((grant) => !isOld(grant)),
      changedGrants: grants.filter(isOld),
    });
  }

  changedBalances(): Balance[] {
    return this.#changed().map((account) => balanceOf(account, accountTime(account, this.#now)));
  }

  #changed(): Account[] {
    return [...this.#accounts.values()].filter((account) => this.#loaded.get(account.billingEntityId) !== account);
  }

  #keep(applied: Applied): Applied {
    this.#accounts.set(applied.account.billingEntityId, applied.account);
    this.#entries.push(...applied.entries);
    this.#records.push(...applied.records);
    for (const grant of applied.grants) this.#grants.set(grant.id, grant);
    return applied;
  }

  #findKey({ billingEntityId, idempotency }: Command): KnownKey | undefined {
    return idempotency === null ? undefined : this.#keys.get(keyOf({ billingEntityId, key: idempotency.key }));
  }

  #rememberKey({ billingEntityId, idempotency }: Command, applied: Applied): void {
    const [first] = applied.entries;
    if (idempotency === null || first === undefined) return;
    const known = { billingEntityId, ...idempotency, sequence: first.sequence };
    this.#keys.set(keyOf(known), known);
  }
}

function keyOf({ billingEntityId, key }: KeyQuestion): string {
  return `${billingEntityId} ${key}`;
}
