/**
 * The journal of one account for one cause: entries with the values after them, and grants and reservations as they become.
 * Balances change by `post` alone, so that the account can be rebuilt from its entries and records.
 */
import { type Account, allowanceOf, sooner } from './account.ts';
import { AlertJournal, type Writable } from './alert-journal.ts';
import type { Cause } from './commands.ts';
import type { Effects } from './effects.ts';
import { byDrawdownOrder, type Draw, type Grant, heldOf, sumRemaining } from './grants.ts';
import { type Reservation, type ReservationStatus, reservedBy } from './reservations.ts';
import { type CounterChange, countersOf } from './spend-limits.ts';
import type { UsedBy } from './attribution.ts';
import type { Period } from './periods.ts';
import type { ChargePart, Entry, EntryKind, MeterReport, RecordKey, UsageRecord, UsageRefund } from './entries.ts';
import type { RefundedUse } from './rollup.ts';

/** The cause of scheduled events. */
export const SCHEDULED: Cause = { actor: 'system', idempotency: null };

/** An entry to be: the changes of each amount, in whole credits. An absent change is none. */
interface Posting {
  readonly kind: EntryKind;
  /** Change of available. */
  readonly amount?: bigint;
  readonly held?: bigint;
  readonly overage?: bigint;
  readonly owed?: bigint;
  readonly grantId?: string;
  readonly reservationId?: string;
  readonly counterpartyId?: string;
  readonly refunded?: RecordKey;
  readonly draws?: readonly Draw[];
  readonly reason?: string | null;
}

export class Journal {
  readonly now: Date;
  /** What the account's people are told. */
  readonly alerts: AlertJournal;
  readonly #cause: Cause;
  readonly #draft: Writable<Account>;
  readonly #entries: Writable<Entry>[] = [];
  readonly #records: UsageRecord[] = [];
  readonly #grants = new Map<string, Grant>();
  readonly #reservations = new Map<string, Reservation>();
  #ownReservations: Map<string, Reservation> | undefined;
  readonly #refunds: UsageRefund[] = [];
  readonly #refundedUse: RefundedUse[] = [];
  readonly #counters: CounterChange[] = [];
  readonly #reports: MeterReport[] = [];

  /** Opens the journal of an account for one cause. The account that is passed in stays as it is. */
  constructor(account: Account, cause: Cause, now: Date) {
    this.#draft = { ...account };
    this.#cause = cause;
    this.now = now;
    this.alerts = new AlertJournal(account, this.#draft, { actor: cause.actor, now });
  }

  /** The account after everything that the journal has now. */
  get account(): Account {
    return this.#draft;
  }

  /** Changes state that is no amount. Amounts change by `post`, `countUse` and `beginPeriod` alone. */
  set(changes: Partial<Pick<Account, 'carries' | 'subscription' | 'overagePolicy'>>): void {
    Object.assign(this.#draft, changes);
  }

  /**
   * Begins a period: its use, overage and owed credits are counted from 0 (rule 13). A period that begins where the
   * current one began replaces it without a new count: between the two nothing was used.
   */
  beginPeriod(period: Period): void {
    const isNew = period.start > this.#draft.period.start;
    this.#draft.period = period;
    if (isNew) {
      this.#draft.used = 0n;
      this.#draft.overage = 0n;
      this.#draft.owedThisPeriod = 0n;
    }
    this.touch();
  }

  /** Moves the end of the current period. */
  movePeriodEnd(end: Date): void {
    this.#draft.period = { start: this.#draft.period.start, end };
  }

  /** Counts a change that no entry tells, so that readers notice it. */
  touch(): void {
    this.#draft.version += 1n;
    this.#draft.touchedAt = this.now;
  }

  /** Appends one entry and applies its changes. An amount that would become negative is a bug and throws. */
  post(posting: Posting): void {
    const { kind, amount = 0n, held = 0n, overage = 0n, owed = 0n } = posting;
    const draft = this.#draft;
    draft.available += amount;
    draft.held += held;
    draft.overage += overage;
    draft.overageTotal += overage;
    draft.owed += owed;
    if (draft.available < 0n || draft.held < 0n || draft.overage < 0n || draft.owed < 0n) {
      throw new Error(`${kind} of ${amount}/${held}/${overage}/${owed} would leave a negative amount`);
    }
    if (draft.owedThisPeriod > draft.owed) draft.owedThisPeriod = draft.owed;
    draft.sequence += 1n;
    this.touch();
    this.#entries.push({
      billingEntityId: draft.billingEntityId,
      sequence: draft.sequence,
      kind,
      amount,
      availableAfter: draft.available,
      heldChange: held,
      heldAfter: draft.held,
      overageChange: overage,
      overageAfter: draft.overage,
      owedChange: owed,
      owedAfter: draft.owed,
      grantId: posting.grantId ?? null,
      reservationId: posting.reservationId ?? null,
      counterpartyId: posting.counterpartyId ?? null,
      refunded: posting.refunded ?? null,
      draws: posting.draws ?? null,
      actor: this.#cause.actor,
      reason: posting.reason ?? null,
      idempotency: this.#entries.length === 0 ? this.#cause.idempotency : null,
      afterCommand: null,
      step: 'GOES_ON',
      periodStart: draft.period.start,
      createdAt: this.now,
    });
  }

