/** Bounds of what users may bring about: organizations, members, people named. Services and operators have none. */
import { type EntityManager, LockMode } from '@mikro-orm/postgresql';
import { Refusal } from '../kernel/refusal.ts';
import { BillingEntityRow } from './billing-entity.entity.ts';

export interface Bounds {
  /** Organizations that one user may own. */
  readonly perOwner: number;
  /** Members and invitations of one organization. */
  readonly membersEach: number;
  /** Open invitations of one organization; they count as members, too. */
  readonly invitationsEach: number;
  /** Invitations that one user may send in a day. */
  readonly newPeopleADay: number;
}

const DAY_MS = 86_400_000;

/**
 * That this user may come to own one more organization. Their own row is the lock until the transaction ends: whoever
 * also has an organization's takes that one first.
 * @throws Refusal CONFLICT: it is their state that forbids it, and waiting changes nothing
 */
export async function requireRoomForOwned(em: EntityManager, userId: string, { perOwner }: Bounds): Promise<void> {
  await em.findOne(BillingEntityRow, { billingEntityId: userId }, { lockMode: LockMode.PESSIMISTIC_WRITE });
  const places = await em.execute<{ organization_id: string }[]>(
    `select o.organization_id from user_organization o where o.billing_entity_id = ? and not o.invited`,
    [userId],
  );
  const [row] = await em.execute<[{ owned: number }]>(
    `select count(*)::int as owned from membership m
     where m.billing_entity_id = any(?::uuid[]) and m.user_id = ? and m.role = 'OWNER' and m.status <> 'INVITED'`,
    [`{${places.map((place) => place.organization_id).join(',')}}`, userId],
  );
  if (row.owned >= perOwner) throw new Refusal('CONFLICT', `one person owns at most ${perOwner} organizations`);
}

/**
 * That one more person may be invited to this organization, whose row is locked.
 * @throws Refusal CONFLICT
 */
export async function requireRoomForInvitation(
  em: EntityManager,
  organizationId: string,
  { membersEach, invitationsEach }: Bounds,
): Promise<void> {
  const [row] = await em.execute<[{ members: number; invited: number }]>(
    `select count(*)::int as members, (count(*) filter (where m.status = 'INVITED'))::int as invited
     from membership m where m.billing_entity_id = ?`,
    [organizationId],
  );
  if (row.members >= membersEach) {
    throw new Refusal('CONFLICT', `an organization has at most ${membersEach} members and invitations`);
  }
  if (row.invited >= invitationsEach) {
    throw new Refusal('CONFLICT', `an organization has at most ${invitationsEach} invitations that nobody answered`);
  }
}

/**
 * Counts a person whom this user invites. Known people count as unknown ones do: who is refused learns nothing of them.
 * @throws Refusal RATE_LIMITED, until the day is over
 */
export async function countPersonNamed(
  em: EntityManager,
  { userId, now }: { readonly userId: string; readonly now: Date },
  { newPeopleADay }: Bounds,
): Promise<void> {
  const day = new Date(now.getTime() - (now.getTime() % DAY_MS));
  // A process whose clock is behind counts into the day that has begun elsewhere.
  const counted = await em.execute<unknown[]>(
    `insert into people_named as n (billing_entity_id, day, named) values (?, ?, 1)
     on conflict (billing_entity_id) do update set
       named = case when n.day < excluded.day then 1 else n.named + 1 end,
       day = greatest(n.day, excluded.day)
     where n.day < excluded.day or n.named < ?
     returning n.named`,
    [userId, day, newPeopleADay],
  );
  if (counted.length > 0) return;
  throw new Refusal('RATE_LIMITED', `one person invites at most ${newPeopleADay} people a day`, {
    retryAfterMs: day.getTime() + DAY_MS - now.getTime(),
  });
}
