/** Grants, and the order in which they are drawn (rule 5). */

export type GrantSource = 'TRIAL' | 'SUBSCRIPTION' | 'PURCHASE' | 'PROMOTION' | 'ADJUSTMENT' | 'TRANSFER';

/**
 * PENDING: takes effect later. ACTIVE: counts in `available`. SPENT: nothing remains. LAPSED: its time is over, what
 * remained is gone. Only PENDING and ACTIVE grants are open, that is, read again by the ledger.
 */
export type GrantState = 'PENDING' | 'ACTIVE' | 'SPENT' | 'LAPSED';

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
}

/** So many credits out of one grant (rule 6). */
export interface Draw {
  readonly grantId: string;
  readonly credits: bigint;
}

/** Priority where nobody names another (rule 5). */
export const DEFAULT_PRIORITY = 50;

/** TRIAL, PROMOTION and ADJUSTMENT are promotional and drawn before what was paid for (rule 5). */
export function isPromotional(source: GrantSource): boolean {
  return source === 'TRIAL' || source === 'PROMOTION' || source === 'ADJUSTMENT';
}

/** Negative when `a` is drawn before `b`: priority, sooner expiry (never last), promotional before paid, older; the id decides ties. */
export function byDrawdownOrder(a: Grant, b: Grant): number {
  return (
    a.priority - b.priority ||
    expiryRank(a) - expiryRank(b) ||
    Number(isPromotional(b.source)) - Number(isPromotional(a.source)) ||
    a.createdAt.getTime() - b.createdAt.getTime() ||
    (a.id < b.id ? -1 : 1)
  );
}

/** What drawing left: the draws by grant, and the grants as they are now. */
export interface Drawn {
  readonly draws: readonly Draw[];
  readonly grants: readonly Grant[];
}

/**
 * Takes `credits` out of active grants in drawdown order. `grants` must be in that order and hold enough: the caller
 * has compared with `available`, so a shortfall is a bug and throws.
 */
export function draw(grants: readonly Grant[], credits: bigint): Drawn {
  let missing = credits;
  const draws: Draw[] = [];
  const left: Grant[] = [];
  for (const grant of grants) {
    const taken = grant.state !== 'ACTIVE' ? 0n : grant.remaining < missing ? grant.remaining : missing;
    if (taken === 0n) {
      left.push(grant);
      continue;
    }
    missing -= taken;
    draws.push({ grantId: grant.id, credits: taken });
    const remaining = grant.remaining - taken;
    left.push({ ...grant, remaining, state: remaining === 0n ? 'SPENT' : 'ACTIVE' });
  }
  if (missing !== 0n) throw new Error(`grants hold ${missing} credits less than the balance says`);
  return { draws, grants: left };
}

/** What is left of the grants in effect: `available`, when nothing is held (rule 7). */
export function sumRemaining(grants: readonly Grant[]): bigint {
  return grants.reduce((sum, grant) => (grant.state === 'ACTIVE' ? sum + grant.remaining : sum), 0n);
}

function expiryRank(grant: Grant): number {
  return grant.expiresAt === null ? Number.MAX_SAFE_INTEGER : grant.expiresAt.getTime();
}
