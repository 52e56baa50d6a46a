/** Reservations: credits that are held for running work until it is settled, is released, or runs out of time (rule 15). */
import { v7 as uuidv7 } from 'uuid';
import { actorOf } from '../billing-entities/access.ts';
import { senderOf } from '../billing-entities/authorization.ts';
import type { Principal } from '../billing-entities/principal.ts';
import type { Attribution, Routing } from './payer-routing.ts';
import type { Clock } from '../kernel/clock.ts';
import { Conditions, ownersOf } from '../db/where.ts';
import type { Database } from '../db/database.ts';
import { parseReservationId } from '../kernel/public-ids.ts';
import { checkPage, decodeCursor, type Page, type PageRequest, toPages } from '../kernel/pagination.ts';
import { Refusal } from '../kernel/refusal.ts';
import type { Accounts } from '../ledger/accounts.ts';
import type { Balance } from '../ledger/rules/balance.ts';
import type { ExtendCommand, ReleaseCommand, ReserveCommand } from '../ledger/rules/commands.ts';
import { chargePayer, fingerprintOfRoute } from './charge-payer.ts';
import type { Statements } from '../ledger/statements.ts';
import { type Reservation, type ReservationStatus, isExpired } from '../ledger/rules/reservations.ts';
import { idempotency } from '../ledger/idempotency.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { unlessRejected } from '../ledger/outcome.ts';
import { RESERVATION_COLUMNS, type ReservationRow, toReservation } from '../ledger/store/tables.ts';
import {
  balanceShown,
  checkFeature,
  fingerprintOfLines,
  type LineInput,
  refusalShown,
  toLines,
  toUsageRefused,
  type UsageRefused,
} from './usage-input.ts';

export interface ReserveInput extends Attribution {
  readonly idempotencyKey: string;
  readonly lines: readonly LineInput[];
  readonly feature: string | null;
  readonly ttlSeconds: number;
}

export interface ReserveSuccess {
  readonly kind: 'success';
  readonly reservation: Reservation;
  readonly balance: Balance;
  readonly replayed: boolean;
}

interface Options {
  readonly routing: Routing;
  readonly ledger: Ledger;
  readonly accounts: Accounts;
  /** Tells if the caller may read the entity's reservations. If not, those of others do not exist for them. */
  readonly mayRead: (principal: Principal, billingEntityId: string) => Promise<boolean>;
  readonly history: Statements;
  readonly database: Database;
  readonly clock: Clock;
}

interface ReservationKey {
  readonly billingEntityId: string;
  readonly id: string;
}

const TTL_SECONDS = { min: 10, max: 86_400 };

export class Reservations {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Holds as many credits as this use may cost. It succeeds where consuming as much would.
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND, IDEMPOTENCY_KEY_REUSED, UNAVAILABLE
   */
  async reserve(principal: Principal, input: ReserveInput): Promise<ReserveSuccess | UsageRefused> {
    const { feature } = input;
    const lines = toLines(input.lines, { atLeast: 1 });
    checkFeature(feature);
    const ttlMs = toTtlMs(input.ttlSeconds);
    const { outcome, payerId } = await chargePayer(
      this.#options,
      { principal, attribution: input },
      (routed): ReserveCommand => ({
        kind: 'reserve',
        ...routed,
        actor: actorOf(principal),
        sender: senderOf(principal),
        idempotency: idempotency(input.idempotencyKey, 'reserve', [
          routed.userId,
          fingerprintOfLines(input.lines),
          feature,
          input.ttlSeconds,
          ...fingerprintOfRoute(routed),
        ]),
        reservationId: uuidv7(),
        lines,
        feature,
        ttlMs,
      }),
    );
    const paidBy = outcome.kind === 'replayedElsewhere' ? outcome.billingEntityId : payerId;
    const payer = await this.#options.routing.payerIs(principal, paidBy);
    switch (outcome.kind) {
      case 'committed':
        return {
          kind: 'success',
          reservation: outcome.reservations[0] as Reservation,
          balance: balanceShown(outcome.balance, payer),
          replayed: false,
        };
      case 'replayed': {
        const { seen, balance, sequence } = outcome;
        const reserved = await this.#reservedBy({ billingEntityId: payerId, sequence });
        const reservation = seen ? reserved : asMade(reserved, ttlMs);
        return { kind: 'success', reservation, balance: balanceShown(balance, payer), replayed: true };
      }
      case 'replayedElsewhere': {
        const { billingEntityId, balanceThen } = outcome;
        const balance = balanceThen ?? (await this.#options.accounts.balance(billingEntityId));
        if (balance === null) throw new Error(`billing entity ${billingEntityId} has no account`);
        const reserved = await this.#reservedBy(outcome);
        const reservation = balanceThen === null ? reserved : asMade(reserved, ttlMs);
        return { kind: 'success', reservation, balance: balanceShown(balance, payer), replayed: true };
      }
      case 'refused':
        return refusalShown(toUsageRefused(outcome), payer);
      case 'rejected':
        throw new Refusal(outcome.code, outcome.message);
    }
  }

  /**
   * Moves the end of a reservation, counted from now.
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND, FORBIDDEN (somebody else reserved it), CONFLICT (not HELD), UNAVAILABLE
   */
  async extend(principal: Principal, id: string, ttlSeconds: number): Promise<Reservation> {
    const ttlMs = toTtlMs(ttlSeconds);
    return this.#change({ ...(await this.#named(principal, id)), kind: 'extend', ttlMs });
  }

  /**
   * Releases a reservation. A second release has the same answer.
   * @throws Refusal NOT_FOUND, FORBIDDEN (somebody else reserved it), CONFLICT (settled), UNAVAILABLE
   */
  async release(principal: Principal, id: string): Promise<Reservation> {
    return this.#change({ ...(await this.#named(principal, id)), kind: 'release' });
  }

  /** A page of reservations, newest first. One whose time is over is EXPIRED, even if its row does not say so yet. */
  async list(
    billingEntityId: string,
    page: PageRequest,
    statuses: readonly ReservationStatus[],
  ): Promise<Page<Reservation>> {
    const [only] = await this.lists([billingEntityId], page, statuses);
    return only as Page<Reservation>;
  }

  /** The pages of several accounts, in their order. */
  async lists(
    ids: readonly string[],
    page: PageRequest,
    statuses: readonly ReservationStatus[],
  ): Promise<Page<Reservation>[]> {
    checkPage(page);
    const after = decodeCursor(page.after, ['uuid']);
    const now = this.#options.clock.now();
    const where = new Conditions();
    const owners = ownersOf(ids, where);
    where.and(owners.condition('h'));
    where.and(
      `(${[...new Set(statuses)].map((status) => isNow(status, () => where.value(now))).join(' or ') || 'false'})`,
    );
    if (after) where.and(`h.id < ${where.value(after[0])}`);
    const list = { columns: RESERVATION_COLUMNS, table: 'reservation', alias: 'h', order: 'h.id desc' };
    const { rows } = await this.#options.database.query<ReservationRow>(
      owners.list({ ...list, where, limit: page.first + 1 }),
      where.values,
    );
    const reservations = rows.map((row) => asOf(toReservation(row), now));
    return toPages(ids, reservations, { request: page, keyOf: ({ id }) => [id] });
  }

