/** The pure core as the ledger drives it, in memory: due events, decision, and everything that was ever written. */
import { noteRefusal } from '../../../src/ledger/rules/alert-commands.ts';
import type { Alert, AlertPreferenceChange } from '../../../src/ledger/rules/alerts.ts';
import type { Effects } from '../../../src/ledger/rules/effects.ts';
import { type Account, accountTime, newAccount } from '../../../src/ledger/rules/account.ts';
import { type ChargedUse, NO_CONTEXT, type UsageContext } from '../../../src/ledger/rules/usage-context.ts';
import { type Command, type Decision, touchedBy } from '../../../src/ledger/rules/commands.ts';
import type { RefundEvidence } from '../../../src/ledger/rules/ledger-view.ts';
import { UNDELIVERED } from '../../../src/ledger/rules/delivery.ts';
import { decide } from '../../../src/ledger/rules/decide.ts';
import { applyScheduled } from '../../../src/ledger/rules/scheduled-events.ts';
import type { Grant } from '../../../src/ledger/rules/grants.ts';
import type { Reservation } from '../../../src/ledger/rules/reservations.ts';
import { tally, type UseCounter } from '../../../src/ledger/rules/spend-limits.ts';
import { ModelNames } from '../../../src/ledger/rules/model-names.ts';
import { newId } from '../../../src/ledger/store/new-id.ts';
import type { Stored, Verification } from '../../../src/ledger/proof/findings.ts';
import { Replay } from '../../../src/ledger/proof/replay.ts';
import type { DeliveredReport, Entry, RecordKey, UsageRecord, UsageRefund } from '../../../src/ledger/rules/entries.ts';

export class PureLedger {
  readonly #accounts = new Map<string, Account>();
  readonly #refunded = new Map<string, bigint>();
  readonly entries: Entry[] = [];
  readonly records: UsageRecord[] = [];
  readonly refunds: UsageRefund[] = [];
  readonly grants = new Map<string, Grant>();
  readonly reservations = new Map<string, Reservation>();
  readonly #reports = new Map<string, DeliveredReport>();
  /** So few that histories meet the bound. */
  readonly #modelNames = new ModelNames(2, []);
  readonly counters = new Map<string, UseCounter>();
  readonly alerts: Alert[] = [];
  readonly preferenceChanges: AlertPreferenceChange[] = [];
  /** What reservations of those whom use names: nobody, until a test says otherwise. */
  usageContext: (use: ChargedUse) => UsageContext = () => NO_CONTEXT;

