import type { Effects } from './rules/effects.ts';
import type { PoolClient } from 'pg';
import type { Outcome, Replayed, ReplayedElsewhere } from './outcome.ts';
import { type Account, accountTime, balanceOf } from './rules/account.ts';
import { type Answering, answering, type EarlierEffect } from './rules/answered-again.ts';
import type { Balance } from './rules/balance.ts';
import {
  accountsOfKey,
  type Command,
  noAccount,
  type RefundEvidence,
  rejected,
  type LedgerView,
  touchedBy,
} from './rules/commands.ts';
import { decide } from './rules/decide.ts';
import type { Entry, MeterReport, RecordKey, UsageRecord, UsageRefund } from './rules/entries.ts';
import type { Grant } from './rules/grants.ts';
import type { Reservation } from './rules/reservations.ts';
import { contradicts } from './rules/reservation.ts';
import { rollUp } from './rules/rollup.ts';
import { applyScheduled } from './rules/scheduled-events.ts';
import { type CounterChange, tally } from './rules/spend-limits.ts';
import { appendAndCommit } from './store/append-and-commit.ts';
import { type AuditRow, auditedOf } from './store/audit-rows.ts';
import { type EarlierEffects, nameOf } from './store/earlier-effects.ts';
import type { Loaded } from './store/lock-and-load.ts';
import { newId } from './store/new-id.ts';
import type { UsageContexts } from './store/usage-context.ts';

/** Accounts under their locks, while the commands of one transaction are decided on them in order. */
export class Batch {
  readonly #stored: ReadonlyMap<string, Account>;
  readonly #accounts: Map<string, Account>;
  readonly #earlierEffects: Map<string, EarlierEffect>;
  readonly #sees: EarlierEffects['sees'];
  readonly #refundEvidence: Map<string, RefundEvidence>;
  readonly #wallClock: Date;
  readonly #view: LedgerView;
  readonly #entries: Entry[] = [];
  readonly #records: UsageRecord[] = [];
  readonly #refunds: UsageRefund[] = [];
  readonly #refundedRecords: UsageRecord[] = [];
  readonly #audited: AuditRow[] = [];
  readonly #grants = new Map<string, Grant>();
  readonly #reservations = new Map<string, Reservation>();
  readonly #usageContext: UsageContexts;
  readonly #counters = new Map<string, CounterChange>();
  readonly #reports: MeterReport[] = [];

