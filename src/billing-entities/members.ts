/** Members of organizations: their roles, limits and use; and those who are invited. */
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Clock } from '../kernel/clock.ts';
import { checkReason } from './audit-reason.ts';
import { columnsOf } from '../db/columns.ts';
import type { Database } from '../db/database.ts';
import { FoldedReads } from '../db/folded-reads.ts';
import type { Rows, Transaction } from '../db/rows.ts';
import type { Page, PageRequest } from '../kernel/pagination.ts';
import { Refusal } from '../kernel/refusal.ts';
import { isStorableText } from '../kernel/text.ts';
import { actorOf } from './access.ts';
import { writeAuditRow } from '../ledger/store/audit-rows.ts';
import {
  membershipBetween,
  type Operation,
  type Relation,
  relationOf,
  requireMay,
  requireOrganization,
} from './authorization.ts';
import type { BillingEntities } from './billing-entities.ts';
import type { BillingEntity } from './billing-entity.entity.ts';
import { lockEntity, noEntity } from './billing-entity.repository.ts';
import { type Bounds, countPersonNamed, requireRoomForInvitation, requireRoomForOwned } from './bounds.ts';
import { findKey, reserveUserKey } from './directory.ts';
import { checkExternalId } from './entity-input.ts';
import { inviteeIdOf } from './invitee.ts';
import { type MemberFilter, pageOfMembers, pagesOfMembers } from './member-pages.ts';
import { type MembershipKey, type MemberUse, type PublicMembershipKey, useOfMembers } from './member-use.ts';
import {
  auditedMembership,
  type MemberRole,
  type Membership,
  MembershipRow,
  type MembershipStatus,
} from './membership.entity.ts';
import {
  countOtherOwners,
  deleteMembership,
  findMembership,
  findPerson,
  organizationsOf,
  writeMembership,
} from './membership.repository.ts';
import type { Principal } from './principal.ts';

export interface MemberChange {
  readonly billingEntityId: string;
  readonly userExternalId: string;
  readonly role: MemberRole;
  /** Absent: unchanged, none for a new member. null: no limit. */
  readonly creditLimit?: bigint | null;
  /** Absent: unchanged; a new member is INVITED, or ACTIVE where an operator sets them. */
  readonly status?: MembershipStatus;
  readonly reason: string | null;
}

interface Options {
  readonly rows: Rows;
  readonly database: Database;
  readonly clock: Clock;
  readonly entities: BillingEntities;
  readonly bounds: Bounds;
}

/** A membership's key as text. */
function nameOfKey({ organizationId, userId }: MembershipKey): string {
  return `${organizationId} ${userId}`;
}

const MEMBERSHIP_COLUMNS = columnsOf(MembershipRow, 'm');

export class Members {
  readonly #options: Options;
  readonly #read: FoldedReads<MembershipKey, Membership | null>;

  constructor(options: Options) {
    this.#options = options;
    this.#read = new FoldedReads({ read: (keys) => this.#readAll(keys), nameOf: nameOfKey });
  }

