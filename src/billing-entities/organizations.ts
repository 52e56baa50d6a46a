/** Organizations: made, renamed, changed in who pays inside them, and given other external ids. */
import type { EntityManager } from '@mikro-orm/postgresql';
import { v7 as uuidv7 } from 'uuid';
import type { Clock } from '../kernel/clock.ts';
import { checkReason } from './audit-reason.ts';
import type { Rows, Transaction } from '../db/rows.ts';
import { Refusal } from '../kernel/refusal.ts';
import { actorOf } from './access.ts';
import type { AuditedState } from './audit-log.ts';
import { writeAuditRow } from '../ledger/store/audit-rows.ts';
import { membershipBetween, type Operation, relationOf, requireMay, requireOrganization } from './authorization.ts';
import type { BillingEntities } from './billing-entities.ts';
import { type BillingEntity, BillingEntityRow, EntityKeyRow } from './billing-entity.entity.ts';
import { lockEntity, noEntity, updateEntity } from './billing-entity.repository.ts';
import { type Bounds, requireRoomForOwned } from './bounds.ts';
import { claimKey, findKey, releaseKey } from './directory.ts';
import { checkExternalId, checkName, checkNotOurs, ownExternalId } from './entity-input.ts';
import { inviteeIdOf } from './invitee.ts';
import type { Membership } from './membership.entity.ts';
import { findMembership, writeMembership } from './membership.repository.ts';
import type { Principal } from './principal.ts';
import { openAccount } from '../ledger/store/open-account.ts';
import { useLockOf } from '../ledger/store/organization-lock.ts';

export type Visibility = NonNullable<BillingEntity['visibility']>;

export interface NewOrganization {
  /** null: one of ours is made. */
  readonly externalId: string | null;
  readonly name: string;
  readonly visibility: Visibility;
  /** The owner; a user's own token implies them. null: nobody yet. */
  readonly ownerExternalId: string | null;
}

