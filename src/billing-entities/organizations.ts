/** Organizations: made, renamed, changed in who pays inside them, and given other external ids. */
import { type EntityManager, LockMode, type MikroORM } from '@mikro-orm/postgresql';
import { v7 as uuidv7 } from 'uuid';
import type { Clock } from '../kernel/clock.ts';
import { checkReason } from './audit-reason.ts';
import type { Database } from '../db/database.ts';
import { whileAway } from '../db/errors.ts';
import { clientOf } from '../db/sql-client.ts';
import { Refusal } from '../kernel/refusal.ts';
import { actorOf } from './access.ts';
import { type AuditedState, record } from './audit-log.ts';
import { membershipBetween, type Operation, relationOf, requireMay } from './authorization.ts';
import type { BillingEntities } from './billing-entities.ts';
import { type BillingEntity, BillingEntityRow } from './billing-entity.entity.ts';
import { type Bounds, requireRoomForOwned } from './bounds.ts';
import { claimKey, releaseKey } from './directory.ts';
import { checkExternalId, checkName, checkNotOurs, ownExternalId } from './entity-input.ts';
import { inviteeIdOf } from './invitee.ts';
import { type Membership, MembershipRow } from './membership.entity.ts';
import { writeMembership } from './membership-rows.ts';
import type { Principal } from './principal.ts';
import { openAccount } from '../ledger/store/open-account.ts';
import { useLockOf } from '../ledger/store/organization-lock.ts';

export type Visibility = NonNullable<BillingEntity['visibility']>;

export interface NewOrganization {
  /** null: one of ours is made. */
  readonly externalId: string | null;
  readonly name: string;
  readonly visibility: Visibility;
  /** Who owns it: a user's own token implies them. null: nobody yet. */
  readonly ownerExternalId: string | null;
}

/** What is absent stays as it is. */
export interface OrganizationChange {
  readonly billingEntityId: string;
  readonly name?: string;
  readonly visibility?: Visibility;
}

/** Another external id for an organization. */
export interface ExternalIdChange {
  readonly billingEntityId: string;
  /** null: one of ours is made. */
  readonly externalId: string | null;
  readonly reason: string;
}

interface Options {
  readonly orm: MikroORM;
  readonly database: Database;
  readonly clock: Clock;
  readonly entities: BillingEntities;
  /** Whose external ids are: `claimed`, a user's whose token names them; `open`, whose user names them first. */
  readonly ids: 'open' | 'claimed';
  readonly bounds: Bounds;
  /** Gives the account its trial, once in its life. */
  readonly giveTrial: (billingEntityId: string) => Promise<void>;
}

/** Directory entry of an owner whose trial for an organization is claimed, and by which (rule 4). */
const TRIAL = 'ORGANIZATION_TRIAL';
/** Directory entry of an organization whose trial is claimed and perhaps not given yet. */
const TRIAL_DUE = 'ORGANIZATION_TRIAL_DUE';

