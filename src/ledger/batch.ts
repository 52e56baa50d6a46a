import type { PoolClient } from 'pg';
import type { Outcome, Replayed, ReplayedElsewhere } from './outcome.ts';
import { type Account, accountTime, balanceOf } from './rules/account.ts';
import { type Answering, earlierAnswer, type EarlierEffects, keyTaken } from './rules/answered-again.ts';
import { noteRefusal } from './rules/alert-commands.ts';
import type { Alert, AlertPreferenceChange } from './rules/alerts.ts';
import type { Balance } from './rules/balance.ts';
import { accountsOfKey, type Command, touchedBy } from './rules/commands.ts';
import { decide, noAccount } from './rules/decide.ts';
import type { Effects } from './rules/effects.ts';
import type { DeliveredReport, Entry, MeterReport, RecordKey, UsageRecord, UsageRefund } from './rules/entries.ts';
import type { Grant } from './rules/grants.ts';
import type { ModelNames } from './rules/model-names.ts';
import type { LedgerView, RefundEvidence, StoredReport } from './rules/ledger-view.ts';
import { publicOrganizationsOf } from './rules/public-use.ts';
import type { Reservation } from './rules/reservations.ts';
import { resetsAt } from './rules/resets.ts';
import { type RefundedUse, rollUp } from './rules/rollup.ts';
import { applyScheduled } from './rules/scheduled-events.ts';
import { type CounterChange, tally } from './rules/spend-limits.ts';
import { appendAndCommit } from './store/append-and-commit.ts';
import { appendIfUnchanged } from './store/append-if-unchanged.ts';
import type { Changes } from './store/write-parts.ts';
import { type AuditRow, auditedOf } from './store/audit-rows.ts';
import type { Loaded } from './store/lock-and-load.ts';
import { newId } from './store/new-id.ts';
import type { UsageContexts } from './store/usage-context.ts';

/** Everything that a batch is decided on. */
export interface Grounds extends Omit<Loaded, 'usageContext' | 'namedModels'> {
  readonly usageContext: Pick<UsageContexts, 'of' | 'count'>;
  readonly models: Pick<ModelNames, 'of' | 'add'>;
  readonly wallClock: Date;
  readonly withExpiredReservations: readonly Account[];
}

/** One transaction: accounts under their locks, or as they are remembered, on which commands are decided in order, in memory. */
export class Batch {
  readonly #stored: ReadonlyMap<string, Account>;
  readonly #accounts: Map<string, Account>;
  readonly #earlierEffects: EarlierEffects;
  readonly #refundEvidence: Map<string, RefundEvidence>;
  readonly #wallClock: Date;
  readonly #view: LedgerView;
  readonly #entries: Entry[] = [];
  readonly #records: UsageRecord[] = [];
  readonly #refunds: UsageRefund[] = [];
  readonly #refundedUse: RefundedUse[] = [];
  readonly #audited: AuditRow[] = [];
  readonly #grants = new Map<string, Grant>();
  readonly #reservations = new Map<string, Reservation>();
  readonly #stamps: ReadonlyMap<string, string | null>;
  readonly #usageContext: Grounds['usageContext'];
  readonly #models: Grounds['models'];
  readonly #counters = new Map<string, CounterChange>();
  readonly #reports: MeterReport[] = [];
  readonly #storedReports: Map<string, StoredReport>;
  readonly #deliveries = new Map<string, DeliveredReport>();
  readonly #newStamps = new Map<string, string>();
  readonly #alerts: Alert[] = [];
  readonly #preferenceChanges: AlertPreferenceChange[] = [];
  /** Crossings that were raised before, of those that commands name, and those that are raised now. */
  readonly #raised: Set<string>;

