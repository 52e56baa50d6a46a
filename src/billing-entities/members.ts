/** Who belongs to an organization, in which role and with what limit; and what each of them used. */
import { type EntityManager, type MikroORM } from '@mikro-orm/postgresql';
import type { Clock } from '../clock.ts';
import { checkReason } from '../credits/reason.ts';
import { Conditions } from '../db/conditions.ts';
import type { Database } from '../db/database.ts';
import { whileAway } from '../db/errors.ts';
import { checkPage, decodeCursor, type Page, type PageRequest, toPage } from '../pagination.ts';
import { Refusal } from '../refusal.ts';
import { isStorableText } from '../storable-text.ts';
import { actorOf } from './access.ts';
import { type AuditedState, record } from './audit-log.ts';
import { membershipBetween, type Operation, type Relation, relationOf, requireMay } from './authorization.ts';
import type { BillingEntities } from './billing-entities.ts';
import type { BillingEntity } from './billing-entity.entity.ts';
import {
  type MemberRole,
  type Membership,
  MembershipRow,
  type MembershipStatus,
  UserOrganizationRow,
} from './membership.entity.ts';
import { lockEntity, requireOrganization } from './organizations.ts';
import type { Principal } from './principal.ts';

export interface MemberChange {
  readonly billingEntityId: string;
  readonly userExternalId: string;
  readonly role: MemberRole;
  /** Absent: unchanged, none for a new member. null: no limit. */
  readonly creditLimit?: bigint | null;
  /** Absent: unchanged, ACTIVE for a new member. */
  readonly status?: MembershipStatus;
  readonly reason: string | null;
}

export interface MembershipKey {
  readonly organizationId: string;
  readonly userId: string;
}

/** Credits of a member's use in the current period. */
export interface MemberUse {
  /** Whoever paid. */
  readonly used: bigint;
  /** Of those, out of the pool. */
  readonly drawn: bigint;
}

interface Options {
  readonly orm: MikroORM;
  readonly database: Database;
  readonly clock: Clock;
  readonly entities: BillingEntities;
}

interface Row {
  billing_entity_id: string;
  user_id: string;
  role: MemberRole;
  status: MembershipStatus;
  credit_limit: bigint | null;
  joined_at: Date;
}

const COLUMNS = 'm.billing_entity_id, m.user_id, m.role, m.status, m.credit_limit, m.joined_at';
/** Members whose names are looked into at a time. */
const SEARCHED_AT_ONCE = 1_000;

