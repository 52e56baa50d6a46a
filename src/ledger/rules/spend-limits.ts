/** Counters of members and keys, and the limits that count against them (rule 17). */
import type { Period } from './periods.ts';
import type { UsedBy } from './attribution.ts';

/**
 * MEMBER counts one user's use of the pool. API_KEY counts use on one key. ORGANIZATION counts use in a public organization,
 * in the account of each user; no limit looks at it.
 */
export type CounterScope = 'MEMBER' | 'API_KEY' | 'ORGANIZATION';

/** Names a counter of an account. */
export interface CounterKey {
  readonly billingEntityId: string;
  readonly scope: CounterScope;
  readonly subjectId: string;
}

/** Credits charged in the period that began at `periodStart`, and credits held now. Overage and overage headroom are included. */
export interface UseCounter extends CounterKey {
  readonly periodStart: Date;
  readonly used: bigint;
  readonly held: bigint;
  /** MEMBER: marks of the levels whose MEMBER_LIMIT was raised in the period; 0: none (rule 29). */
  readonly alerted: number;
}

/** An addition to a counter. After the period has ended only its `held` still counts. */
export type CounterChange = UseCounter;

/** The counters of an account that count use by these. */
export function countersOf(billingEntityId: string, { userId, organizationId, apiKey }: UsedBy): CounterKey[] {
  const counters: CounterKey[] = [];
  if (organizationId === billingEntityId && userId !== null) {
    counters.push({ billingEntityId, scope: 'MEMBER', subjectId: userId });
  }
  if (organizationId !== null && organizationId !== billingEntityId) {
    counters.push({ billingEntityId, scope: 'ORGANIZATION', subjectId: organizationId });
  }
  // A key counts in the account of each payer: a user's key has its limit once per payer.
  if (apiKey !== null) counters.push({ billingEntityId, scope: 'API_KEY', subjectId: apiKey.id });
  return counters;
}

/** Tells counters apart. */
export function counterName({ billingEntityId, scope, subjectId }: CounterKey): string {
  return `${billingEntityId} ${scope} ${subjectId}`;
}

/** The counter after a change. `used` begins again with each period, `held` goes on (rule 13). */
export function countedUp(counter: UseCounter | undefined, change: CounterChange): UseCounter {
  if (counter === undefined) return change;
  const isNewPeriod = change.periodStart > counter.periodStart;
  return {
    ...change,
    used: (isNewPeriod ? 0n : counter.used) + change.used,
    held: counter.held + change.held,
    alerted: (isNewPeriod ? 0 : counter.alerted) | change.alerted,
  };
}

/** Adds each change to its counter. */
export function tally(counters: Map<string, UseCounter>, changes: readonly CounterChange[]): void {
  for (const change of changes) {
    const name = counterName(change);
    counters.set(name, countedUp(counters.get(name), change));
  }
}

/** Credits that the limit leaves in this period; 0 where it was lowered below what is used. */
export function headroom(limit: bigint, counter: UseCounter | undefined, { start }: Period): bigint {
  if (counter === undefined) return limit;
  const used = counter.periodStart.getTime() === start.getTime() ? counter.used : 0n;
  const left = limit - used - counter.held;
  return left > 0n ? left : 0n;
}
