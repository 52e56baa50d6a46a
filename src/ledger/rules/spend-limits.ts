import type { Period } from './periods.ts';
import type { UsedBy } from './attribution.ts';

/**
 * MEMBER: one user's draws on the pool. API_KEY: use on one key. ORGANIZATION: use in a public organization, on its user's
 * own account; nothing is limited by it.
 */
export type CounterScope = 'MEMBER' | 'API_KEY' | 'ORGANIZATION';

/** Names a counter of an account. */
export interface CounterKey {
  readonly billingEntityId: string;
  readonly scope: CounterScope;
  readonly subjectId: string;
}

/** Credits charged in the period that began then, and credits held now: overage and overage headroom included. */
export interface UseCounter extends CounterKey {
  readonly periodStart: Date;
  readonly used: bigint;
  readonly held: bigint;
}

/** What is added to a counter; of an earlier period its `held` alone still counts. */
export type CounterChange = UseCounter;

/** The counters of an account that such use moves. */
export function countersOf(billingEntityId: string, { userId, organizationId, apiKey }: UsedBy): CounterKey[] {
  const counters: CounterKey[] = [];
  if (organizationId === billingEntityId && userId !== null) {
    counters.push({ billingEntityId, scope: 'MEMBER', subjectId: userId });
  }
  if (organizationId !== null && organizationId !== billingEntityId) {
    counters.push({ billingEntityId, scope: 'ORGANIZATION', subjectId: organizationId });
  }
  // In the account of whoever pays: a user's key has its limit once per payer.
  if (apiKey !== null) counters.push({ billingEntityId, scope: 'API_KEY', subjectId: apiKey.id });
  return counters;
}

/** Tells counters apart. */
export function counterName({ billingEntityId, scope, subjectId }: CounterKey): string {
  return `${billingEntityId} ${scope} ${subjectId}`;
}

/** The counter after a change: what was used begins again with the period, what is held goes on (rule 13). */
export function countedUp(counter: UseCounter | undefined, change: CounterChange): UseCounter {
  if (counter === undefined) return change;
  const isNewPeriod = change.periodStart > counter.periodStart;
  return {
    ...change,
    used: (isNewPeriod ? 0n : counter.used) + change.used,
    held: counter.held + change.held,
  };
}

/** Counts changes up, each in its counter. */
export function tally(counters: Map<string, UseCounter>, changes: readonly CounterChange[]): void {
  for (const change of changes) {
    const name = counterName(change);
    counters.set(name, countedUp(counters.get(name), change));
  }
}

/** How many more credits the limit leaves in this period; 0 where it was lowered below what is used. */
export function headroom(limit: bigint, counter: UseCounter | undefined, { start }: Period): bigint {
  if (counter === undefined) return limit;
  const used = counter.periodStart.getTime() === start.getTime() ? counter.used : 0n;
  const left = limit - used - counter.held;
  return left > 0n ? left : 0n;
}