  /** One reservation for each key, in their order; null where there is none. */
  async byIds(keys: readonly ReservationKey[]): Promise<(Reservation | null)[]> {
    const { rows } = await this.#options.database.query<ReservationRow>({
      name: 'reservations-by-ids',
      text: `select ${RESERVATION_COLUMNS} from reservation h
        where h.billing_entity_id = any($1::uuid[]) and h.id = any($2::uuid[])`,
      values: [keys.map((key) => key.billingEntityId), keys.map((key) => key.id)],
    });
    const now = this.#options.clock.now();
    const found = new Map(rows.map((row) => [`${row.billing_entity_id} ${row.id}`, asOf(toReservation(row), now)]));
    return keys.map((key) => found.get(`${key.billingEntityId} ${key.id}`) ?? null);
  }

  /** The part of a command that names a reservation, and says if it exists for the caller. */
  async #named(principal: Principal, publicId: string): Promise<Omit<ReleaseCommand, 'kind'>> {
    const { billingEntityId, id } = parseReservationId(publicId);
    return {
      billingEntityId,
      reservationId: id,
      anyReservation: handlesAnyReservation(principal),
      seesAll: await this.#options.mayRead(principal, billingEntityId),
      actor: actorOf(principal),
      idempotency: null,
    };
  }

  async #change(command: ExtendCommand | ReleaseCommand): Promise<Reservation> {
    const [changed] = unlessRejected(await this.#options.ledger.submit(command)).reservations;
    return changed ?? this.#read({ billingEntityId: command.billingEntityId, id: command.reservationId });
  }

  async #reservedBy(key: { billingEntityId: string; sequence: bigint }): Promise<Reservation> {
    const [entry] = await this.#options.history.entriesBySequence([key]);
    return this.#read({ billingEntityId: key.billingEntityId, id: entry?.reservationId as string });
  }

  async #read(key: ReservationKey): Promise<Reservation> {
    const [reservation] = await this.byIds([key]);
    if (!reservation) throw new Error(`reservation ${key.id} of ${key.billingEntityId} is missing`);
    return reservation;
  }
}

/** SERVICE and OPERATOR settle, extend and release any reservation; all others what they reserved themselves (rule 16). */
export function handlesAnyReservation({ kind }: Principal): boolean {
  return kind === 'SERVICE' || kind === 'OPERATOR';
}

/** SQL for a reservation that has this status at `now`. Its row may not say yet that its time is over. */
function isNow(status: ReservationStatus, now: () => string): string {
  switch (status) {
    case 'HELD':
      return `(h.open and h.expires_at > ${now()})`;
    case 'EXPIRED':
      return `(h.expires_at <= ${now()} and (h.open or h.status = 'EXPIRED'))`;
    case 'SETTLED':
    case 'RELEASED':
      return `(not h.open and h.status = '${status}')`;
  }
}

/** The reservation as it was first answered, for a caller who is told nothing newer (rule 20). */
function asMade(reservation: Reservation, ttlMs: number): Reservation {
  const expiresAt = new Date(reservation.createdAt.getTime() + ttlMs);
  return { ...reservation, status: 'HELD', expiresAt, closedSequence: null };
}

function asOf(reservation: Reservation, now: Date): Reservation {
  return isExpired(reservation, now) ? { ...reservation, status: 'EXPIRED' } : reservation;
}

/** @throws Refusal BAD_USER_INPUT */
function toTtlMs(ttlSeconds: number): number {
  if (ttlSeconds < TTL_SECONDS.min || ttlSeconds > TTL_SECONDS.max) {
    throw new Refusal('BAD_USER_INPUT', `ttlSeconds must be ${TTL_SECONDS.min} to ${TTL_SECONDS.max}`);
  }
  return ttlSeconds * 1_000;
}
