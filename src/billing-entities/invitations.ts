/** The invited person's side: what they are asked to belong to, and what they answer. */
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Clock } from '../kernel/clock.ts';
import type { Rows, Transaction } from '../db/rows.ts';
import type { SqlClient } from '../db/sql-client.ts';
import { actorOf } from './access.ts';
import { writeAuditRow } from '../ledger/store/audit-rows.ts';
import { relationOf, requireMay } from './authorization.ts';
import type { BillingEntities } from './billing-entities.ts';
import type { BillingEntity } from './billing-entity.entity.ts';
import { lockEntity, noEntity } from './billing-entity.repository.ts';
import { type Bounds, requireRoomForOwned } from './bounds.ts';
import { auditedMembership, type MemberRole, type Membership } from './membership.entity.ts';
import {
  deleteMembership,
  findInvitations,
  findPerson,
  organizationsOf,
  writeMembership,
} from './membership.repository.ts';
import type { Principal, UserPrincipal } from './principal.ts';

export interface Invitation {
  readonly organizationId: string;
  /** The role that they would have there. */
  readonly role: MemberRole;
  readonly invitedAt: Date;
}

interface Options {
  readonly rows: Rows;
  readonly clock: Clock;
  readonly entities: BillingEntities;
  readonly bounds: Bounds;
}

export class Invitations {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Invitations of a person, at most a hundred; other callers have none. */
  async ofPrincipal(principal: Principal): Promise<Invitation[]> {
    if (principal.kind !== 'USER') return [];
    const found = await this.#options.rows.read(async (em) => {
      const organizationIds = await organizationsOf(em, principal.billingEntityId, { invited: true });
      return findInvitations(em, organizationIds, principal.subject);
    });
    return found.map(({ billingEntityId, role, joinedAt }) => ({
      organizationId: billingEntityId,
      role,
      invitedAt: joinedAt,
    }));
  }

  /**
   * The person belongs to the organization from now on. Again: the same answer, as long as they do. A suspended organization is
   * joined as any other: its use is refused all the same.
   * @throws Refusal NOT_FOUND (there is no invitation), FORBIDDEN (nobody else may, who sees it), CONFLICT (they own too many)
   */
  async accept(principal: Principal, billingEntityId: string): Promise<Membership> {
    return this.#answer(principal, billingEntityId, async ({ em, client }, { person, invitation, own }) => {
      if (invitation === null) return own as Membership;
      if (invitation.role === 'OWNER') await requireRoomForOwned(em, person.billingEntityId, this.#options.bounds);
      const after: Membership = {
        ...invitation,
        userId: person.billingEntityId,
        status: 'ACTIVE',
        joinedAt: this.#options.clock.now(),
        externalId: null,
      };
      await writeMembership(em, { before: invitation, after, personId: person.billingEntityId });
      await this.#audit(client, person, 'member.accept', invitation, after);
      return after;
    });
  }

  /**
   * The invitation is gone; whoever may invite may do so anew. False: there was none, to somebody who belongs there.
   * @throws Refusal NOT_FOUND (there is no invitation), FORBIDDEN (nobody else may, who sees it)
   */
  async decline(principal: Principal, billingEntityId: string): Promise<boolean> {
    return this.#answer(principal, billingEntityId, async ({ em, client }, { person, invitation }) => {
      if (invitation === null) return false;
      await deleteMembership(em, invitation, person.billingEntityId);
      await this.#audit(client, person, 'member.decline', invitation, null);
      return true;
    });
  }

  /** Looks beforehand, so that a stranger makes nobody wait, and decides under the organization's lock. */
  async #answer<T>(
    principal: Principal,
    billingEntityId: string,
    work: (transaction: Transaction, asked: Asked) => Promise<T>,
  ): Promise<T> {
    const { rows, entities } = this.#options;
    const entity = (await entities.byIds([billingEntityId])).get(billingEntityId);
    if (entity === undefined) throw noEntity();
    const person = requirePerson(principal, entity);
    await rows.read((em) => findAsked(em, person, entity));
    return rows.transaction(async (transaction) => {
      const organization = await lockEntity(transaction.em, billingEntityId);
      return work(transaction, await findAsked(transaction.em, person, organization));
    });
  }

  #audit(
    client: SqlClient,
    person: UserPrincipal,
    action: string,
    before: Membership,
    after: Membership | null,
  ): Promise<void> {
    return writeAuditRow(client, {
      billingEntityId: before.billingEntityId,
      actor: actorOf(person),
      action,
      subject: `user:${person.subject}`,
      before: auditedMembership(before),
      after: after && auditedMembership(after),
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
  const { member: own, invitation } = await findPerson(em, {
    organizationId: organization.billingEntityId,
    userId: person.billingEntityId,
    externalId: person.subject,
  });
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
