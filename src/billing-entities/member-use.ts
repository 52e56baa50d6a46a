/** Use by members of an organization, as the counters of their current periods have it. */
import type { Database } from '../db/database.ts';

export interface MembershipKey {
  readonly organizationId: string;
  readonly userId: string;
}

/** A membership as its public id names it. */
export interface PublicMembershipKey {
  readonly organizationId: string;
  /** The user's id, or the made-up one that they were invited under. */
  readonly personId: string;
}

/** Credits of a member's use in the current period. */
export interface MemberUse {
  /** Credits, whoever paid. */
  readonly used: bigint;
  /** The part of them that the pool paid. */
  readonly drawn: bigint;
}

/** Use of each of these members in the current period, in their order. */
export async function useOfMembers(
  database: Database,
  keys: readonly MembershipKey[],
  now: Date,
): Promise<MemberUse[]> {
  const organizations = keys.map((key) => key.organizationId);
  const users = keys.map((key) => key.userId);
  const [inPools, byThemselves] = await Promise.all([
    counted(database, { scope: 'MEMBER', accountIds: organizations, subjectIds: users, now }),
    counted(database, { scope: 'ORGANIZATION', accountIds: users, subjectIds: organizations, now }),
  ]);
  return keys.map(({ organizationId, userId }) => {
    const drawn = inPools.get(`${organizationId} ${userId}`) ?? 0n;
    return { drawn, used: drawn + (byThemselves.get(`${userId} ${organizationId}`) ?? 0n) };
  });
}

interface Counted {
  readonly scope: 'MEMBER' | 'ORGANIZATION';
  readonly accountIds: readonly string[];
  readonly subjectIds: readonly string[];
  readonly now: Date;
}

/** Counters of these accounts that are of their current period: a counter of an earlier one says nothing. */
async function counted(
  database: Database,
  { scope, accountIds, subjectIds, now }: Counted,
): Promise<Map<string, bigint>> {
  const { rows } = await database.query<{
    billing_entity_id: string;
    subject_id: string;
    used: bigint;
  }>({
    name: 'use-counters',
    text: `select c.billing_entity_id, c.subject_id, c.used from use_counter c
      join credit_account a on a.billing_entity_id = c.billing_entity_id and a.period_start = c.period_start
      where c.billing_entity_id = any($1::uuid[]) and a.billing_entity_id = any($1::uuid[])
        and c.scope = $2 and c.subject_id = any($3::uuid[]) and a.period_end > $4`,
    values: [accountIds, scope, subjectIds, now],
  });
  return new Map(rows.map((row) => [`${row.billing_entity_id} ${row.subject_id}`, row.used]));
}
