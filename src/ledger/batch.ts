import type { PoolClient } from 'pg';
import type { Outcome, Replayed, ReplayedElsewhere } from './outcome.ts';
import { type Account, accountTime, balanceOf } from './rules/account.ts';
import { type Answering, answering, type Effect } from './rules/answered-again.ts';
import type { Balance } from './rules/balance.ts';
import {
  accountsOfKey,
  type Applied,
  type Command,
  noAccount,
  type RefundEvidence,
  rejected,
  type Situation,
  touchedBy,
} from './rules/commands.ts';
import { decide } from './rules/decide.ts';
import type { Entry, MeterReport, RecordKey, UsageRecord, UsageRefund } from './rules/entries.ts';
import type { Grant } from './rules/grants.ts';
import type { Hold } from './rules/holds.ts';
import { contradicts } from './rules/reservation.ts';
import { rollUp } from './rules/rollup.ts';
import { applyDue } from './rules/scheduled-events.ts';
import { type CounterChange, tally } from './rules/spend-limits.ts';
import { appendAndCommit } from './store/append-and-commit.ts';
import { type AuditedChange, auditedOf } from './store/audit-rows.ts';
import { type Effects, nameOf } from './store/known-effects.ts';
import type { Loaded } from './store/lock-and-load.ts';
import { newId } from './store/new-id.ts';
import type { UseTermsBook } from './store/usage-context.ts';

/** Accounts under their locks, while the commands of one transaction are decided on them in order. */
export class Batch {
  readonly #stored: ReadonlyMap<string, Account>;
  readonly #accounts: Map<string, Account>;
  readonly #effects: Map<string, Effect>;
  readonly #sees: Effects['sees'];
  readonly #refundEvidence: Map<string, RefundEvidence>;
  readonly #clock: Date;
  readonly #situation: Situation;
  readonly #entries: Entry[] = [];
  readonly #records: UsageRecord[] = [];
  readonly #refunds: UsageRefund[] = [];
  readonly #refundedRecords: UsageRecord[] = [];
  readonly #audited: AuditedChange[] = [];
  readonly #grants = new Map<string, Grant>();
  readonly #holds = new Map<string, Hold>();
  readonly #terms: UseTermsBook;
  readonly #counters = new Map<string, CounterChange>();
  readonly #reports: MeterReport[] = [];