  constructor(
    { accounts, effects, refunds, passages, usageContext }: Loaded,
    withDueReservations: readonly Account[],
    wallClock: Date,
  ) {
    this.#stored = accounts;
    this.#accounts = new Map([
      ...accounts,
      ...withDueReservations.map((account) => [account.billingEntityId, account] as const),
    ]);
    this.#earlierEffects = new Map(effects.effects.map((each) => [nameOf(each.billingEntityId, each.key), each]));
    this.#sees = effects.sees;
    this.#refundEvidence = new Map(refunds.map((each) => [recordName(each.record.billingEntityId, each.record), each]));
    this.#wallClock = wallClock;
    this.#usageContext = usageContext;
    this.#view = {
      account: (id) => this.#accounts.get(id),
      refundEvidence: (id, record) => this.#refundEvidence.get(recordName(id, record)),
      recipients: (id, rootGrantId) => [
        ...passages.flatMap((each) =>
          each.billingEntityId === id && each.rootGrantId === rootGrantId ? each.recipientId : [],
        ),
        ...this.#passedOn(id, rootGrantId),
      ],
      usageContext: (use) => this.#usageContext.of(use, wallClock),
      newId,
    };
  }

  get size(): number {
    return this.#accounts.size;
  }

  /** Applies what is due on every account; whether that was all of it. */
  applyScheduled(): boolean {
    let isAllDone = true;
    for (const [id, account] of this.#accounts) {
      const scheduled = applyScheduled(account, accountTime(account, this.#wallClock), newId);
      isAllDone &&= scheduled.isAllDone;
      if (scheduled.account === account) continue;
      this.#accounts.set(id, scheduled.account);
      this.#keep(scheduled.effects);
    }
    return isAllDone;
  }

  apply(command: Command): Outcome {
    const account = this.#accounts.get(command.billingEntityId);
    if (account === undefined) return noAccount(command);

    // The key is asked for before anything else: whatever has changed since, a retry gets the first answer (rule 20).
    const before = this.#answering(command);
    if (before !== null) {
      return this.#isSame(command, before.effect, account) ? this.#again(command, before) : KEY_REUSED;
    }

    const decision = decide(command, this.#view, this.#wallClock);
    if (decision.kind === 'rejected' || decision.kind === 'wrongPayer') return decision;
    if (decision.kind === 'refused') return { ...decision, balance: this.#balances(command).balance };
    // Passed over was what is not theirs to hear of; but an account has a key once, whoever used it.
    if (this.#effectIn(command.billingEntityId, command) !== undefined) return KEY_REUSED;
    if (command.audited) this.#audited.push(...auditedOf(command, decision, this.#accounts));
    for (const changed of decision.accounts) this.#accounts.set(changed.billingEntityId, changed);
    this.#keep(decision);
    this.#rememberKey(command, decision);
    const { entries, records, grants, reservations, reports } = decision;
    const { subscription } = this.#accounts.get(command.billingEntityId) ?? account;
    return {
      kind: 'committed',
      entries,
      records,
      grants,
      reservations,
      reports,
      subscription,
      ...this.#balances(command),
    };
  }

  async commit(client: PoolClient): Promise<void> {
    const changed = this.#changed();
    const grants = [...this.#grants.values()];
    const reservations = [...this.#reservations.values()];
    if (changed.length === 0 && reservations.length === 0) {
      await client.query('rollback');
      return;
    }
    const isOldGrant = (grant: Grant): boolean =>
      this.#stored.get(grant.billingEntityId)?.grants.some((each) => each.id === grant.id) ?? false;
    const isOldReservation = (reservation: Reservation): boolean =>
      reservation.openedSequence <= (this.#stored.get(reservation.billingEntityId)?.sequence ?? 0n);
    await appendAndCommit(client, {
      accounts: changed,
      entries: this.#entries,
      records: this.#records,
      refunds: this.#refunds,
      newGrants: grants.filter((grant) => !isOldGrant(grant)),
      changedGrants: grants.filter(isOldGrant),
      newReservations: reservations.filter((reservation) => !isOldReservation(reservation)),
      changedReservations: reservations.filter(isOldReservation),
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
      .map((account) => balanceOf(account, accountTime(account, this.#wallClock)));
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

  #keep(effects: Effects): void {
    this.#entries.push(...effects.entries);
    this.#records.push(...effects.records);
    this.#refunds.push(...effects.refunds);
    this.#refundedRecords.push(...effects.refundedRecords);
    this.#reports.push(...effects.reports);
    for (const grant of effects.grants) this.#grants.set(grant.id, grant);
    for (const reservation of effects.reservations) this.#reservations.set(reservation.id, reservation);
    this.#usageContext.count(effects.counters);
    tally(this.#counters, effects.counters);
    for (const record of effects.refundedRecords) {
      const name = recordName(record.billingEntityId, record);
      const evidence = this.#refundEvidence.get(name);
      if (evidence !== undefined) this.#refundEvidence.set(name, { ...evidence, refunded: true });
    }
  }

  #balances(command: Command): { balance: Balance; otherBalances: readonly Balance[] } {
    const [balance, ...otherBalances] = touchedBy(command).flatMap((id) => {
      const account = this.#accounts.get(id);
      return account === undefined ? [] : [balanceOf(account, accountTime(account, this.#wallClock))];
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

  #effectIn(billingEntityId: string, { idempotency }: Command): EarlierEffect | undefined {
    return idempotency === null ? undefined : this.#earlierEffects.get(nameOf(billingEntityId, idempotency.key));
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
  #isSame(command: Command, before: EarlierEffect, account: Account): boolean {
    if (!before.fingerprint.equals(command.idempotency?.fingerprint as Buffer)) return false;
    const reservation = command.kind === 'settle' ? account.reservations.get(command.reservationId) : undefined;
    return reservation === undefined || command.kind !== 'settle' || !contradicts(reservation, command);
  }

  #rememberKey(command: Command, effects: Effects): void {
    const { billingEntityId, idempotency, actor } = command;
    const [first] = effects.entries;
    if (idempotency === null || first === undefined) return;
    const [usedBy = null] = [...effects.records, ...effects.reservations];
    this.#earlierEffects.set(nameOf(billingEntityId, idempotency.key), {
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