export class Organizations {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Makes an organization, with its account and its owner. Of all who race for an external id, one succeeds; without one,
   * each call makes another.
   * @throws Refusal BAD_USER_INPUT, FORBIDDEN (a user names another as its owner, or an external id that their token does
   * not), CONFLICT (the external id is taken; the user owns as many as they may)
   */
  async create(principal: Principal, input: NewOrganization): Promise<BillingEntity> {
    const { visibility } = input;
    if (principal.kind === 'API_KEY') {
      throw new Refusal('FORBIDDEN', 'organizations are created by people, services and operators');
    }
    const billingEntityId = uuidv7();
    const externalId =
      input.externalId === null ? ownExternalId(billingEntityId) : this.#checkNamed(principal, input.externalId);
    const name = checkName(input.name);
    const owner = await this.#ownerOf(principal, input.ownerExternalId);
    const isOurs = await this.#transact(async (em) => {
      const claimed = await claimKey(em, { namespace: 'ORGANIZATION', key: externalId, billingEntityId });
      // A transaction whose answer was lost, run again, finds its own.
      if (claimed !== 'now') return claimed === 'before';
      if (principal.kind === 'USER') await requireRoomForOwned(em, principal.billingEntityId, this.#options.bounds);
      await this.#make(em, { billingEntityId, externalId, name, visibility }, owner);
      await record(em, {
        billingEntityId,
        actor: actorOf(principal),
        action: 'organization.create',
        subject: `organization:${externalId}`,
        before: null,
        after: { name, visibility, owner: owner === null ? null : `user:${owner.externalId}` },
        reason: null,
        createdAt: this.#options.clock.now(),
      });
      return true;
    });
    // Also for who tries again because the process before died in between.
    await this.#giveDueTrial(externalId);
    if (!isOurs) throw new Refusal('CONFLICT', 'there is an organization with this external id');
    return this.#read(billingEntityId);
  }

  /**
   * Changes an organization. A change of its visibility waits for the use that is under way, and holds for all use after it.
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND, FORBIDDEN
   */
  async update(principal: Principal, change: OrganizationChange): Promise<BillingEntity> {
    const { billingEntityId, visibility } = change;
    const name = change.name === undefined ? undefined : checkName(change.name);
    // Beforehand, too: whoever may not change it shall not make its use wait for them.
    const fork = this.#options.orm.em.fork();
    const seen = await whileAway(() => fork.findOne(BillingEntityRow, { billingEntityId }));
    if (seen === null) throw new Refusal('NOT_FOUND', 'there is no such billing entity');
    await whileAway(() => requireMayAdminister(fork, principal, seen, 'organization.update'));
    return this.#transact(async (em) => {
      if (visibility !== undefined) {
        await em.execute('select pg_advisory_xact_lock(?::bigint)', [useLockOf(billingEntityId).toString()]);
      }
      const organization = await lockEntity(em, billingEntityId);
      await requireMayAdminister(em, principal, organization, 'organization.update');
      const before = stateOf(organization);
      if (name !== undefined) organization.name = name;
      if (visibility !== undefined) organization.visibility = visibility;
      const after = stateOf(organization);
      if (JSON.stringify(before) !== JSON.stringify(after)) {
        await record(em, {
          billingEntityId,
          actor: actorOf(principal),
          action: 'organization.update',
          subject: `organization:${organization.externalId}`,
          before,
          after,
          reason: null,
          createdAt: this.#options.clock.now(),
        });
      }
      return organization;
    });
  }

  /**
   * Gives an organization another external id, so that whose the old one is may have it. From the answer on it names nobody,
   * or whoever claims it next, on every process: the ledger holds what use calls its organization against the row.
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND, FORBIDDEN, CONFLICT (the external id is taken)
   */
  async setExternalId(principal: Principal, change: ExternalIdChange): Promise<BillingEntity> {
    const { billingEntityId } = change;
    const reason = checkReason(change.reason);
    const seen = (await this.#options.entities.byIds([billingEntityId])).get(billingEntityId);
    if (seen === undefined) throw new Refusal('NOT_FOUND', 'there is no such billing entity');
    const fork = this.#options.orm.em.fork();
    await whileAway(() => requireMayAdminister(fork, principal, seen, 'organization.setExternalId'));
    const externalId =
      change.externalId === null ? ownExternalId(uuidv7()) : this.#checkNamed(principal, change.externalId);
    // A trial that is due is found by the external id that it was claimed with.
    await this.#giveDueTrial(seen.externalId);
    return this.#transact(async (em) => {
      // Use that was begun under the old one is done first.
      await em.execute('select pg_advisory_xact_lock(?::bigint)', [useLockOf(billingEntityId).toString()]);
      const organization = await lockEntity(em, billingEntityId);
      const before = organization.externalId;
      if (before === externalId) return organization;
      if ((await claimKey(em, { namespace: 'ORGANIZATION', key: externalId, billingEntityId })) === 'taken') {
        throw new Refusal('CONFLICT', 'there is an organization with this external id');
      }
      await releaseKey(em, { namespace: 'ORGANIZATION', key: before, billingEntityId });
      organization.externalId = externalId;
      await record(em, {
        billingEntityId,
        actor: actorOf(principal),
        action: 'organization.setExternalId',
        subject: `organization:${externalId}`,
        before: { externalId: before },
        after: { externalId },
        reason,
        createdAt: this.#options.clock.now(),
      });
      return organization;
    });
  }

  /** Gives trials that were claimed by processes that died before they gave them. Once at the start is enough. */
  async giveDueTrials(): Promise<void> {
    const { rows } = await this.#options.database.query<{ key: string }>(
      `select key from entity_key where namespace = $1`,
      [TRIAL_DUE],
    );
    for (const { key } of rows) await this.#giveDueTrial(key);
  }

  /**
   * An external id that the caller names, decided by what they say and who they are alone: who may not name it learns nothing
   * of whether it is taken.
   * @throws Refusal BAD_USER_INPUT, FORBIDDEN
   */
  #checkNamed(principal: Principal, externalId: string): string {
    checkExternalId(externalId);
    const isVouchedFor =
      principal.kind !== 'USER' ||
      this.#options.ids === 'open' ||
      (principal.claimedOrganizations ?? []).includes(externalId);
    if (!isVouchedFor) {
      throw new Refusal('FORBIDDEN', 'your token does not name this organization as yours: leave externalId out');
    }
    checkNotOurs(externalId);
    return externalId;
  }

  /** Who shall own it; made on the spot if nobody named them before. */
  async #ownerOf(principal: Principal, named: string | null): Promise<{ id: string; externalId: string } | null> {
    if (principal.kind === 'USER') {
      if (named !== null && named !== principal.subject) {
        throw new Refusal('FORBIDDEN', 'an organization that you create is your own');
      }
      return { id: principal.billingEntityId, externalId: principal.subject };
    }
    if (named === null) return null;
    const id = await this.#options.entities.ensureUser({ externalId: named, name: null, withTrial: true });
    return { id, externalId: named };
  }

  async #make(
    em: EntityManager,
    organization: Pick<BillingEntity, 'billingEntityId' | 'externalId' | 'name' | 'visibility'>,
    owner: { id: string; externalId: string } | null,
  ): Promise<void> {
    const { billingEntityId, externalId } = organization;
    const now = this.#options.clock.now();
    await em.insert(BillingEntityRow, {
      ...organization,
      type: 'ORGANIZATION',
      createdAt: now,
      suspendedAt: null,
      suspensionReason: null,
    });
    await openAccount(clientOf(em), { billingEntityId, now });
    if (owner === null) return;
    const membership: Membership = {
      billingEntityId,
      userId: owner.id,
      role: 'OWNER',
      status: 'ACTIVE',
      creditLimit: null,
      joinedAt: now,
      inviteeId: inviteeIdOf(billingEntityId, owner.externalId),
      externalId: null,
    };
    await writeMembership(em, { before: null, after: membership, personId: owner.id });
    // Whoever races for the owner's one trial waits here, until the first has it or has failed.
    if ((await claimKey(em, { namespace: TRIAL, key: owner.id, billingEntityId })) === 'now') {
      await claimKey(em, { namespace: TRIAL_DUE, key: externalId, billingEntityId });
    }
  }

  /** The claim is durable before the trial is given, and the mark that it is due falls after: given twice, it is one. */
  async #giveDueTrial(externalId: string): Promise<void> {
    const { database, giveTrial } = this.#options;
    const { rows } = await database.query<{ billing_entity_id: string }>(
      `select billing_entity_id from entity_key where namespace = $1 and key = $2`,
      [TRIAL_DUE, externalId],
    );
    const [due] = rows;
    if (due === undefined) return;
    await giveTrial(due.billing_entity_id);
    await database.query(`delete from entity_key where namespace = $1 and key = $2`, [TRIAL_DUE, externalId]);
  }

  async #read(billingEntityId: string): Promise<BillingEntity> {
    const made = (await this.#options.entities.byIds([billingEntityId])).get(billingEntityId);
    if (made === undefined) throw new Error(`organization ${billingEntityId} is missing`);
    return made;
  }

  #transact<T>(work: (em: EntityManager) => Promise<T>): Promise<T> {
    return whileAway(() => this.#options.orm.em.fork().transactional((em) => work(em)));
  }
}