export class Members {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Makes somebody a member, or changes on what terms they are. A person whom nobody named before is made on the spot:
   * with the trial when an operator names them, without when an administrator does (rule 4).
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND, FORBIDDEN, CONFLICT (the last active OWNER would be none)
   */
  async set(principal: Principal, change: MemberChange): Promise<Membership> {
    const { billingEntityId, userExternalId, creditLimit } = change;
    const reason = change.reason === null ? null : checkReason(change.reason);
    if (creditLimit != null && creditLimit < 0n) {
      throw new Refusal('BAD_USER_INPUT', 'creditLimit must not be negative');
    }
    await this.#checkBeforehand(principal, billingEntityId, 'members.set');
    const userId = await this.#options.entities.ensureUser({
      externalId: userExternalId,
      name: null,
      withTrial: principal.kind === 'OPERATOR',
    });
    return this.#underLock(principal, billingEntityId, async (em, relation) => {
      requireMay(relation, 'members.set');
      const before = await em.findOne(MembershipRow, { billingEntityId, userId });
      const after: Membership = {
        billingEntityId,
        userId,
        role: change.role,
        status: change.status ?? before?.status ?? 'ACTIVE',
        creditLimit: creditLimit === undefined ? (before?.creditLimit ?? null) : creditLimit,
        joinedAt: before?.joinedAt ?? this.#options.clock.now(),
      };
      if (before?.role === 'OWNER' || after.role === 'OWNER') requireMay(relation, 'members.setOwner');
      const beforeState = before && stateOf(before);
      if (beforeState !== null && JSON.stringify(beforeState) === JSON.stringify(stateOf(after))) return after;
      if (before !== null && isActiveOwner(before) && !isActiveOwner(after)) await requireAnotherOwner(em, before);

      await em.upsert(MembershipRow, after, {
        onConflictFields: ['billingEntityId', 'userId'],
        onConflictMergeFields: ['role', 'status', 'creditLimit'],
      });
      if (before === null) {
        await em.upsert(
          UserOrganizationRow,
          { billingEntityId: userId, organizationId: billingEntityId },
          { onConflictFields: ['billingEntityId', 'organizationId'], onConflictAction: 'ignore' },
        );
      }
      await record(em, {
        billingEntityId,
        actor: actorOf(principal),
        action: 'member.set',
        subject: `user:${userExternalId}`,
        before: beforeState,
        after: stateOf(after),
        reason,
        createdAt: this.#options.clock.now(),
      });
      return after;
    });
  }

  /**
   * Ends a membership; what was used stays in history and counters. Anybody may leave. False: there was none.
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND, FORBIDDEN, CONFLICT (the last active OWNER would be none)
   */
  async remove(
    principal: Principal,
    { billingEntityId, userExternalId }: { billingEntityId: string; userExternalId: string },
  ): Promise<boolean> {
    const isSelf = principal.kind === 'USER' && principal.subject === userExternalId;
    await this.#checkBeforehand(principal, billingEntityId, isSelf ? 'members.leave' : 'members.remove');
    const user = await this.#options.entities.byExternalId('USER', userExternalId);
    return this.#underLock(principal, billingEntityId, async (em, relation) => {
      requireMay(relation, isSelf ? 'members.leave' : 'members.remove');
      const userId = user?.billingEntityId;
      const before = userId === undefined ? null : await em.findOne(MembershipRow, { billingEntityId, userId });
      if (before === null) return false;
      if (before.role === 'OWNER' && !isSelf) requireMay(relation, 'members.setOwner');
      if (isActiveOwner(before)) await requireAnotherOwner(em, before);

      await em.nativeDelete(MembershipRow, { billingEntityId, userId: before.userId });
      await em.nativeDelete(UserOrganizationRow, { billingEntityId: before.userId, organizationId: billingEntityId });
      await record(em, {
        billingEntityId,
        actor: actorOf(principal),
        action: 'member.remove',
        subject: `user:${userExternalId}`,
        before: stateOf(before),
        after: null,
        reason: null,
        createdAt: this.#options.clock.now(),
      });
      return true;
    });
  }

  /**
   * Members, in the order in which they were first known. `search` is looked for in their names and external ids, whatever
   * its case. `onlyUserId`: at most this one.
   * @throws Refusal BAD_USER_INPUT
   */
  async list(
    organizationId: string,
    page: PageRequest,
    { search, onlyUserId }: { search: string | null; onlyUserId: string | null },
  ): Promise<Page<Membership>> {
    checkPage(page);
    if (search !== null && !isStorableText(search)) {
      throw new Refusal('BAD_USER_INPUT', 'search must be well-formed text');
    }
    const [after = null] = decodeCursor(page.after, ['uuid']) ?? [];
    const limit = page.first + 1;
    const found: Membership[] = [];
    for (let last = after; found.length < limit;) {
      const size = search === null ? limit : SEARCHED_AT_ONCE;
      const some = await this.#after(organizationId, { last, onlyUserId, size });
      const named = search === null ? null : await this.#named(some, search);
      found.push(...some.filter(({ userId }) => named === null || named.has(userId)));
      if (some.length < size) break;
      last = (some.at(-1) as Membership).userId;
    }
    return toPage(found.slice(0, limit), page, ({ userId }) => [userId]);
  }

  /** What the caller is to the entity, as it stands now. */
  async relation(principal: Principal, entity: BillingEntity): Promise<Relation> {
    const key = membershipBetween(principal, entity);
    const [membership = null] = key ? await this.byKeys([key]) : [];
    return relationOf(principal, entity, membership);
  }

  /** One membership for each key, in their order; null where there is none. */
  async byKeys(keys: readonly MembershipKey[]): Promise<(Membership | null)[]> {
    const { rows } = await this.#options.database.query<Row>({
      name: 'memberships-by-keys',
      text: `select ${COLUMNS} from membership m
        where m.billing_entity_id = any($1::uuid[]) and m.user_id = any($2::uuid[])`,
      values: [keys.map((key) => key.organizationId), keys.map((key) => key.userId)],
    });
    const found = new Map(rows.map((row) => [`${row.billing_entity_id} ${row.user_id}`, toMembership(row)]));
    return keys.map((key) => found.get(`${key.organizationId} ${key.userId}`) ?? null);
  }

  /** What this user belongs to. The directory of theirs says where to look; the organization's own row is what counts. */
  async ofUser(userId: string): Promise<Membership[]> {
    const { rows } = await this.#options.database.query<{ organization_id: string }>({
      name: 'organizations-of-user',
      text: `select o.organization_id from user_organization o where o.billing_entity_id = $1 order by 1`,
      values: [userId],
    });
    if (rows.length === 0) return [];
    const memberships = await this.byKeys(rows.map((row) => ({ organizationId: row.organization_id, userId })));
    return memberships.filter((each) => each !== null);
  }

  /** What each of these members used in the period that is now, in their order. */
  async usedThisPeriod(keys: readonly MembershipKey[]): Promise<MemberUse[]> {
    const organizations = keys.map((key) => key.organizationId);
    const users = keys.map((key) => key.userId);
    const [inPools, byThemselves] = await Promise.all([
      this.#counted('MEMBER', organizations, users),
      this.#counted('ORGANIZATION', users, organizations),
    ]);
    return keys.map(({ organizationId, userId }) => {
      const drawn = inPools.get(`${organizationId} ${userId}`) ?? 0n;
      return { drawn, used: drawn + (byThemselves.get(`${userId} ${organizationId}`) ?? 0n) };
    });
  }

  /** Counters of these accounts that are of their current period: a counter of an earlier one says nothing. */
  async #counted(
    scope: 'MEMBER' | 'ORGANIZATION',
    accountIds: readonly string[],
    subjectIds: readonly string[],
  ): Promise<Map<string, bigint>> {
    const { rows } = await this.#options.database.query<{
      billing_entity_id: string;
      subject_id: string;
      used: bigint;
    }>({
      name: 'use-counters',
      text: `select c.billing_entity_id, c.subject_id, c.used from use_counter c
        join credit_account a on a.billing_entity_id = c.billing_entity_id and a.period_start = c.period_start
        where c.billing_entity_id = any($1::uuid[]) and a.billing_entity_id = any($1::uuid[])
          and c.scope = $2 and c.subject_id = any($3::uuid[]) and a.period_end > $4`,
      values: [accountIds, scope, subjectIds, this.#options.clock.now()],
    });
    return new Map(rows.map((row) => [`${row.billing_entity_id} ${row.subject_id}`, row.used]));
  }

  async #after(
    organizationId: string,
    { last, onlyUserId, size }: { last: string | null; onlyUserId: string | null; size: number },
  ): Promise<Membership[]> {
    const where = new Conditions();
    where.and(`m.billing_entity_id = ${where.value(organizationId)}`);
    if (last !== null) where.and(`m.user_id > ${where.value(last)}`);
    if (onlyUserId !== null) where.and(`m.user_id = ${where.value(onlyUserId)}`);
    const { rows } = await this.#options.database.query<Row>(
      `select ${COLUMNS} from membership m ${where.clause} order by m.user_id limit ${where.value(size)}`,
      where.values,
    );
    return rows.map(toMembership);
  }

  /** Those of these members who are called so. Their names lie with them, on whatever shard: a statement of its own. */
  async #named(members: readonly Membership[], search: string): Promise<Set<string>> {
    const { rows } = await this.#options.database.query<{ billing_entity_id: string }>({
      name: 'members-named',
      text: `select b.billing_entity_id from billing_entity b
        where b.billing_entity_id = any($1::uuid[]) and (b.name ilike $2 or b.external_id ilike $2)`,
      values: [members.map(({ userId }) => userId), `%${search.replace(/[\\%_]/g, '\\$&')}%`],
    });
    return new Set(rows.map((row) => row.billing_entity_id));
  }

  /** Whether the caller may, before anybody is made or waited for; decided again under the lock. */
  async #checkBeforehand(principal: Principal, billingEntityId: string, operation: Operation): Promise<void> {
    const entity = (await this.#options.entities.byIds([billingEntityId])).get(billingEntityId);
    if (entity === undefined) throw new Refusal('NOT_FOUND', 'there is no such billing entity');
    requireMay(await this.relation(principal, entity), operation);
    requireOrganization(entity);
  }

  /** Changes members one after the other: the organization's row is their lock, so that two owners cannot demote each other. */
  #underLock<T>(
    principal: Principal,
    billingEntityId: string,
    work: (em: EntityManager, relation: Relation) => Promise<T>,
  ): Promise<T> {
    return whileAway(() =>
      this.#options.orm.em.fork().transactional(async (em) => {
        const organization: BillingEntity = await lockEntity(em, billingEntityId);
        const key = membershipBetween(principal, organization);
        const own = key && (await em.findOne(MembershipRow, { billingEntityId, userId: key.userId }));
        return work(em, relationOf(principal, organization, own));
      }),
    );
  }
}

function isActiveOwner({ role, status }: Membership): boolean {
  return role === 'OWNER' && status === 'ACTIVE';
}

/** @throws Refusal CONFLICT */
async function requireAnotherOwner(em: EntityManager, { billingEntityId, userId }: Membership): Promise<void> {
  const others = await em.count(MembershipRow, {
    billingEntityId,
    userId: { $ne: userId },
    role: 'OWNER',
    status: 'ACTIVE',
  });
  if (others === 0) throw new Refusal('CONFLICT', 'an organization keeps one active OWNER: make another one first');
}

function stateOf({ role, status, creditLimit }: Membership): AuditedState {
  return { role, status, creditLimit: creditLimit === null ? null : Number(creditLimit) };
}

function toMembership(row: Row): Membership {
  return {
    billingEntityId: row.billing_entity_id,
    userId: row.user_id,
    role: row.role,
    status: row.status,
    creditLimit: row.credit_limit,
    joinedAt: row.joined_at,
  };
}