  /** Appends one usage record. */
  record(record: UsageRecord): void {
    this.#records.push(record);
  }

  /** Appends the refund of a part of a record's charge, which lowers the summaries by that part (rule 22). */
  refund(record: UsageRecord, { credits, overage }: ChargePart, refund: UsageRefund): void {
    this.#refunds.push(refund);
    this.#refundedUse.push({ record, credits, overage });
  }

  /**
   * Counts charged use in the current period, for the account and for all whom the use was by (rules 9 and 17). `owed` is
   * the part of it that is owed. Negative: a refund, which lowers what this period left owed at most to 0.
   */
  countUse(usedBy: UsedBy, { used, owed }: { readonly used: bigint; readonly owed: bigint }): void {
    this.#draft.used += used;
    const owedThisPeriod = this.#draft.owedThisPeriod + owed;
    this.#draft.owedThisPeriod = owedThisPeriod < 0n ? 0n : owedThisPeriod;
    this.#count(usedBy, used, 0n);
  }

  #count(usedBy: UsedBy, used: bigint, held: bigint): void {
    if (used === 0n && held === 0n) return;
    const { billingEntityId, period } = this.#draft;
    for (const key of countersOf(billingEntityId, usedBy)) {
      this.#counters.push({ ...key, periodStart: period.start, used, held, alerted: 0 });
    }
  }

  /** Ends a step, whose alerts are raised then (rule 29). `close` ends the last one. Scheduled events end one for each instant. */
  endStep(): void {
    this.alerts.endStep(this.#entries);
  }

  /** Keeps a grant that was made or changed. */
  putGrant(grant: Grant): void {
    this.#grants.set(grant.id, grant);
    const { grants } = this.#draft;
    const known = grants.findIndex((each) => each.id === grant.id);
    // A grant's place depends on its expiry, which changes where a period ends at another time, and on nothing else that changes.
    const staysInPlace = known >= 0 && grants[known]?.expiresAt === grant.expiresAt;
    if (staysInPlace) this.#draft.grants = grants.with(known, grant);
    else this.#draft.grants = [...grants.filter((each) => each.id !== grant.id), grant].sort(byDrawdownOrder);
  }

  /** Keeps a new reservation. Nobody can name it in this transaction, and it cannot end in it. */
  openReservation(reservation: Reservation): void {
    this.#reservations.set(reservation.id, reservation);
    this.#draft.heldOverage += reservation.overage;
    this.#count(reservation, 0n, reservedBy(reservation));
    this.#draft.nextReservationAt = sooner(this.#draft.nextReservationAt, reservation.expiresAt);
    this.#draft.otherReservationsEndAt = sooner(this.#draft.otherReservationsEndAt, reservation.expiresAt);
  }

  /** Keeps a reservation that was changed. */
  putReservation(reservation: Reservation): void {
    this.#reservations.set(reservation.id, reservation);
    // The map is copied once: hundreds of reservations may end here.
    this.#ownReservations ??= new Map(this.#draft.reservations);
    this.#draft.reservations = this.#ownReservations.set(reservation.id, reservation);
    if (reservation.status === 'HELD') {
      this.#draft.nextReservationAt = sooner(this.#draft.nextReservationAt, reservation.expiresAt);
    }
  }

  /** Ends a reservation and makes the credits that it held available again (RELEASE). The caller may use them before `settleUp` does. */
  endReservation(reservation: Reservation, status: Exclude<ReservationStatus, 'HELD'>): void {
    this.post({
      kind: 'RELEASE',
      amount: reservation.covered,
      held: -reservation.covered,
      reservationId: reservation.id,
    });
    this.#draft.heldOverage -= reservation.overage;
    this.#count(reservation, 0n, -reservedBy(reservation));
    const { expiryHold } = this.#draft;
    if (reservation.openedSequence <= expiryHold.sequence) {
      this.#draft.expiryHold = { ...expiryHold, held: expiryHold.held - reservation.covered };
    }
    this.putReservation({ ...reservation, status, closedSequence: this.#draft.sequence });
  }

  /**
   * Takes credits out of grants: first out of expiring grants what is no longer held, then in drawdown order out of grants
   * that `from` allows (rules 5 and 12). The caller has checked what is available, so a shortfall is a bug and throws.
   */
  draw(credits: bigint, from: (grant: Grant) => boolean = () => true): readonly Draw[] {
    let missing = credits;
    const draws: Draw[] = [];
    const take = (grant: Grant, most: bigint): bigint => {
      const taken = most < missing ? most : missing;
      if (taken === 0n) return 0n;
      const remaining = grant.remaining - taken;
      missing -= taken;
      draws.push({ grantId: grant.id, credits: taken });
      this.putGrant({ ...grant, remaining, state: remaining === 0n ? 'SPENT' : grant.state });
      return taken;
    };

    let free = this.#noLongerHeld();
    const { grants } = this.#draft;
    if (free > 0n) {
      for (const grant of grants) {
        if (grant.state === 'EXPIRING') free -= take(grant, free < grant.remaining ? free : grant.remaining);
      }
    }
    for (const grant of grants) {
      if (missing === 0n) break;
      if (grant.state === 'ACTIVE' && from(grant)) take(grant, grant.remaining);
    }
    if (missing !== 0n) throw new Error(`grants hold ${missing} credits less than the balance says`);
    return draws;
  }

  /** Lets credits of one grant expire (EXPIRY). What remains of it is held, and expires later. */
  expire(grant: Grant, credits: bigint): void {
    const remaining = grant.remaining - credits;
    this.putGrant({
      ...grant,
      remaining,
      expired: grant.expired + credits,
      state: remaining === 0n ? 'EXPIRED' : 'EXPIRING',
    });
    if (credits > 0n) this.post({ kind: 'EXPIRY', amount: -credits, grantId: grant.id });
    // Reservations that exist now keep the expired credits that they hold; later ones do not (rule 12).
    if (remaining > 0n && grant.state === 'ACTIVE') {
      this.#draft.expiryHold = { sequence: this.#draft.sequence, held: this.#draft.held };
    }
  }

  /** The credits of this grant that no reservation holds. */
  unheld(grant: Grant): bigint {
    return grant.remaining - heldOf(this.#draft.grants, this.#draft.held, grant);
  }

  /**
   * Does what must follow every change: expiring credits that are no longer held expire, then what is owed is repaid from
   * what is available (rules 8 and 12). `close` does it. Scheduled events need it between them as well.
   */
  settleUp(): void {
    let excess = this.#noLongerHeld();
    if (excess > 0n) {
      for (const grant of this.#draft.grants.toReversed()) {
        if (grant.state !== 'EXPIRING' || excess === 0n) continue;
        const credits = grant.remaining < excess ? grant.remaining : excess;
        this.expire(grant, credits);
        excess -= credits;
      }
    }
    const { available, owed } = this.#draft;
    const paid = available < owed ? available : owed;
    if (paid > 0n) this.post({ kind: 'REPAYMENT', amount: -paid, owed: -paid, draws: this.draw(paid) });
  }

  /** Freezes all overage that is in no report yet into a new one (rule 28). */
  report(report: Omit<MeterReport, 'billingEntityId' | 'credits' | 'createdAt'>): void {
    const { billingEntityId, overageTotal, overageReported } = this.#draft;
    const credits = overageTotal - overageReported;
    this.#reports.push({ ...report, billingEntityId, credits, createdAt: this.now });
    this.#draft.overageReported = overageTotal;
    // No balance changes, so readers need not notice it. But the account's time goes on.
    this.#draft.touchedAt = this.now;
  }

  /**
   * Settles up (see `settleUp`) and hands out the rows. There is no other way to get them, so nobody can forget what must
   * follow a change.
   */
  close(): Effects {
    this.settleUp();
    this.alerts.compare(this.#entries);
    return {
      kind: 'applied',
      accounts: [this.#draft],
      entries: this.#finished(),
      records: this.#records,
      grants: [...this.#grants.values()],
      reservations: [...this.#reservations.values()],
      refunds: this.#refunds,
      refundedUse: this.#refundedUse,
      counters: this.alerts.marks.length === 0 ? this.#counters : [...this.#counters, ...this.alerts.marks],
      reports: this.#reports,
      deliveries: [],
      alerts: this.alerts.raised,
      preferenceChanges: this.alerts.preferenceChanges,
    };
  }

  /** The entries. The first one, if it has a key, also tells the state after the whole command. */
  #finished(): Entry[] {
    const [first, ...others] = this.#entries;
    if (first === undefined || first.idempotency === null) return this.#entries;
    const { sequence, used, version } = this.#draft;
    return [{ ...first, afterCommand: { sequence, used, allowance: allowanceOf(this.#draft), version } }, ...others];
  }

  /** Credits of expiring grants beyond those that were held when the last of them expired and are held still. */
  #noLongerHeld(): bigint {
    const expiring = sumRemaining(this.#draft.grants, 'EXPIRING');
    const { held } = this.#draft.expiryHold;
    return expiring > held ? expiring - held : 0n;
  }
}