  /**
   * Asks somebody to be a member, or changes on what terms they are or are asked to be. Whom an operator sets is one at once,
   * and made on the spot, with the trial, if nobody named them before; whom an administrator names has to accept, and
   * whether they have been here before makes no difference (rule 4: nor is there a trial in it).
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND, FORBIDDEN, RATE_LIMITED (too many people invited today), CONFLICT (the last
   * active OWNER would be none; the status of who has not accepted; a bound of members, invitations or organizations owned)
   */
  async set(principal: Principal, change: MemberChange): Promise<Membership> {
    const { billingEntityId, userExternalId, creditLimit } = change;
    const reason = change.reason === null ? null : checkReason(change.reason);
    if (creditLimit != null && creditLimit < 0n) {
      throw Refusal.ofField('creditLimit', 'creditLimit must not be negative');
    }
    if (change.status === 'INVITED') {
      throw Refusal.ofField('status', 'status INVITED is what somebody new has: leave it out');
    }
    await this.#checkBeforehand(principal, billingEntityId, 'members.set');
    checkExternalId(userExternalId, 'userExternalId');
    if (principal.kind === 'OPERATOR') {
      await this.#options.entities.ensureUser({ externalId: userExternalId, name: null, withTrial: true });
    }
    return this.#underLock(principal, billingEntityId, async (transaction, relation) => {
      const { em, client } = transaction;
      requireMay(relation, 'members.set');
      const { before, knownId } = await findNamed(em, billingEntityId, userExternalId);
      if (before?.role === 'OWNER' || change.role === 'OWNER') requireMay(relation, 'members.setOwner');
      const status = statusAfter(before, change.status, principal);
      const isAsked = before === null && status === 'INVITED';
      const personId = isAsked ? await this.#ask(transaction, principal, change) : (knownId as string);
      const now = this.#options.clock.now();
      const madeUpId = inviteeIdOf(billingEntityId, userExternalId);
      const isInvited = status === 'INVITED';
      const after: Membership = {
        billingEntityId,
        userId: isInvited ? madeUpId : personId,
        role: change.role,
        status,
        creditLimit: creditLimit === undefined ? (before?.creditLimit ?? null) : creditLimit,
        joinedAt: before !== null && isInvited === (before.status === 'INVITED') ? before.joinedAt : now,
        inviteeId: before === null ? madeUpId : before.inviteeId,
        externalId: isInvited ? userExternalId : null,
      };
      const [auditedBefore, auditedAfter] = [before && auditedMembership(before), auditedMembership(after)];
      if (JSON.stringify(auditedBefore) === JSON.stringify(auditedAfter)) return after;
      if (before !== null && isActiveOwner(before) && !isActiveOwner(after)) await requireAnotherOwner(em, before);
      const isPromoted = before !== null && !isInvited && before.role !== 'OWNER' && after.role === 'OWNER';
      if (isPromoted && principal.kind === 'USER') await requireRoomForOwned(em, personId, this.#options.bounds);

      await writeMembership(em, { before, after, personId });
      await writeAuditRow(client, {
        billingEntityId,
        actor: actorOf(principal),
        action: isAsked ? 'member.invite' : 'member.set',
        subject: `user:${userExternalId}`,
        before: auditedBefore,
        after: auditedAfter,
        reason,
        createdAt: now,
      });
      return after;
    });
  }

  /**
   * Ends a membership, or withdraws an invitation; what was used stays in history and counters. Anybody may leave. False:
   * there was none.
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND, FORBIDDEN, CONFLICT (the last active OWNER would be none)
   */
  async remove(
    principal: Principal,
    { billingEntityId, userExternalId }: { billingEntityId: string; userExternalId: string },
  ): Promise<boolean> {
    const isSelf = principal.kind === 'USER' && principal.subject === userExternalId;
    const operation = isSelf ? 'members.leave' : 'members.remove';
    await this.#checkBeforehand(principal, billingEntityId, operation);
    // What cannot be stored names nobody.
    if (!isStorableText(userExternalId)) return false;
    return this.#underLock(principal, billingEntityId, async ({ em, client }, relation) => {
      requireMay(relation, operation);
      const { before, knownId } = await findNamed(em, billingEntityId, userExternalId);
      if (before === null || knownId === null) return false;
      if (before.role === 'OWNER' && !isSelf) requireMay(relation, 'members.setOwner');
      if (isActiveOwner(before)) await requireAnotherOwner(em, before);

      await deleteMembership(em, before, knownId);
      await writeAuditRow(client, {
        billingEntityId,
        actor: actorOf(principal),
        action: before.status === 'INVITED' ? 'member.withdraw' : 'member.remove',
        subject: `user:${userExternalId}`,
        before: auditedMembership(before),
        after: null,
        reason: null,
        createdAt: this.#options.clock.now(),
      });
      return true;
    });
  }

  /**
   * Members, in the order in which they were first known, and then who is invited.
   * @throws Refusal BAD_USER_INPUT
   */
  list(organizationId: string, page: PageRequest, filter: MemberFilter): Promise<Page<Membership>> {
    return pageOfMembers(this.#options.database, organizationId, page, filter);
  }

  /** The same without a search, of several organizations, in their order. @throws Refusal BAD_USER_INPUT */
  lists(
    organizationIds: readonly string[],
    page: PageRequest,
    filter: Pick<MemberFilter, 'onlyUserId'>,
  ): Promise<Page<Membership>[]> {
    return pagesOfMembers(this.#options.database, organizationIds, page, filter);
  }

  /** The caller's relation to the entity, as it stands now. A person who is invited is a stranger until they accept. */
  async relation(principal: Principal, entity: BillingEntity): Promise<Relation> {
    const key = membershipBetween(principal, entity);
    const [membership = null] = key ? await this.byKeys([key]) : [];
    return relationOf(principal, entity, membership);
  }

  /** One membership for each key, in their order; null where there is none, or it is no more than an invitation. */
  byKeys(keys: readonly MembershipKey[]): Promise<(Membership | null)[]> {
    return this.#read.askAll(keys);
  }

  async #readAll(keys: readonly MembershipKey[]): Promise<(Membership | null)[]> {
    // One probe of the primary key for each: organizations and users of other callers are asked for with them.
    const { rows } = await this.#options.database.query<Membership>({
      name: 'memberships-by-keys',
      text: `select m.* from unnest($1::uuid[], $2::uuid[]) as k(organization_id, user_id)
        cross join lateral (
          select ${MEMBERSHIP_COLUMNS} from membership m
          where m.billing_entity_id = k.organization_id and m.user_id = k.user_id and m.billing_entity_id = any($1)
            and m.status <> 'INVITED' limit 1
        ) m`,
      values: [keys.map((key) => key.organizationId), keys.map((key) => key.userId)],
    });
    const found = new Map(rows.map((row) => [nameOfKey({ ...row, organizationId: row.billingEntityId }), row]));
    return keys.map((key) => found.get(nameOfKey(key)) ?? null);
  }

  /**
   * One membership or invitation for each public id, in their order; null where there is none. The id is made of the user's,
   * or of the made-up one that they were invited under, which their row keeps.
   */
  async byPublicIds(keys: readonly PublicMembershipKey[]): Promise<(Membership | null)[]> {
    const { rows } = await this.#options.database.query<Membership>({
      name: 'memberships-by-public-ids',
      // A key could hold one organization's id beside the person of another: the rows are matched again below.
      text: `select ${MEMBERSHIP_COLUMNS} from membership m
        -- Those that are 'INVITED', too: lists have them.
        where m.billing_entity_id = any($1::uuid[]) and coalesce(m.invitee_id, m.user_id) = any($2::uuid[])`,
      values: [keys.map((key) => key.organizationId), keys.map((key) => key.personId)],
    });
    const found = new Map(rows.map((row) => [`${row.billingEntityId} ${row.inviteeId ?? row.userId}`, row]));
    return keys.map((key) => found.get(`${key.organizationId} ${key.personId}`) ?? null);
  }

  /** The user's memberships. The directory says where to look; the organization's own row counts. */
  async ofUser(userId: string): Promise<Membership[]> {
    const organizationIds = await this.#options.rows.read((em) => organizationsOf(em, userId, { invited: false }));
    if (organizationIds.length === 0) return [];
    const memberships = await this.byKeys(organizationIds.map((organizationId) => ({ organizationId, userId })));
    return memberships.filter((each) => each !== null);
  }

  /** Use of each of these members in the current period, in their order. */
  usedThisPeriod(keys: readonly MembershipKey[]): Promise<MemberUse[]> {
    const { database, clock } = this.#options;
    return useOfMembers(database, keys, clock.now());
  }

  /** Where whoever is invited will look for it, if one more may be. @throws Refusal CONFLICT, RATE_LIMITED */
  async #ask(transaction: Transaction, principal: Principal, change: MemberChange): Promise<string> {
    const { bounds, clock } = this.#options;
    if (principal.kind === 'USER') {
      await requireRoomForInvitation(transaction.em, change.billingEntityId, bounds);
      await countPersonNamed(transaction, { userId: principal.billingEntityId, now: clock.now() }, bounds);
    }
    return reserveUserKey(transaction, change.userExternalId);
  }

  /** Refuses a caller who may not, before anybody is made or waited for. It is decided again under the lock. */
  async #checkBeforehand(principal: Principal, billingEntityId: string, operation: Operation): Promise<void> {
    const entity = (await this.#options.entities.byIds([billingEntityId])).get(billingEntityId);
    if (entity === undefined) throw noEntity();
    requireMay(await this.relation(principal, entity), operation);
    requireOrganization(entity);
  }

  /** Changes members one after the other: the organization's row is their lock, so that two owners cannot demote each other. */
  #underLock<T>(
    principal: Principal,
    billingEntityId: string,
    work: (transaction: Transaction, relation: Relation) => Promise<T>,
  ): Promise<T> {
    return this.#options.rows.transaction(async (transaction) => {
      const organization = await lockEntity(transaction.em, billingEntityId);
      const key = membershipBetween(principal, organization);
      const own = key && (await findMembership(transaction.em, key));
      return work(transaction, relationOf(principal, organization, own));
    });
  }
}

