/** Grants, and the order in which they are drawn (rule 5). */

export type GrantSource = 'TRIAL' | 'SUBSCRIPTION' | 'PURCHASE' | 'PROMOTION' | 'ADJUSTMENT' | 'TRANSFER';

/**
 * PENDING: takes effect later. ACTIVE: counts in what can be used. EXPIRING: its time is over, and what remains is what
 * holds still keep (rule 12). SPENT: nothing remains. EXPIRED: its time is over, what remained is gone. The first three
 * are open, that is, read again by the ledger.
 */
export type GrantState = 'PENDING' | 'ACTIVE' | 'EXPIRING' | 'SPENT' | 'EXPIRED';

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
  /** Where its credits came from first: itself, but for a TRANSFER and for what replaces a lapsed grant. */
  readonly root: GrantRoot;
  /** Credits of it that lapsed unused and were not clawed back since. */
  readonly expired: bigint;
  /** Credits of this root that were clawed back, in whatever account (rule 24); counted on the root alone. */
  readonly clawed: bigint;
  /** When all of it had been clawed back. */
  readonly voidedAt: Date | null;
}

export interface GrantRoot {
  readonly billingEntityId: string;
  readonly grantId: string;
  readonly source: GrantSource;
}

/** So many credits out of one grant (rule 6). */
export interface Draw {
  readonly grantId: string;
  readonly credits: bigint;
}

/** Priority where nobody names another (rule 5). */
export const DEFAULT_PRIORITY = 50;

/** TRIAL, PROMOTION and ADJUSTMENT are promotional and drawn before what was paid for; a TRANSFER as its origin (rule 5). */
export function isPromotional({ root: { source } }: Pick<Grant, 'root'>): boolean {
  return source === 'TRIAL' || source === 'PROMOTION' || source === 'ADJUSTMENT';
}

/** TRIAL and PROMOTION never leave their account (rule 23). */
export function mayLeave({ root: { source } }: Grant): boolean {
  return source !== 'TRIAL' && source !== 'PROMOTION';
}

/** Whether the ledger has to read it again. */
export function isOpen({ state }: Grant): boolean {
  return state === 'PENDING' || state === 'ACTIVE' || state === 'EXPIRING';
}

/** Whether its time is over. */
export function isPast({ expiresAt }: Grant, now: Date): boolean {
  return expiresAt !== null && expiresAt <= now;
}

/** Negative when `a` is drawn before `b`: priority, sooner expiry (never last), promotional before paid, older; the id decides ties. */
export function byDrawdownOrder(a: Grant, b: Grant): number {
  return (
    a.priority - b.priority ||
    expiryRank(a) - expiryRank(b) ||
    Number(isPromotional(b)) - Number(isPromotional(a)) ||
    a.createdAt.getTime() - b.createdAt.getTime() ||
    (a.id < b.id ? -1 : 1)
  );
}

/** What remains of the grants in this state. */
export function sumRemaining(grants: readonly Grant[], state: GrantState): bigint {
  let sum = 0n;
  for (const grant of grants) if (grant.state === state) sum += grant.remaining;
  return sum;
}

/**
 * How much of a grant the holds keep: they rest on what would be drawn first, lapsing grants before all others
 * (rule 12). `grants` in drawdown order.
 */
export function keptByHolds(grants: readonly Grant[], held: bigint, grant: Grant): bigint {
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
