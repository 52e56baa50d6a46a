/** Reservations, which hold credits for running work (rule 15). `reservation.ts` decides on them. */
import type { BillingMode, UsedBy } from './attribution.ts';

/** A reservation is HELD until use settles it, somebody releases it, or its time runs out. */
export type ReservationStatus = 'HELD' | 'SETTLED' | 'RELEASED' | 'EXPIRED';

export interface Reservation extends UsedBy {
  readonly billingEntityId: string;
  readonly id: string;
  readonly status: ReservationStatus;
  /** Credits that are taken from available while it is HELD. */
  readonly covered: bigint;
  /** Overage headroom that it holds besides, in credits (rule 14). */
  readonly overage: bigint;
  readonly billingMode: BillingMode;
  readonly feature: string | null;
  /** The one who reserved, as the ledger names them. They may settle and release even after losing other rights (rule 16). */
  readonly actor: string;
  readonly expiresAt: Date;
  readonly createdAt: Date;
  /** Sequence of its HOLD entry. */
  readonly openedSequence: bigint;
  /** Sequence of the RELEASE entry that ended it; null: it is HELD. */
  readonly closedSequence: bigint | null;
}

/** Credits and overage headroom that were reserved, together. */
export function reservedBy(reservation: Pick<Reservation, 'covered' | 'overage'>): bigint {
  return reservation.covered + reservation.overage;
}

/**
 * What of a reservation nobody used: all of it where it was released or expired, and after a settlement what its charge left.
 * A settlement may charge more than was held, which leaves nothing. null: it is HELD.
 * @param charged what its settlement charged, before any refund; 0 where it has none
 */
export function releasedOf(
  reservation: Pick<Reservation, 'status' | 'covered' | 'overage'>,
  charged: bigint,
): bigint | null {
  if (reservation.status === 'HELD') return null;
  const left = reservedBy(reservation) - charged;
  return left > 0n ? left : 0n;
}

/** Sequence of the entry that charged what a settled reservation was for: it stands right behind its RELEASE (rule 10). null: there is none. */
export function settlementOf({
  status,
  closedSequence,
}: Pick<Reservation, 'status' | 'closedSequence'>): bigint | null {
  return status === 'SETTLED' && closedSequence !== null ? closedSequence + 1n : null;
}

/** A reservation has expired when its time has run out, even if its row does not say so yet. */
export function isExpired(reservation: Reservation, now: Date): boolean {
  return reservation.status === 'HELD' && reservation.expiresAt <= now;
}
