/**
 * The proof, as a pure fold: entries and records in order rebuild the account, and every place where the stored rows
 * say something else is named. Its memory grows with the grants and running holds of an account, never with its entries.
 */
import type { Resource } from '../../plans/rates.ts';
import { type AccountState, type AfterCommand, allowanceOf } from '../rules/account.ts';
import { price, formatCarry, NO_CARRY, type Carry } from '../rules/pricing.ts';
import type { Alert, AlertPreferenceChange } from '../rules/alerts.ts';
import type { Draw, Grant } from '../rules/grants.ts';
import { type Reservation, type ReservationStatus, reservedBy } from '../rules/reservations.ts';
import type { UseCounter } from '../rules/spend-limits.ts';
import { AlertReplay } from './alert-replay.ts';
import { CounterReplay } from './counter-replay.ts';
import { Findings, instant, type Stored, type Verification } from './findings.ts';
import { OverageReplay } from './overage-replay.ts';
import { RefundReplay, type RefundRows } from './refund-replay.ts';
import { TransferReplay } from './transfer-replay.ts';
import type { Entry, MeterReport, RecordKey, UsageRecord } from '../rules/entries.ts';

/** An entry with the rows that it names. */
export interface EntryRows {
  readonly entry: Stored<Entry>;
  readonly records: readonly Stored<UsageRecord>[];
  /** HOLD and RELEASE: the reservation. */
  readonly reservation: Stored<Reservation> | null;
  /** The first REFUND entry of a refund: the refund and its record. */
  readonly refund: RefundRows | null;
}

/** The other rows of the account, of the same moment. */
export interface Rest {
  readonly account: Stored<AccountState>;
  /** When the next scheduled event is: as stored, and as grants and reservations say. */
  readonly nextEventAt: { readonly stored: Date | null; readonly rebuilt: Date | null };
  readonly grants: Iterable<Stored<Grant>>;
  /** Reservations that are HELD. */
  readonly openReservations: Iterable<Reservation>;
  /** The numbers of reservations and refunds. */
  readonly reservationCount: bigint;
  readonly refundCount: bigint;
  /** Counters of members and keys. */
  readonly counters: Iterable<UseCounter>;
  /** Reports of overage that is billed. */
  readonly reports: Iterable<Stored<MeterReport>>;
  /** Rows of the summaries that differ from what records and refunds add up to, named. */
  readonly rollupProblems: readonly string[];
}

const RUNNING_VALUES = ['available', 'held', 'overage', 'owed'] as const;
type RunningValue = (typeof RUNNING_VALUES)[number];

export class Replay {
  readonly #running: Record<RunningValue, bigint> = { available: 0n, held: 0n, overage: 0n, owed: 0n };
  readonly #grants = new Map<string, { remaining: bigint; expired: bigint; readonly madeAt: bigint }>();
  readonly #openReservations = new Map<string, Reservation>();
  readonly #carries: Partial<Record<Resource, Carry>> = {};
  #entries = 0n;
  #sequence = 0n;
  #used = 0n;
  #owedThisPeriod = 0n;
  #periodStart = new Date(0);
  #lastCreatedAt = new Date(0);
  readonly #checksummedFrom: bigint;
  readonly #findings: Findings;
  readonly #counters: CounterReplay;
  readonly #overages: OverageReplay;
  readonly #transfers: TransferReplay;
  readonly #alerts: AlertReplay;
  #reservations = 0n;
  readonly #refunds: RefundReplay;
  /** Matters that the entry before left open: overage for the next entry, the end of a released reservation. */
  #overageToFollow = 0n;
  #released: { readonly reservation: Reservation; readonly entry: Entry } | null = null;
  /** A command that goes on: its first entry, and what it says that the whole left. */
  #command: { readonly at: string; readonly afterCommand: AfterCommand } | null = null;

  /** @param checksummedFrom sequence of the first entry whose rows have checksums, as the account says */
  constructor({ checksummedFrom }: Pick<AccountState, 'checksummedFrom'>) {
    this.#checksummedFrom = checksummedFrom;
    this.#findings = new Findings(checksummedFrom);
    this.#counters = new CounterReplay(this.#findings);
    this.#overages = new OverageReplay(this.#findings);
    this.#refunds = new RefundReplay(this.#findings);
    this.#transfers = new TransferReplay(this.#findings);
    this.#alerts = new AlertReplay(this.#findings, this.#counters);
  }