/**
 * The entity under its lock, which whatever concerns its members and terms takes first.
 * @throws Refusal NOT_FOUND
 */
export async function lockEntity(em: EntityManager, billingEntityId: string): Promise<BillingEntity> {
  const entity = await em.findOne(BillingEntityRow, { billingEntityId }, { lockMode: LockMode.PESSIMISTIC_WRITE });
  if (entity === null) throw new Refusal('NOT_FOUND', 'there is no such billing entity');
  return entity;
}

/** @throws Refusal BAD_USER_INPUT for a user */
export function requireOrganization({ type }: BillingEntity): void {
  if (type !== 'ORGANIZATION') throw new Refusal('BAD_USER_INPUT', 'that is a user, not an organization');
}

/** @throws Refusal NOT_FOUND, FORBIDDEN, BAD_USER_INPUT for a user */
async function requireMayAdminister(
  em: EntityManager,
  principal: Principal,
  entity: BillingEntity,
  operation: Operation,
): Promise<void> {
  const key = membershipBetween(principal, entity);
  const own = key && { billingEntityId: key.organizationId, userId: key.userId };
  const membership = own && (await em.findOne(MembershipRow, own));
  requireMay(relationOf(principal, entity, membership), operation);
  requireOrganization(entity);
}

function stateOf({ name, visibility }: BillingEntity): AuditedState {
  return { name, visibility };
}
