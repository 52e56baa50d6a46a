/** Grants, and the order in which they are drawn (rule 5). */

export type GrantSource = 'TRIAL' | 'SUBSCRIPTION' | 'PURCHASE' | 'PROMOTION' | 'ADJUSTMENT' | 'TRANSFER';

/**
 * PENDING: takes effect later. ACTIVE: counts in the balance. EXPIRING: its time is over, and what remains is held by
 * reservations (rule 12). SPENT: nothing remains. EXPIRED: its time is over, and nothing remains. The first three are
 * open: the ledger reads them again.
 */
export type GrantState = 'PENDING' | 'ACTIVE' | 'EXPIRING' | 'SPENT' | 'EXPIRED';

/** Credits that came at once. All amounts are whole credits. */
export interface Grant {
  readonly billingEntityId: string;
  readonly id: string;
  readonly source: GrantSource;
  readonly amount: bigint;
  readonly remaining: bigint;
  readonly priority: number;
  readonly state: GrantState;
  readonly effectiveAt: Date;
  /** null: never. */
  readonly expiresAt: Date | null;
  readonly reason: string | null;
  readonly createdAt: Date;
  /** The grant that its credits came from first. It is its own root, unless it is a TRANSFER or replaces another grant. */
  readonly root: GrantRoot;
  /**
   * The account that transferred its credits here (rule 23). null for all but a TRANSFER, and for a TRANSFER in which credits of
   * several accounts may have joined, as they did until this was noted.
   */
  readonly transferredBy: string | null;
  /** Credits that expired unused and were not clawed back since. */
  readonly expired: bigint;
  /** Credits of this root that were clawed back, in whatever account (rule 24). Counted on the root alone. */
  readonly clawed: bigint;
  /** The instant at which all of it had been clawed back; null: it was not. */
  readonly voidedAt: Date | null;
}

export interface GrantRoot {
  readonly billingEntityId: string;
  readonly grantId: string;
  readonly source: GrantSource;
}

/** Credits taken out of one grant (rule 6). */
export interface Draw {
  readonly grantId: string;
  readonly credits: bigint;
}

/** The priority of a grant for which no other is named (rule 5). */
export const DEFAULT_PRIORITY = 50;

/** TRIAL, PROMOTION and ADJUSTMENT are promotional and are drawn before paid grants. A TRANSFER is what its root is (rule 5). */
export function isPromotional({ root: { source } }: Pick<Grant, 'root'>): boolean {
  return source === 'TRIAL' || source === 'PROMOTION' || source === 'ADJUSTMENT';
}

/** Credits of TRIAL and PROMOTION never leave their account (rule 23). */
export function mayLeave({ root: { source } }: Grant): boolean {
  return source !== 'TRIAL' && source !== 'PROMOTION';
}

/** A pool may take these credits back: it transferred them, or their root is in it (rule 23). */
export function comesFrom({ root, transferredBy }: Grant, billingEntityId: string): boolean {
  return transferredBy === billingEntityId || root.billingEntityId === billingEntityId;
}

/** Open grants are read again by the ledger. */
export function isOpen({ state }: Grant): boolean {
  return state === 'PENDING' || state === 'ACTIVE' || state === 'EXPIRING';
}

/** The grant's time is over at `now`. */
export function isPast({ expiresAt }: Grant, now: Date): boolean {
  return expiresAt !== null && expiresAt <= now;
}

/**
 * Compares by drawdown order (rule 5): priority, sooner expiry (never comes last), promotional before paid, older; the id
 * decides ties. Negative: `a` is drawn before `b`.
 */
export function byDrawdownOrder(a: Grant, b: Grant): number {
  return (
    a.priority - b.priority ||
    expiryRank(a) - expiryRank(b) ||
    Number(isPromotional(b)) - Number(isPromotional(a)) ||
    a.createdAt.getTime() - b.createdAt.getTime() ||
    (a.id < b.id ? -1 : 1)
  );
}

/** The remaining credits of all grants in this state. */
export function sumRemaining(grants: readonly Grant[], state: GrantState): bigint {
  let sum = 0n;
  for (const grant of grants) if (grant.state === state) sum += grant.remaining;
  return sum;
}

/**
 * The credits of a grant that reservations hold. They hold what would be drawn first, expiring grants before all others
 * (rule 12). `grants` stand in drawdown order.
 */
export function heldOf(grants: readonly Grant[], held: bigint, grant: Grant): bigint {
  if (held === 0n) return 0n;
  let before = 0n;
  for (const state of ['EXPIRING', 'ACTIVE'] as const) {
    for (const each of grants) {
      if (each.state !== state) continue;
      if (each.id === grant.id) {
        const rest = held > before ? held - before : 0n;
        return rest < grant.remaining ? rest : grant.remaining;
      }
      before += each.remaining;
    }
  }
  return 0n;
}

function expiryRank(grant: Grant): number {
  return grant.expiresAt === null ? Number.MAX_SAFE_INTEGER : grant.expiresAt.getTime();
}