/**
 * Who is called so: their membership or invitation here, and the id that the directory has of them. Whether it has one makes
 * no difference to what is asked, nor to how long that takes.
 */
async function findNamed(
  em: EntityManager,
  billingEntityId: string,
  externalId: string,
): Promise<{ before: Membership | null; knownId: string | null }> {
  const knownId = await findKey(em, { namespace: 'USER', key: externalId });
  const found = await findPerson(em, { organizationId: billingEntityId, userId: knownId, externalId });
  return { before: found.member ?? found.invitation, knownId };
}

/** @throws Refusal CONFLICT: whether they belong to it is for the person to say, or for an operator */
function statusAfter(
  before: Membership | null,
  wanted: MembershipStatus | undefined,
  { kind }: Principal,
): MembershipStatus {
  if (kind === 'OPERATOR') return wanted ?? before?.status ?? 'ACTIVE';
  if (before !== null && before.status !== 'INVITED') return wanted ?? before.status;
  if (wanted === undefined) return 'INVITED';
  throw new Refusal('CONFLICT', 'who is invited has no other status before they accept: leave it out');
}

function isActiveOwner({ role, status }: Membership): boolean {
  return role === 'OWNER' && status === 'ACTIVE';
}

/** @throws Refusal CONFLICT */
async function requireAnotherOwner(em: EntityManager, owner: Membership): Promise<void> {
  if ((await countOtherOwners(em, owner)) === 0) {
    throw new Refusal('CONFLICT', 'an organization keeps one active OWNER: make another one first');
  }
}