  /** Takes the next entry with the rows that name it. */
  entry({ entry: stored, records, reservation, refund }: EntryRows): void {
    const entry = stored.row;
    const at = `entry ${entry.sequence}`;
    this.#entries += 1n;
    this.#findings.expect(`${at}: sequence`, entry.sequence, this.#sequence + 1n);
    this.#sequence = entry.sequence;
    this.#findings.intact(at, stored, entry.sequence);
    if (stored.intact !== null && entry.sequence < this.#checksummedFrom) {
      this.#findings.problem(`${at} has a checksum too early`);
    }
    if (entry.createdAt < this.#lastCreatedAt) this.#findings.problem(`${at} is older than the one before it`);
    this.#lastCreatedAt = entry.createdAt;
    this.#beginPeriod(at, entry.periodStart);

    this.#run(at, 'available', entry.amount, entry.availableAfter);
    this.#run(at, 'held', entry.heldChange, entry.heldAfter);
    this.#run(at, 'overage', entry.overageChange, entry.overageAfter);
    this.#run(at, 'owed', entry.owedChange, entry.owedAfter);
    this.#finishEarlier(entry);
    if (refund !== null || !this.#refunds.continues(entry)) this.#refunds.end();
    if (entry.overageChange !== 0n) this.#overages.entry(entry);

    if (entry.kind === 'CONSUMPTION') this.#consumption(at, entry, records);
    else if (records.length > 0) this.#findings.problem(`${at}: a ${entry.kind} entry has usage records`);
    if (entry.kind === 'HOLD' || entry.kind === 'RELEASE') this.#reservation(at, entry, reservation);
    else if (entry.kind === 'REFUND') this.#refund(at, entry, refund);
    else if (entry.kind === 'OVERAGE') this.#overage(at, entry);

    const isNewGrant = entry.grantId !== null && !this.#grants.has(entry.grantId);
    this.#transfers.entry(entry, { refunded: refund?.record, isNewGrant });
    const expired = entry.kind === 'EXPIRY' ? -entry.amount : 0n;
    if (entry.grantId !== null) this.#move(at, entry.grantId, { credits: entry.amount, expired });
    else if (entry.draws !== null) this.#draw(at, entry.draws, -entry.amount);
    else if (!MOVES_NO_GRANT.has(entry.kind)) this.#findings.expect(`${at}: amount without a grant`, entry.amount, 0n);
    if (this.#owedThisPeriod > this.#running.owed) this.#owedThisPeriod = this.#running.owed;
    this.#afterCommand(at, entry);
    const { sequence, billingEntityId } = entry;
    const counted = { used: this.#used, owedThisPeriod: this.#owedThisPeriod, period: { start: this.#periodStart } };
    this.#alerts.entry(entry, { ...this.#running, ...counted, billingEntityId, sequence });
  }

  /** Takes the next alerts and alert preferences: all that stand at the entries which come next. */
  alerts(alerts: readonly Stored<Alert>[], changes: readonly Stored<AlertPreferenceChange>[]): void {
    this.#alerts.rows(alerts, changes);
  }

  /** Records whose entry is missing. */
  orphan(record: RecordKey): void {
    this.#findings.problem(`record ${record.sequence}/${record.line} has no CONSUMPTION entry`);
  }

  /** A row that holds what the ledger never writes, so that it cannot even be read. */
  unreadable(name: string): void {
    this.#findings.problem(`${name} was altered after it was written: it cannot be read`);
  }

  /** Holds what was rebuilt against everything that is stored besides. */
  finish(rest: Rest): Verification {
    this.#finishEarlier(null);
    this.#refunds.end();
    this.#unfinishedCommand(this.#sequence + 1n);
    const account = rest.account.row;
    this.#account(rest.account);
    this.#beginPeriod('account', account.period.start);
    for (const value of RUNNING_VALUES) {
      this.#findings.expect(`account: ${value}`, account[value], this.#running[value]);
    }
    this.#findings.expect('account: sequence', account.sequence, this.#sequence);
    this.#findings.expect('account: used', account.used, this.#used);
    this.#findings.expect('account: owed of this period', account.owedThisPeriod, this.#owedThisPeriod);
    this.#findings.expect('account: due', instant(rest.nextEventAt.stored), instant(rest.nextEventAt.rebuilt));
    if (account.version < account.sequence) {
      this.#findings.problem(`account: version ${account.version} is below its sequence`);
    }
    for (const resource of new Set([...keysOf(account.carries), ...keysOf(this.#carries)])) {
      const [stored, rebuilt] = [account.carries[resource] ?? NO_CARRY, this.#carries[resource] ?? NO_CARRY];
      this.#findings.expect(`account: fraction of ${resource}`, formatCarry(stored), formatCarry(rebuilt));
    }
    const base = account.subscription?.base ?? null;
    if (base !== null && !this.#grants.has(base.grantId)) {
      this.#findings.problem(`account: no entry made ${base.grantId}`);
    }
    this.#alerts.finish(account);
    this.#overages.finish(account, rest.reports, this.#sequence);
    this.#finishGrants(rest.grants);
    this.#finishReservations(account, rest);
    this.#counters.finish(rest.counters);
    this.#findings.expect('refunds, counted', rest.refundCount, this.#refunds.count);
    for (const problem of rest.rollupProblems) this.#findings.problem(problem);
    return this.result();
  }

  /** The findings so far. */
  result(): Verification {
    return this.#findings.result({ entries: this.#entries, sequence: this.#sequence });
  }

  /** A period begins: what is counted by period starts again (rule 13). */
  #beginPeriod(at: string, periodStart: Date): void {
    if (periodStart < this.#periodStart) this.#findings.problem(`${at} belongs to a period before the one before it`);
    if (periodStart > this.#periodStart) {
      this.#overages.periodEnded(this.#periodStart, periodStart);
      this.#running.overage = 0n;
      this.#used = 0n;
      this.#owedThisPeriod = 0n;
      this.#alerts.beginPeriod(periodStart);
    }
    this.#periodStart = periodStart;
  }

  /** Until the ledger has written it, an account has no checksum, and nothing that the ledger alone could have given it. */
  #account(stored: Stored<AccountState>): void {
    this.#findings.intact('account', stored, this.#sequence);
    const { trialGiven, overagePolicy, subscription } = stored.row;
    const hasTerms = overagePolicy.enabled || overagePolicy.cap !== null || subscription !== null;
    const isUntouched = !hasTerms && (this.#entries > 0n || !trialGiven);
    if (stored.intact === null && !isUntouched) {
      this.#findings.problem('account was altered: nothing in its ledger gave it these terms');
    }
  }

  #finishGrants(grants: Iterable<Stored<Grant>>): void {
    let inEffect = 0n;
    const readable: Grant[] = [];
    for (const stored of grants) {
      const grant = stored.row;
      readable.push(grant);
      const name = `grant ${grant.id}`;
      const rebuilt = this.#grants.get(grant.id);
      this.#findings.intact(name, stored, rebuilt?.madeAt ?? this.#checksummedFrom);
      if (rebuilt === undefined) {
        this.#findings.problem(`${name} has no entry`);
        continue;
      }
      // A pending grant has been announced, and its credits are still outside the balance.
      this.#findings.expect(`${name}: remaining`, grant.state === 'PENDING' ? 0n : grant.remaining, rebuilt.remaining);
      if (grant.expired > rebuilt.expired) this.#findings.expect(`${name}: lapsed`, grant.expired, rebuilt.expired);
      if (grant.state === 'ACTIVE' || grant.state === 'EXPIRING') inEffect += grant.remaining;
      this.#grants.delete(grant.id);
    }
    this.#transfers.finish(readable);
    for (const id of this.#grants.keys()) this.#findings.problem(`grant ${id} is named by entries and is not there`);
    this.#findings.expect('grants in effect, together', inEffect, this.#running.available + this.#running.held);
  }

  #finishReservations(account: AccountState, { openReservations, reservationCount }: Rest): void {
    let [covered, overage] = [0n, 0n];
    for (const reservation of openReservations) {
      covered += reservation.covered;
      overage += reservation.overage;
      if (!this.#openReservations.delete(reservation.id)) {
        this.#findings.problem(`reservation ${reservation.id} is HELD, the ledger says otherwise`);
      }
    }
    for (const id of this.#openReservations.keys()) {
      this.#findings.problem(`reservation ${id} is not HELD, the ledger says it is`);
    }
    this.#findings.expect('reservations held, together', covered, account.held);
    this.#findings.expect('account: overage headroom held', account.heldOverage, overage);
    this.#findings.expect('reservations, counted', reservationCount, this.#reservations);
  }

  #consumption(at: string, entry: Entry, records: readonly Stored<UsageRecord>[]): void {
    if (records.length === 0) this.#findings.problem(`${at}: a CONSUMPTION entry without usage records`);
    let [drawn, owed, credits] = [0n, 0n, 0n];
    records.forEach((stored, index) => {
      const record = stored.row;
      const line = `record ${record.sequence}/${record.line}`;
      this.#findings.intact(line, stored, entry.sequence);
      this.#findings.expect(`${line}: line`, BigInt(record.line), BigInt(index));
      this.#price(line, record);
      const fromGrants = record.credits - record.overage - record.owed;
      this.#draw(line, record.draws, fromGrants);
      drawn += fromGrants;
      owed += record.owed;
      this.#overageToFollow += record.overage;
      this.#used += record.credits;
      credits += record.credits;
    });
    const [first] = records;
    if (first !== undefined) this.#counters.count(entry, first.row, { used: credits });
    this.#findings.expect(`${at}: amount`, entry.amount, -drawn);
    this.#findings.expect(`${at}: owed`, entry.owedChange, owed);
    this.#owedThisPeriod += owed;
  }

  /** Holds what an entry says of its whole command against what is there after the command's last entry. */
  #afterCommand(at: string, { sequence, afterCommand }: Entry): void {
    if (afterCommand !== null) {
      this.#unfinishedCommand(sequence);
      this.#command = { at, afterCommand };
    }
    if (this.#command === null || sequence < this.#command.afterCommand.sequence) return;
    const command = this.#command;
    const { sequence: last, used, allowance, version } = command.afterCommand;
    this.#command = null;
    this.#findings.expect(`${command.at}: last entry of its command`, last, sequence);
    this.#findings.expect(`${command.at}: used after it`, used, this.#used);
    const state = { ...this.#running, used: this.#used, owedThisPeriod: this.#owedThisPeriod };
    this.#findings.expect(`${command.at}: allowance after it`, allowance, allowanceOf(state));
    if (version < last) this.#findings.problem(`${command.at}: the version after it is below its sequence`);
  }

  #unfinishedCommand(next: bigint): void {
    if (this.#command !== null) this.#findings.problem(`${this.#command.at}: entry ${next} is no part of its command`);
  }

  #overage(at: string, entry: Entry): void {
    this.#findings.expect(`${at}: overage`, entry.overageChange, this.#overageToFollow);
    this.#overageToFollow = 0n;
  }

  /** The charge follows from the rate as it was and the fraction that the record before left (rule 2). */
  #price(line: string, record: UsageRecord): void {
    const before = this.#carries[record.resource] ?? NO_CARRY;
    this.#findings.expect(`${line}: fraction carried in`, formatCarry(record.carriedBefore), formatCarry(before));
    const exempt = record.billingMode === 'COMPUTE_ONLY' && record.resource === 'AI_TOKENS';
    const due = exempt ? { credits: 0n, carry: before } : price(before, record.quantity, record.rate);
    this.#findings.expect(`${line}: credits`, record.credits, due.credits);
    this.#findings.expect(`${line}: fraction carried out`, formatCarry(record.carriedAfter), formatCarry(due.carry));
    this.#carries[record.resource] = record.carriedAfter;
  }

  #reservation(at: string, entry: Entry, stored: Stored<Reservation> | null): void {
    if (stored === null) {
      this.#findings.problem(`${at}: reservation ${entry.reservationId} is not there`);
      return;
    }
    const reservation = stored.row;
    const name = `reservation ${reservation.id}`;
    if (entry.kind === 'HOLD') {
      this.#findings.intact(name, stored, entry.sequence);
      this.#reservations += 1n;
      this.#findings.expect(`${name}: covered`, reservation.covered, entry.heldChange);
      this.#findings.expect(`${at}: amount`, entry.amount, -entry.heldChange);
      this.#findings.expect(`${name}: its HOLD entry`, reservation.openedSequence, entry.sequence);
      this.#openReservations.set(reservation.id, reservation);
      this.#counters.count(entry, reservation, { held: reservedBy(reservation) });
      return;
    }
    if (!this.#openReservations.delete(reservation.id)) this.#findings.problem(`${at}: ${name} was not held`);
    this.#findings.expect(`${at}: amount`, entry.amount, -entry.heldChange);
    this.#findings.expect(`${at}: held`, entry.heldChange, -reservation.covered);
    this.#findings.expect(`${name}: its RELEASE entry`, reservation.closedSequence ?? 0n, entry.sequence);
    this.#counters.count(entry, reservation, { held: -reservedBy(reservation) });
    this.#released = { reservation, entry };
  }

  /** A refund gives back a part of what its record charged, over as many entries as it needs (rule 22). */
  #refund(at: string, entry: Entry, rows: EntryRows['refund']): void {
    if (rows !== null) {
      const { record, periodStart } = rows;
      const { credits, owed } = this.#refunds.begin(entry, rows);
      if (periodStart.getTime() === this.#periodStart.getTime()) {
        this.#used -= credits;
        this.#counters.count(entry, record, { used: -credits });
        this.#owedThisPeriod -= owed < this.#owedThisPeriod ? owed : this.#owedThisPeriod;
      }
    }
    const grant = entry.grantId === null ? undefined : this.#grants.get(entry.grantId);
    this.#refunds.entry(at, entry, grant?.madeAt ?? null);
  }

  /** Closes what the entries before left open: this entry does, or the end. */
  #finishEarlier(entry: Entry | null): void {
    if (this.#overageToFollow > 0n && entry?.kind !== 'OVERAGE') {
      this.#findings.problem(
        `entry ${this.#sequence - 1n}: ${this.#overageToFollow} credits of overage have no OVERAGE entry`,
      );
      this.#overageToFollow = 0n;
    }
    if (this.#released !== null) {
      const { reservation, entry: release } = this.#released;
      const isSettled = entry?.kind === 'CONSUMPTION' && entry.reservationId === reservation.id;
      const status: ReservationStatus = isSettled ? 'SETTLED' : release.actor === 'system' ? 'EXPIRED' : 'RELEASED';
      this.#findings.expect(`reservation ${reservation.id}: status`, reservation.status, status);
      this.#released = null;
    }
  }

  #draw(at: string, draws: readonly Draw[], credits: bigint): void {
    for (const { grantId, credits: taken } of draws) this.#move(at, grantId, { credits: -taken, expired: 0n });
    const sum = draws.reduce((total, each) => total + each.credits, 0n);
    this.#findings.expect(`${at}: draws, together`, sum, credits);
  }

  #move(at: string, grantId: string, { credits, expired }: { credits: bigint; expired: bigint }): void {
    const before = this.#grants.get(grantId);
    const remaining = (before?.remaining ?? 0n) + credits;
    if (remaining < 0n) this.#findings.problem(`${at}: grant ${grantId} would hold ${remaining}`);
    this.#grants.set(grantId, {
      remaining,
      expired: (before?.expired ?? 0n) + expired,
      madeAt: before?.madeAt ?? this.#sequence,
    });
  }

  #run(at: string, value: RunningValue, change: bigint, after: bigint): void {
    this.#findings.expect(`${at}: ${value} after`, after, this.#running[value] + change);
    this.#running[value] = after;
  }
}

/** Their amounts leave or enter grants that their records, or nothing, name. */
const MOVES_NO_GRANT = new Set<Entry['kind']>(['CONSUMPTION', 'HOLD', 'RELEASE']);

function keysOf(carries: AccountState['carries']): Resource[] {
  return Object.keys(carries) as Resource[];
}
