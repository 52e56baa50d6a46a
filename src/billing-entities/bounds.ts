/** Bounds of what users may bring about: organizations, members, people named. Services and operators have none. */
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Transaction } from '../db/rows.ts';
import { Refusal } from '../kernel/refusal.ts';
import { lockEntity } from './billing-entity.repository.ts';
import { countMembers, countOwned } from './membership.repository.ts';

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
 * Refuses one more organization for a user who owns as many as they may. Their own row is the lock until the transaction
 * ends: whoever also has an organization's takes that one first.
 * @throws Refusal CONFLICT: it is their state that forbids it, and waiting changes nothing
 */
export async function requireRoomForOwned(em: EntityManager, userId: string, { perOwner }: Bounds): Promise<void> {
  await lockEntity(em, userId);
  if ((await countOwned(em, userId)) >= perOwner) {
    throw new Refusal('CONFLICT', `one person owns at most ${perOwner} organizations`);
  }
}

/**
 * Refuses one more invitation to an organization that has as many as it may, or as many members. Its row is locked.
 * @throws Refusal CONFLICT
 */
export async function requireRoomForInvitation(
  em: EntityManager,
  organizationId: string,
  { membersEach, invitationsEach }: Bounds,
): Promise<void> {
  const { members, invited } = await countMembers(em, organizationId);
  if (members >= membersEach) {
    throw new Refusal('CONFLICT', `an organization has at most ${membersEach} members and invitations`);
  }
  if (invited >= invitationsEach) {
    throw new Refusal('CONFLICT', `an organization has at most ${invitationsEach} invitations that nobody answered`);
  }
}

/**
 * Counts a person whom this user invites. Known people count as unknown ones do: who is refused learns nothing of them.
 * @throws Refusal RATE_LIMITED, until the day is over
 */
export async function countPersonNamed(
  { client }: Transaction,
  { userId, now }: { readonly userId: string; readonly now: Date },
  { newPeopleADay }: Bounds,
): Promise<void> {
  const day = new Date(now.getTime() - (now.getTime() % DAY_MS));
  // A process whose clock is behind counts into the day that has begun elsewhere.
  const { rowCount } = await client.query(
    `insert into people_named as n (billing_entity_id, day, named) values ($1, $2, 1)
     on conflict (billing_entity_id) do update set
       named = case when n.day < excluded.day then 1 else n.named + 1 end,
       day = greatest(n.day, excluded.day)
     where n.day < excluded.day or n.named < $3`,
    [userId, day, newPeopleADay],
  );
  if (rowCount === 1) return;
  throw new Refusal('RATE_LIMITED', `one person invites at most ${newPeopleADay} people a day`, {
    retryAfterMs: day.getTime() + DAY_MS - now.getTime(),
  });
}
