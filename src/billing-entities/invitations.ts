/** The invited person's side: what they are asked to belong to, and what they answer. */
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import type { Clock } from '../kernel/clock.ts';
import type { Database } from '../db/database.ts';
import { whileAway } from '../db/errors.ts';
import { Refusal } from '../kernel/refusal.ts';
import { actorOf } from './access.ts';
import { record } from './audit-log.ts';
import { relationOf, requireMay } from './authorization.ts';
import type { BillingEntities } from './billing-entities.ts';
import type { BillingEntity } from './billing-entity.entity.ts';
import { type Bounds, requireRoomForOwned } from './bounds.ts';
import { inviteeIdOf } from './invitee.ts';
import { type MemberRole, type Membership, MembershipRow } from './membership.entity.ts';
import { deleteMembership, stateOf, writeMembership } from './membership-rows.ts';
import { lockEntity } from './organizations.ts';
import type { Principal, UserPrincipal } from './principal.ts';

export interface Invitation {
  readonly organizationId: string;
  /** The role that they would have there. */
  readonly role: MemberRole;
  readonly invitedAt: Date;
}

interface Options {
  readonly orm: MikroORM;
  readonly database: Database;
  readonly clock: Clock;
  readonly entities: BillingEntities;
  readonly bounds: Bounds;
}

/** Invitations that are shown at a time: whoever is invited by thousands answers some, and sees others. */
const SHOWN = 100;

export class Invitations {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Invitations of a person, at most a hundred; other callers have none. */
  async ofPrincipal(principal: Principal): Promise<Invitation[]> {
    if (principal.kind !== 'USER') return [];
    const { database } = this.#options;
    const { rows: places } = await database.query<{ organization_id: string }>({
      name: 'invitations-of-user',
      text: `select o.organization_id from user_organization o
        where o.billing_entity_id = $1 and o.invited order by 1 limit ${SHOWN}`,
      values: [principal.billingEntityId],
    });
    if (places.length === 0) return [];
    const organizationIds = places.map((place) => place.organization_id);
    const { rows } = await database.query<{ billing_entity_id: string; role: MemberRole; joined_at: Date }>({
      name: 'invitations-by-keys',
      text: `select m.billing_entity_id, m.role, m.joined_at from membership m
        where m.billing_entity_id = any($1::uuid[]) and m.user_id = any($2::uuid[]) and m.status = 'INVITED'
        order by m.billing_entity_id`,
      values: [organizationIds, organizationIds.map((id) => inviteeIdOf(id, principal.subject))],
    });
    return rows.map((row) => ({ organizationId: row.billing_entity_id, role: row.role, invitedAt: row.joined_at }));
  }

  /**
   * The person belongs to the organization from now on. Again: the same answer, as long as they do. A suspended organization is
   * joined as any other: its use is refused all the same.
   * @throws Refusal NOT_FOUND (there is no invitation), FORBIDDEN (nobody else may, who sees it), CONFLICT (they own too many)
   */
  async accept(principal: Principal, billingEntityId: string): Promise<Membership> {
    return this.#answer(principal, billingEntityId, async (em, { person, invitation, own }) => {
      if (invitation === null) return own as Membership;
      if (invitation.role === 'OWNER') await requireRoomForOwned(em, person.billingEntityId, this.#options.bounds);
      const after: Membership = {
        ...termsOf(invitation),
        userId: person.billingEntityId,
        status: 'ACTIVE',
        joinedAt: this.#options.clock.now(),
        externalId: null,
      };
      await writeMembership(em, { before: invitation, after, personId: person.billingEntityId });
      await this.#record(em, person, 'member.accept', invitation, after);
      return after;
    });
  }

  /**
   * The invitation is gone; whoever may invite may do so anew. False: there was none, to somebody who belongs there.
   * @throws Refusal NOT_FOUND (there is no invitation), FORBIDDEN (nobody else may, who sees it)
   */
  async decline(principal: Principal, billingEntityId: string): Promise<boolean> {
    return this.#answer(principal, billingEntityId, async (em, { person, invitation }) => {
      if (invitation === null) return false;
      await deleteMembership(em, invitation, person.billingEntityId);
      await this.#record(em, person, 'member.decline', invitation, null);
      return true;
    });
  }

  /** Looks beforehand, so that a stranger makes nobody wait, and decides under the organization's lock. */
  async #answer<T>(
    principal: Principal,
    billingEntityId: string,
    work: (em: EntityManager, asked: Asked) => Promise<T>,
  ): Promise<T> {
    const { orm, entities } = this.#options;
    const entity = (await entities.byIds([billingEntityId])).get(billingEntityId);
    if (entity === undefined) throw notInvited();
    const person = requirePerson(principal, entity);
    await whileAway(() => findAsked(orm.em.fork(), person, entity));
    return whileAway(() =>
      orm.em.fork().transactional(async (em) => {
        const organization = await lockEntity(em, billingEntityId);
        return work(em, await findAsked(em, person, organization));
      }),
    );
  }

  async #record(
    em: EntityManager,
    person: UserPrincipal,
    action: string,
    before: Membership,
    after: Membership | null,
  ): Promise<void> {
    await record(em, {
      billingEntityId: before.billingEntityId,
      actor: actorOf(person),
      action,
      subject: `user:${person.subject}`,
      before: stateOf(before),
      after: after && stateOf(after),
      reason: null,
      createdAt: this.#options.clock.now(),
    });
  }
}

/** The person who answers, with their invitation or the membership that they have already. */
interface Asked {
  readonly person: UserPrincipal;
  readonly invitation: Membership | null;
  readonly own: Membership | null;
}

/** @throws Refusal NOT_FOUND for who is neither invited nor a member */
async function findAsked(em: EntityManager, person: UserPrincipal, organization: BillingEntity): Promise<Asked> {
  const { billingEntityId } = organization;
  const rows = await em.find(MembershipRow, {
    billingEntityId,
    userId: { $in: [person.billingEntityId, inviteeIdOf(billingEntityId, person.subject)] },
  });
  const invitation = rows.find(({ status }) => status === 'INVITED') ?? null;
  const own = rows.find(({ status }) => status !== 'INVITED') ?? null;
  if (own === null) requireMay(relationOf(person, organization, invitation), 'invitation.answer');
  return { person, invitation, own };
}

/** The person who could be invited. @throws Refusal NOT_FOUND, FORBIDDEN for everybody else, by what they are to the entity */
function requirePerson(principal: Principal, entity: BillingEntity): UserPrincipal {
  if (principal.kind !== 'USER' || entity.type !== 'ORGANIZATION') {
    requireMay(relationOf(principal, entity, null), 'invitation.answer');
    throw new Error('only a person may answer an invitation');
  }
  return principal;
}

/** The terms of an invitation, copied: the ORM watches the row itself. */
function termsOf({ billingEntityId, role, creditLimit, inviteeId }: Membership) {
  return { billingEntityId, role, creditLimit, inviteeId };
}

function notInvited(): Refusal {
  return new Refusal('NOT_FOUND', 'there is no such billing entity');
}
