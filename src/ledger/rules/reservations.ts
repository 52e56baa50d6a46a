import type { BillingMode, UsedBy } from './attribution.ts';

/** HELD until one thing ends it: use settles it, somebody releases it, or its time runs out. */
export type ReservationStatus = 'HELD' | 'SETTLED' | 'RELEASED' | 'EXPIRED';

export interface Reservation extends UsedBy {
  readonly billingEntityId: string;
  readonly id: string;
  readonly status: ReservationStatus;
  /** Taken from available while it is HELD. */
  readonly covered: bigint;
  /** Overage headroom that it keeps while it is HELD (rule 14). */
  readonly overage: bigint;
  readonly billingMode: BillingMode;
  readonly feature: string | null;
  /** Who reserved, as the ledger names them: they may settle and release whatever rights they lose (rule 16). */
  readonly actor: string;
  readonly expiresAt: Date;
  readonly createdAt: Date;
  /** Of its HOLD entry. */
  readonly openedSequence: bigint;
  /** Of the RELEASE entry that ended it. */
  readonly closedSequence: bigint | null;
}

/** What was reserved: credits and overage headroom together. */
export function reservedBy(reservation: Pick<Reservation, 'covered' | 'overage'>): bigint {
  return reservation.covered + reservation.overage;
}

/** When its time has run out, a hold has lapsed, whether anybody has tidied it or not. */
export function isExpired(reservation: Reservation, now: Date): boolean {
  return reservation.status === 'HELD' && reservation.expiresAt <= now;
}