  constructor({ accounts, effects, refunds, passages, terms }: Loaded, withDueHolds: readonly Account[], clock: Date) {
    this.#stored = accounts;
    this.#accounts = new Map([
      ...accounts,
      ...withDueHolds.map((account) => [account.billingEntityId, account] as const),
    ]);
    this.#effects = new Map(effects.effects.map((each) => [nameOf(each.billingEntityId, each.key), each]));
    this.#sees = effects.sees;
    this.#refundEvidence = new Map(refunds.map((each) => [recordName(each.record.billingEntityId, each.record), each]));
    this.#clock = clock;
    this.#terms = terms;
    this.#situation = {
      account: (id) => this.#accounts.get(id),
      refundEvidence: (id, record) => this.#refundEvidence.get(recordName(id, record)),
      recipients: (id, rootGrantId) => [
        ...passages.flatMap((each) =>
          each.billingEntityId === id && each.rootGrantId === rootGrantId ? each.recipientId : [],
        ),
        ...this.#passedOn(id, rootGrantId),
      ],
      terms: (use) => this.#terms.of(use, clock),
      newId,
    };
  }

  get size(): number {
    return this.#accounts.size;
  }

  /** Applies what is due on every account; whether that was all of it. */
  applyDue(): boolean {
    let isAllDone = true;
    for (const [id, account] of this.#accounts) {
      const due = applyDue(account, accountTime(account, this.#clock), newId);
      isAllDone &&= due.isAllDone;
      if (due.account === account) continue;
      this.#accounts.set(id, due.account);
      this.#keep(due.applied);
    }
    return isAllDone;
  }

  execute(command: Command): Outcome {
    const account = this.#accounts.get(command.billingEntityId);
    if (account === undefined) return noAccount(command);

    // The key is asked for before anything else: whatever has changed since, a retry gets the first answer (rule 20).
    const before = this.#answering(command);
    if (before !== null) {
      return this.#isSame(command, before.effect, account) ? this.#again(command, before) : KEY_REUSED;
    }

    const decision = decide(command, this.#situation, this.#clock);
    if (decision.kind === 'rejected' || decision.kind === 'misrouted') return decision;
    if (decision.kind === 'refused') return { ...decision, balance: this.#balances(command).balance };
    // Passed over was what is not theirs to hear of; but an account has a key once, whoever used it.
    if (this.#effectIn(command.billingEntityId, command) !== undefined) return KEY_REUSED;
    if (command.audited) this.#audited.push(...auditedOf(command, decision, this.#accounts));
    for (const changed of decision.accounts) this.#accounts.set(changed.billingEntityId, changed);
    this.#keep(decision);
    this.#rememberKey(command, decision);
    const { entries, records, grants, holds, reports } = decision;
    const { subscription } = this.#accounts.get(command.billingEntityId) ?? account;
    return { kind: 'committed', entries, records, grants, holds, reports, subscription, ...this.#balances(command) };
  }

  async commit(client: PoolClient): Promise<void> {
    const changed = this.#changed();
    const grants = [...this.#grants.values()];
    const holds = [...this.#holds.values()];
    if (changed.length === 0 && holds.length === 0) {
      await client.query('rollback');
      return;
    }
    const isOldGrant = (grant: Grant): boolean =>
      this.#stored.get(grant.billingEntityId)?.grants.some((each) => each.id === grant.id) ?? false;
    const isOldHold = (hold: Hold): boolean =>
      hold.openedSequence <= (this.#stored.get(hold.billingEntityId)?.sequence ?? 0n);
    await appendAndCommit(client, {
      accounts: changed,
      entries: this.#entries,
      records: this.#records,
      refunds: this.#refunds,
      newGrants: grants.filter((grant) => !isOldGrant(grant)),
      changedGrants: grants.filter(isOldGrant),
      newHolds: holds.filter((hold) => !isOldHold(hold)),
      changedHolds: holds.filter(isOldHold),
      rollups: rollUp(this.#records, this.#refundedRecords),
      counters: [...this.#counters.values()],
      reports: this.#reports,
      audited: this.#audited,
    });
  }

  /** Balances of accounts that changed for readers, as they are now. */
  changedBalances(): Balance[] {
    return this.#changed()
      .filter((account) => this.#stored.get(account.billingEntityId)?.version !== account.version)
      .map((account) => balanceOf(account, accountTime(account, this.#clock)));
  }

  #changed(): Account[] {
    return [...this.#accounts.values()].filter((account) => this.#stored.get(account.billingEntityId) !== account);
  }

  /** Where this transaction itself has transferred credits of a root to. */
  #passedOn(billingEntityId: string, rootGrantId: string): string[] {
    return this.#entries.flatMap(({ kind, grantId, counterpartyId, ...entry }) => {
      const isFromHere = kind === 'TRANSFER_OUT' && entry.billingEntityId === billingEntityId;
      const grant = isFromHere && grantId !== null ? this.#grants.get(grantId) : undefined;
      return grant?.root.grantId === rootGrantId && counterpartyId !== null ? counterpartyId : [];
    });
  }

  #keep(applied: Applied): void {
    this.#entries.push(...applied.entries);
    this.#records.push(...applied.records);
    this.#refunds.push(...applied.refunds);
    this.#refundedRecords.push(...applied.refundedRecords);
    this.#reports.push(...applied.reports);
    for (const grant of applied.grants) this.#grants.set(grant.id, grant);
    for (const hold of applied.holds) this.#holds.set(hold.id, hold);
    this.#terms.count(applied.counters);
    tally(this.#counters, applied.counters);
    for (const record of applied.refundedRecords) {
      const name = recordName(record.billingEntityId, record);
      const evidence = this.#refundEvidence.get(name);
      if (evidence !== undefined) this.#refundEvidence.set(name, { ...evidence, refunded: true });
    }
  }

  #balances(command: Command): { balance: Balance; otherBalances: readonly Balance[] } {
    const [balance, ...otherBalances] = touchedBy(command).flatMap((id) => {
      const account = this.#accounts.get(id);
      return account === undefined ? [] : [balanceOf(account, accountTime(account, this.#clock))];
    });
    return { balance: balance as Balance, otherBalances };
  }

  #answering(command: Command): Answering | null {
    const effects = accountsOfKey(command).flatMap((id) => this.#effectIn(id, command) ?? []);
    if (effects.length === 0) return null;
    const { actor, sender } = command;
    return answering(effects, {
      actor,
      entityId: sender?.entityId ?? null,
      sees: (id) => this.#sees(sender, id),
      hearsOnlyOwn: command.kind === 'transfer' && command.refusal != null,
    });
  }

  #effectIn(billingEntityId: string, { idempotency }: Command): Effect | undefined {
    return idempotency === null ? undefined : this.#effects.get(nameOf(billingEntityId, idempotency.key));
  }

  #again(command: Command, { effect, seen }: Answering): Replayed | ReplayedElsewhere {
    const { billingEntityId, sequence } = effect;
    const balanceThen = seen ? null : effect.balance;
    if (!seen && balanceThen === null) throw new Error(`the balance after entry ${sequence} was not asked for`);
    if (billingEntityId !== command.billingEntityId) {
      return { kind: 'replayedElsewhere', billingEntityId, sequence, balanceThen };
    }
    const { balance, otherBalances } = this.#balances(command);
    return { kind: 'replayed', sequence, seen, balance: balanceThen ?? balance, otherBalances };
  }

  /** A settlement's user and feature are the reservation's, so its fingerprint has none; what names another is not the same. */
  #isSame(command: Command, before: Effect, account: Account): boolean {
    if (!before.fingerprint.equals(command.idempotency?.fingerprint as Buffer)) return false;
    const hold = command.kind === 'settle' ? account.holds.get(command.reservationId) : undefined;
    return hold === undefined || command.kind !== 'settle' || !contradicts(hold, command);
  }

  #rememberKey(command: Command, applied: Applied): void {
    const { billingEntityId, idempotency, actor } = command;
    const [first] = applied.entries;
    if (idempotency === null || first === undefined) return;
    const [usedBy = null] = [...applied.records, ...applied.holds];
    this.#effects.set(nameOf(billingEntityId, idempotency.key), {
      billingEntityId,
      ...idempotency,
      sequence: first.sequence,
      actor,
      userId: usedBy?.userId ?? null,
      balance: this.#balances(command).balance,
    });
  }
}

const KEY_REUSED = rejected('IDEMPOTENCY_KEY_REUSED', 'this idempotency key was used with other input');

function recordName(billingEntityId: string, { sequence, line }: RecordKey): string {
  return `${billingEntityId} ${sequence} ${line}`;
}