  constructor(grounds: Grounds) {
    const { accounts, earlierEffects, refunds, passages, reports, usageContext, raised } = grounds;
    const { stamps, models, withExpiredReservations, wallClock } = grounds;
    this.#stored = accounts;
    this.#stamps = stamps;
    this.#accounts = new Map([
      ...accounts,
      ...withExpiredReservations.map((account) => [account.billingEntityId, account] as const),
    ]);
    this.#earlierEffects = earlierEffects;
    this.#refundEvidence = new Map(refunds.map((each) => [recordName(each.record.billingEntityId, each.record), each]));
    this.#storedReports = new Map(reports.map((each) => [reportName(each.report), each]));
    this.#raised = new Set(raised.map(crossingName));
    this.#wallClock = wallClock;
    this.#usageContext = usageContext;
    this.#models = models;
    this.#view = {
      wallClock,
      account: (id) => this.#accounts.get(id),
      refundEvidence: (id, record) => this.#refundEvidence.get(recordName(id, record)),
      recipients: (id, rootGrantId) => [
        ...passages.flatMap((each) =>
          each.billingEntityId === id && each.rootGrantId === rootGrantId ? each.recipientId : [],
        ),
        ...this.#passedOn(id, rootGrantId),
      ],
      report: (billingEntityId, id) => this.#storedReports.get(reportName({ billingEntityId, id })),
      isRaised: (billingEntityId, crossing) => this.#raised.has(crossingName({ billingEntityId, crossing })),
      usageContext: (use) => this.#usageContext.of(use, wallClock),
      namedModels: (day) => models.of(day),
      newId,
    };
  }

  /** Accounts that are locked. */
  get size(): number {
    return this.#accounts.size;
  }

  /** Applies scheduled events to every account, as every transaction does first. false: more have come than are loaded. */
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

  /** Decides a command on the accounts as the commands before it left them, and keeps its effects for the commit. */
  apply(command: Command): Outcome {
    const account = this.#accounts.get(command.billingEntityId);
    if (account === undefined) return noAccount(command);

    const earlier = earlierAnswer(command, account, this.#earlierEffects);
    if (earlier !== null) return 'effect' in earlier ? this.#again(command, earlier) : earlier;

    const decision = decide(command, this.#view);
    if (decision.kind === 'rejected' || decision.kind === 'wrongPayer') return decision;
    if (decision.kind === 'refused') {
      const { balance } = this.#balances(command);
      this.#take(noteRefusal(account, command, decision, this.#wallClock));
      return { ...decision, balance, resetsAt: resetsAt(account, decision.reason) };
    }
    const taken = keyTaken(command, this.#earlierEffects);
    if (taken !== null) return taken;
    if (command.audited) this.#audited.push(...auditedOf(command, decision, this.#accounts));
    this.#take(decision);
    const balances = this.#balances(command);
    this.#earlierEffects.add(command, decision, balances.balance);
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
      balance: balances.balance,
      otherBalances: balances.otherBalances,
    };
  }

  /** Writes the effects of all commands and commits. Where nothing changed, the locks are let go of and nothing is written. */
  async commit(client: PoolClient): Promise<void> {
    const changes = this.#changes();
    if (changes.accounts.length === 0 && this.#reservations.size === 0 && this.#deliveries.size === 0) {
      await client.query('rollback');
      return;
    }
    await appendAndCommit(client, changes);
  }

  /**
   * Writes the effects on every account that still has the stamp that it was remembered with, in a transaction of one
   * statement. Where a key of `commands` had an effect, or a user is suspended, nothing of their payer is written either.
   * @returns the accounts whose effects are committed
   */
  commitIfUnchanged(client: PoolClient, commands: readonly Command[]): Promise<ReadonlySet<string>> {
    const keys = commands.flatMap((command) => {
      const { billingEntityId: payerId, idempotency } = command;
      if (idempotency === null) return [];
      return accountsOfKey(command).map((billingEntityId) => ({ payerId, billingEntityId, key: idempotency.key }));
    });
    const users = new Map<string, { payerId: string; userId: string }>();
    for (const command of commands) {
      const { billingEntityId: payerId } = command;
      const userId = 'userId' in command ? (command.userId ?? null) : null;
      if (userId !== null && userId !== payerId) users.set(`${payerId} ${userId}`, { payerId, userId });
    }
    const known = new Map([...this.#stamps].flatMap(([id, stamp]) => (stamp === null ? [] : [[id, stamp] as const])));
    return appendIfUnchanged(client, this.#changes(), { known, keys, users: [...users.values()] });
  }

  /** The accounts as the commands leave them, with the stamps that they are written with. */
  left(): {
    readonly account: Account;
    readonly found: string | null;
    readonly stamp: string | null;
    readonly isChanged: boolean;
  }[] {
    return [...this.#accounts.values()].map((account) => {
      const id = account.billingEntityId;
      const found = this.#stamps.get(id) ?? null;
      const isChanged = this.#stored.get(id) !== account;
      return { account, found, stamp: isChanged ? this.#newStampOf(id) : found, isChanged };
    });
  }

  /** Credits that the batch counted for members and keys. */
  get counters(): readonly CounterChange[] {
    return [...this.#counters.values()];
  }

  #newStampOf(billingEntityId: string): string {
    let stamp = this.#newStamps.get(billingEntityId);
    if (stamp === undefined) this.#newStamps.set(billingEntityId, (stamp = newId()));
    return stamp;
  }

  #changes(): Changes {
    const changed = this.#changed();
    const grants = [...this.#grants.values()];
    const reservations = [...this.#reservations.values()];
    const isOldGrant = (grant: Grant): boolean =>
      this.#stored.get(grant.billingEntityId)?.grants.some((each) => each.id === grant.id) ?? false;
    const isOldReservation = (reservation: Reservation): boolean =>
      reservation.openedSequence <= (this.#stored.get(reservation.billingEntityId)?.sequence ?? 0n);
    return {
      accounts: changed,
      stamps: new Map(changed.map(({ billingEntityId }) => [billingEntityId, this.#newStampOf(billingEntityId)])),
      entries: this.#entries,
      records: this.#records,
      refunds: this.#refunds,
      newGrants: grants.filter((grant) => !isOldGrant(grant)),
      changedGrants: grants.filter(isOldGrant),
      newReservations: reservations.filter((reservation) => !isOldReservation(reservation)),
      changedReservations: reservations.filter(isOldReservation),
      rollups: rollUp(this.#records, this.#refundedUse),
      counters: [...this.#counters.values()],
      reports: this.#reports,
      deliveries: [...this.#deliveries.values()],
      audited: this.#audited,
      alerts: this.#alerts,
      preferenceChanges: this.#preferenceChanges,
    };
  }

  /** The new balances of accounts that readers see change. */
  changedBalances(): Balance[] {
    return this.#changed()
      .filter((account) => this.#stored.get(account.billingEntityId)?.version !== account.version)
      .map((account) => balanceOf(account, accountTime(account, this.#wallClock)));
  }

  /** The public organizations in which use was recorded. */
  publicOrganizations(): string[] {
    return publicOrganizationsOf(this.#records);
  }

  /** The alerts that were raised, in order. */
  get alerts(): readonly Alert[] {
    return this.#alerts;
  }

  #changed(): Account[] {
    return [...this.#accounts.values()].filter((account) => this.#stored.get(account.billingEntityId) !== account);
  }

  /** Accounts to which this transaction itself has transferred credits of a root. */
  #passedOn(billingEntityId: string, rootGrantId: string): string[] {
    return this.#entries.flatMap(({ kind, grantId, counterpartyId, ...entry }) => {
      const isFromHere = kind === 'TRANSFER_OUT' && entry.billingEntityId === billingEntityId;
      const grant = isFromHere && grantId !== null ? this.#grants.get(grantId) : undefined;
      return grant?.root.grantId === rootGrantId && counterpartyId !== null ? counterpartyId : [];
    });
  }

  #take(effects: Effects): void {
    for (const changed of effects.accounts) this.#accounts.set(changed.billingEntityId, changed);
    this.#keep(effects);
  }

  #keep(effects: Effects): void {
    this.#entries.push(...effects.entries);
    this.#records.push(...effects.records);
    this.#models.add(effects.records);
    this.#refunds.push(...effects.refunds);
    this.#refundedUse.push(...effects.refundedUse);
    this.#reports.push(...effects.reports);
    this.#alerts.push(...effects.alerts);
    for (const alert of effects.alerts) this.#raised.add(crossingName(alert));
    this.#preferenceChanges.push(...effects.preferenceChanges);
    for (const report of effects.deliveries) {
      this.#deliveries.set(reportName(report), report);
      this.#storedReports.set(reportName(report), { report, isIntact: true });
    }
    for (const grant of effects.grants) this.#grants.set(grant.id, grant);
    for (const reservation of effects.reservations) this.#reservations.set(reservation.id, reservation);
    this.#usageContext.count(effects.counters);
    tally(this.#counters, effects.counters);
    for (const { record, credits } of effects.refundedUse) {
      const name = recordName(record.billingEntityId, record);
      const evidence = this.#refundEvidence.get(name);
      if (evidence === undefined) continue;
      const refundedCredits = (evidence.refundedCredits ?? 0n) + credits;
      this.#refundEvidence.set(name, { ...evidence, refundedCredits });
    }
  }

  #balances(command: Command): { balance: Balance; otherBalances: readonly Balance[] } {
    const [balance, ...otherBalances] = touchedBy(command).flatMap((id) => {
      const account = this.#accounts.get(id);
      return account === undefined ? [] : [balanceOf(account, accountTime(account, this.#wallClock))];
    });
    return { balance: balance as Balance, otherBalances };
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
}

function recordName(billingEntityId: string, { sequence, line }: RecordKey): string {
  return `${billingEntityId} ${sequence} ${line}`;
}

function crossingName({ billingEntityId, crossing }: Pick<Alert, 'billingEntityId' | 'crossing'>): string {
  return `${billingEntityId} ${crossing}`;
}

function reportName({ billingEntityId, id }: Pick<MeterReport, 'billingEntityId' | 'id'>): string {
  return `${billingEntityId} ${id}`;
}