  /** In the order in which they were frozen. */
  get reports(): DeliveredReport[] {
    return [...this.#reports.values()];
  }

  open(billingEntityId: string, now: Date, changes: Partial<Account> = {}): this {
    const account = { ...newAccount(billingEntityId, now), ...changes };
    this.#accounts.set(billingEntityId, account);
    return this;
  }

  account(billingEntityId: string): Account {
    const account = this.#accounts.get(billingEntityId);
    if (account === undefined) throw new Error(`no account ${billingEntityId}`);
    return account;
  }

  /** Applies what is due. */
  advance(billingEntityId: string, clock: Date): Account {
    const account = this.#loaded(billingEntityId, clock);
    const due = applyScheduled(account, accountTime(account, clock), newId);
    this.#accounts.set(billingEntityId, due.account);
    this.#keep(due.effects);
    return due.account;
  }

  execute(command: Command, clock: Date): Decision {
    for (const id of touchedBy(command)) if (this.#accounts.has(id)) this.advance(id, clock);
    const decision = decide(command, {
      wallClock: clock,
      account: (id) => this.#accounts.get(id),
      refundEvidence: (id, key) => this.#evidence(id, key),
      recipients: (id, rootGrantId) =>
        this.entriesOf(id).flatMap(({ kind, grantId, counterpartyId }) =>
          kind === 'TRANSFER_OUT' && this.grants.get(grantId ?? '')?.root.grantId === rootGrantId
            ? (counterpartyId ?? [])
            : [],
        ),
      report: (_, id) => {
        const report = this.#reports.get(id);
        return report && { report, isIntact: true };
      },
      isRaised: (id, crossing) => this.alerts.some((each) => each.billingEntityId === id && each.crossing === crossing),
      usageContext: (use) => this.usageContext(use),
      namedModels: (day) => this.#modelNames.of(day),
      newId,
    });
    if (decision.kind === 'applied') this.#take(decision);
    if (decision.kind === 'refused') {
      this.#take(noteRefusal(this.account(command.billingEntityId), command, decision, clock));
    }
    return decision;
  }

  entriesOf(billingEntityId: string): Entry[] {
    return this.entries.filter((entry) => entry.billingEntityId === billingEntityId);
  }

  verify(billingEntityId: string): Verification {
    const replay = new Replay({ checksummedFrom: 1n });
    const own = <T extends { readonly billingEntityId: string }>(rows: Iterable<T>): T[] =>
      [...rows].filter((row) => row.billingEntityId === billingEntityId);
    const records = Map.groupBy(own(this.records), (record) => record.sequence);
    const refunds = own(this.refunds);
    replay.alerts(own(this.alerts).map(intact), own(this.preferenceChanges).map(intact));
    for (const entry of this.entriesOf(billingEntityId)) {
      const refund = refunds.find((each) => each.refundSequence === entry.sequence);
      const evidence = refund && this.#evidence(billingEntityId, refund);
      // All parts of the record that began before, added up: never taken from what a part says of those before it.
      const refundedBefore = refunds.reduce(
        (sum, each) =>
          refund !== undefined && nameOf(each) === nameOf(refund) && each.refundSequence < refund.refundSequence
            ? sum + (each.credits ?? 0n)
            : sum,
        0n,
      );
      const reservation = entry.reservationId === null ? undefined : this.reservations.get(entry.reservationId);
      replay.entry({
        entry: intact(entry),
        records: (records.get(entry.sequence) ?? []).map(intact),
        reservation: reservation ? intact(reservation) : null,
        refund: refund && evidence ? { ...evidence, refundedBefore, refund: intact(refund) } : null,
      });
    }
    const reservations = own(this.reservations.values());
    return replay.finish({
      account: intact(this.account(billingEntityId)),
      nextEventAt: { stored: null, rebuilt: null },
      grants: own(this.grants.values()).map(intact),
      openReservations: reservations.filter((reservation) => reservation.status === 'HELD'),
      reservationCount: BigInt(reservations.length),
      refundCount: BigInt(refunds.length),
      counters: own(this.counters.values()),
      reports: own(this.reports).map(intact),
      rollupProblems: [],
    });
  }

  /** As the database gives it: open grants, those that were drawn, and every reservation. */
  #loaded(billingEntityId: string, _clock: Date): Account {
    const account = this.account(billingEntityId);
    const held = [...this.reservations.values()].filter(
      (reservation) => reservation.billingEntityId === billingEntityId,
    );
    return { ...account, reservations: new Map(held.map((each) => [each.id, each])), otherReservationsEndAt: null };
  }

  #evidence(billingEntityId: string, { sequence, line }: RecordKey): RefundEvidence | undefined {
    const isIt = (row: RecordKey & { billingEntityId: string }): boolean =>
      row.billingEntityId === billingEntityId && row.sequence === sequence && row.line === line;
    const record = this.records.find(isIt);
    const entry = this.entries.find((each) => each.billingEntityId === billingEntityId && each.sequence === sequence);
    if (record === undefined || entry === undefined) return undefined;
    return { record, periodStart: entry.periodStart, refundedCredits: this.#refunded.get(nameOf(record)) ?? null };
  }

  #take(applied: Effects): void {
    for (const account of applied.accounts) this.#accounts.set(account.billingEntityId, account);
    this.#keep(applied);
  }

  #keep(applied: Effects): void {
    this.alerts.push(...applied.alerts);
    this.preferenceChanges.push(...applied.preferenceChanges);
    this.entries.push(...applied.entries);
    this.records.push(...applied.records);
    this.#modelNames.add(applied.records);
    this.refunds.push(...applied.refunds);
    for (const report of applied.reports) this.#reports.set(report.id, { ...report, ...UNDELIVERED });
    for (const report of applied.deliveries) this.#reports.set(report.id, report);
    for (const { record, credits } of applied.refundedUse) {
      this.#refunded.set(nameOf(record), (this.#refunded.get(nameOf(record)) ?? 0n) + credits);
    }
    for (const grant of applied.grants) this.grants.set(grant.id, grant);
    for (const reservation of applied.reservations) this.reservations.set(reservation.id, reservation);
    tally(this.counters, applied.counters);
  }
}

function intact<T>(row: T): Stored<T> {
  return { row, intact: true };
}

function nameOf({ billingEntityId, sequence, line }: UsageRecord | UsageRefund): string {
  return `${billingEntityId} ${sequence} ${line}`;
}