/** Changes; a member that is absent stays as it is. */
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
  readonly rows: Rows;
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
    const isOurs = await this.#options.rows.transaction(async (transaction) => {
      const { em, client } = transaction;
      const claimed = await claimKey(transaction, { namespace: 'ORGANIZATION', key: externalId, billingEntityId });
      // A transaction whose answer was lost, run again, finds its own.
      if (claimed !== 'now') return claimed === 'before';
      if (principal.kind === 'USER') await requireRoomForOwned(em, principal.billingEntityId, this.#options.bounds);
      await this.#make(transaction, { billingEntityId, externalId, name, visibility }, owner);
      await writeAuditRow(client, {
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
    await this.#checkBeforehand(principal, billingEntityId, 'organization.update');
    return this.#options.rows.transaction(async (transaction) => {
      const { em, client } = transaction;
      if (visibility !== undefined) await waitForUse(transaction, billingEntityId);
      const organization = await lockEntity(em, billingEntityId);
      await requireMayAdminister(em, principal, organization, 'organization.update');
      const terms = { name: name ?? organization.name, visibility: visibility ?? organization.visibility };
      const changed = { ...organization, ...terms };
      const [before, after] = [auditedTerms(organization), auditedTerms(changed)];
      if (JSON.stringify(before) === JSON.stringify(after)) return organization;
      await updateEntity(em, billingEntityId, terms);
      await writeAuditRow(client, {
        billingEntityId,
        actor: actorOf(principal),
        action: 'organization.update',
        subject: `organization:${organization.externalId}`,
        before,
        after,
        reason: null,
        createdAt: this.#options.clock.now(),
      });
      return changed;
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
    const seen = await this.#checkBeforehand(principal, billingEntityId, 'organization.setExternalId');
    const externalId =
      change.externalId === null ? ownExternalId(uuidv7()) : this.#checkNamed(principal, change.externalId);
    // A trial that is due is found by the external id that it was claimed with.
    await this.#giveDueTrial(seen.externalId);
    return this.#options.rows.transaction(async (transaction) => {
      const { em, client } = transaction;
      // Use that was begun under the old one is done first.
      await waitForUse(transaction, billingEntityId);
      const organization = await lockEntity(em, billingEntityId);
      const before = organization.externalId;
      if (before === externalId) return organization;
      if ((await claimKey(transaction, { namespace: 'ORGANIZATION', key: externalId, billingEntityId })) === 'taken') {
        throw new Refusal('CONFLICT', 'there is an organization with this external id');
      }
      await releaseKey(em, { namespace: 'ORGANIZATION', key: before, billingEntityId });
      await updateEntity(em, billingEntityId, { externalId });
      await writeAuditRow(client, {
        billingEntityId,
        actor: actorOf(principal),
        action: 'organization.setExternalId',
        subject: `organization:${externalId}`,
        before: { externalId: before },
        after: { externalId },
        reason,
        createdAt: this.#options.clock.now(),
      });
      return { ...organization, externalId };
    });
  }

  /** Gives trials that were claimed by processes that died before they gave them. Once at the start is enough. */
  async giveDueTrials(): Promise<void> {
    const due = await this.#options.rows.read((em) => em.find(EntityKeyRow, { namespace: TRIAL_DUE }));
    for (const { key } of due) await this.#giveDueTrial(key);
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

  /** The owner to be; made on the spot if nobody named them before. */
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
    transaction: Transaction,
    organization: Pick<BillingEntity, 'billingEntityId' | 'externalId' | 'name' | 'visibility'>,
    owner: { id: string; externalId: string } | null,
  ): Promise<void> {
    const { billingEntityId, externalId } = organization;
    const now = this.#options.clock.now();
    const { em, client } = transaction;
    await em.insert(BillingEntityRow, {
      ...organization,
      type: 'ORGANIZATION',
      createdAt: now,
      suspendedAt: null,
      suspensionReason: null,
    });
    await openAccount(client, { billingEntityId, now });
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
    if ((await claimKey(transaction, { namespace: TRIAL, key: owner.id, billingEntityId })) === 'now') {
      await claimKey(transaction, { namespace: TRIAL_DUE, key: externalId, billingEntityId });
    }
  }

  /** The claim is durable before the trial is given, and the mark that it is due falls after: given twice, it is one. */
  async #giveDueTrial(externalId: string): Promise<void> {
    const { rows, giveTrial } = this.#options;
    const entry = { namespace: TRIAL_DUE, key: externalId };
    const billingEntityId = await rows.read((em) => findKey(em, entry));
    if (billingEntityId === null) return;
    await giveTrial(billingEntityId);
    await rows.read((em) => releaseKey(em, { ...entry, billingEntityId }));
  }

  /**
   * Looks before anybody's use is made to wait; decided again under the lock.
   * @throws Refusal NOT_FOUND, FORBIDDEN, BAD_USER_INPUT for a user
   */
  async #checkBeforehand(principal: Principal, billingEntityId: string, operation: Operation): Promise<BillingEntity> {
    const { rows, entities } = this.#options;
    const seen = (await entities.byIds([billingEntityId])).get(billingEntityId);
    if (seen === undefined) throw noEntity();
    await rows.read((em) => requireMayAdminister(em, principal, seen, operation));
    return seen;
  }

  async #read(billingEntityId: string): Promise<BillingEntity> {
    const made = (await this.#options.entities.byIds([billingEntityId])).get(billingEntityId);
    if (made === undefined) throw new Error(`organization ${billingEntityId} is missing`);
    return made;
  }
}

/** Waits for the use of the organization that is under way, and makes use that comes wait for the transaction. */
async function waitForUse({ client }: Transaction, billingEntityId: string): Promise<void> {
  await client.query('select pg_advisory_xact_lock($1)', [useLockOf(billingEntityId)]);
}

/** @throws Refusal NOT_FOUND, FORBIDDEN, BAD_USER_INPUT for a user */
async function requireMayAdminister(
  em: EntityManager,
  principal: Principal,
  entity: BillingEntity,
  operation: Operation,
): Promise<void> {
  const key = membershipBetween(principal, entity);
  const membership = key && (await findMembership(em, key));
  requireMay(relationOf(principal, entity, membership), operation);
  requireOrganization(entity);
}

/** The terms of an organization in the words of the audit log. */
function auditedTerms({ name, visibility }: BillingEntity): AuditedState {
  return { name, visibility };
}
