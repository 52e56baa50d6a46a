/** Transfers between accounts, and clawbacks that follow transferred credits (rules 23 and 24). */
import { actorOf } from '../billing-entities/access.ts';
import { may, type Relation, senderOf } from '../billing-entities/authorization.ts';
import type { BillingEntities } from '../billing-entities/billing-entities.ts';
import type { BillingEntity } from '../billing-entities/billing-entity.entity.ts';
import type { Members } from '../billing-entities/members.ts';
import type { MembershipStatus } from '../billing-entities/membership.entity.ts';
import type { Principal } from '../billing-entities/principal.ts';
import type { Database } from '../db/database.ts';
import { Refusal } from '../kernel/refusal.ts';
import type { Balance } from '../ledger/rules/balance.ts';
import { type Rejected, toRejected } from '../ledger/rules/refusals.ts';
import { idempotency } from '../ledger/idempotency.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { checkReason } from '../billing-entities/audit-reason.ts';

export interface TransferInput {
  readonly idempotencyKey: string;
  readonly fromBillingEntityId: string;
  readonly toBillingEntityId: string;
  readonly amount: bigint;
  readonly reason: string | null;
}

export type TransferResult = TransferSuccess | InsufficientCredits;

export interface TransferSuccess {
  readonly kind: 'success';
  /** null, here and in `to`: the caller may not read that balance. */
  readonly from: Balance | null;
  readonly to: Balance | null;
  readonly replayed: boolean;
}

/** Fewer credits can be moved. `available` counts only credits that may leave the account. */
export interface InsufficientCredits {
  readonly kind: 'insufficient';
  readonly message: string;
  readonly required: bigint;
  readonly available: bigint;
}

export interface ClawbackInput {
  readonly billingEntityId: string;
  readonly grantId: string;
  /** Cumulative: the credits of the grant that are clawed back afterwards, earlier clawbacks included. */
  readonly target: bigint;
  readonly actor: string;
  readonly reason: string;
}

/** Most times that credits are followed, because they moved on meanwhile. */
const ATTEMPTS = 20;

interface Options {
  readonly ledger: Ledger;
  readonly database: Database;
  readonly entities: BillingEntities;
  readonly members: Members;
}

/** One side of a transfer, and the caller's relation to it. */
interface Side {
  readonly id: string;
  readonly entity: BillingEntity | null;
  readonly relation: Relation;
}

export class Transfers {
  readonly #ledger: Ledger;
  readonly #database: Database;
  readonly #entities: BillingEntities;
  readonly #members: Members;

  constructor({ ledger, database, entities, members }: Options) {
    this.#ledger = ledger;
    this.#database = database;
    this.#entities = entities;
    this.#members = members;
  }

  /**
   * Moves credits (rule 23): an OWNER or ADMIN from the pool to a member, and back what is left of what came from it, also from
   * somebody who has left; a person from their own account to an organization they belong to; an operator anywhere.
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND, FORBIDDEN, CONFLICT (to a suspended member), IDEMPOTENCY_KEY_REUSED, UNAVAILABLE
   */
  async transfer(principal: Principal, input: TransferInput): Promise<TransferResult> {
    const { fromBillingEntityId, toBillingEntityId, amount } = input;
    if (amount <= 0n) throw Refusal.ofField('amount', 'amount must be above 0');
    const reason = input.reason === null ? null : checkReason(input.reason);
    const [from, to] = await this.#sides(principal, [fromBillingEntityId, toBillingEntityId]);
    if (from.id === to.id) {
      throw sees(from) ? new Refusal('BAD_USER_INPUT', 'a transfer needs two different accounts') : missing();
    }
    const { isReturn, refusal } = await this.#allowance(from, to);
    const outcome = await this.#ledger.submit({
      kind: 'transfer',
      billingEntityId: fromBillingEntityId,
      toBillingEntityId,
      actor: actorOf(principal),
      sender: senderOf(principal),
      refusal,
      audited: true,
      idempotency: idempotency(input.idempotencyKey, 'transfer', [
        fromBillingEntityId,
        toBillingEntityId,
        amount,
        reason,
      ]),
      amount,
      isReturn,
      reason,
    });
    switch (outcome.kind) {
      case 'committed':
      case 'replayed': {
        const readable = ({ relation }: Side, balance: Balance): Balance | null =>
          may(relation, 'credits.read') ? balance : null;
        return {
          kind: 'success',
          from: readable(from, outcome.balance),
          to: readable(to, outcome.otherBalances[0] as Balance),
          replayed: outcome.kind === 'replayed',
        };
      }
      case 'refused': {
        const { required, available } = outcome;
        const message = 'There are not enough credits that may leave this account.';
        return { kind: 'insufficient', message, required, available };
      }
      case 'rejected':
        throw new Refusal(outcome.code, outcome.message);
    }
  }

  /**
   * Takes back credits that a refunded or disputed payment had bought, in whatever account they are by now. Credits that
   * are gone become owed. The target is cumulative, so the same one twice is one clawback.
   * @throws Refusal BAD_USER_INPUT (more than was granted), NOT_FOUND, UNAVAILABLE
   */
  async clawBack({ billingEntityId, grantId, target, actor, reason }: ClawbackInput): Promise<Balance> {
    for (let attempt = 1; ; attempt += 1) {
      const elsewhere = await this.#trail({ billingEntityId, grantId });
      const outcome = await this.#ledger.submit({
        kind: 'clawback',
        billingEntityId,
        actor,
        idempotency: null,
        grantId,
        target,
        elsewhere,
        reason: checkReason(reason),
      });
      if (outcome.kind === 'committed') return outcome.balance;
      if (outcome.code !== 'CONFLICT' || attempt === ATTEMPTS) throw new Refusal(outcome.code, outcome.message);
    }
  }

  async #sides(principal: Principal, ids: readonly [string, string]): Promise<readonly [Side, Side]> {
    // An operator is related to every account alike. The ledger itself rejects accounts that do not exist.
    if (principal.kind === 'OPERATOR') {
      return ids.map((id): Side => ({ id, entity: null, relation: 'OPERATOR' })) as [Side, Side];
    }
    const entities = await this.#entities.byIds(ids);
    const sides = ids.map(async (id): Promise<Side> => {
      const entity = entities.get(id) ?? null;
      if (entity === null) return { id, entity, relation: 'STRANGER' };
      return { id, entity, relation: await this.#members.relation(principal, entity) };
    });
    return (await Promise.all(sides)) as [Side, Side];
  }

  /** Tells which credits may be moved, or gives a rejection for the ledger to give after it has looked for the same key (rule 20). */
  async #allowance(from: Side, to: Side): Promise<{ readonly isReturn: boolean; readonly refusal: Rejected | null }> {
    try {
      return { isReturn: await this.#checkAllowed(from, to), refusal: null };
    } catch (error) {
      if (!(error instanceof Refusal) || error.retryable) throw error;
      return { isReturn: false, refusal: toRejected(error) };
    }
  }

  /**
   * Finds out which credits the caller may move. false: all that may leave the account. true: only those that it has from the
   * other one. An account that the caller does not see exists for them only where they may move credits of an organization,
   * and it is that of a member, or of somebody to whom the organization gave credits.
   * @throws Refusal NOT_FOUND, FORBIDDEN, CONFLICT
   */
  async #checkAllowed(from: Side, to: Side): Promise<boolean> {
    const [canFrom, canTo] = [from, to].map(({ relation }) => may(relation, 'credits.transfer')) as [boolean, boolean];
    const statusOf = async (user: Side, organization: Side): Promise<MembershipStatus | undefined> =>
      (await this.#members.byKeys([{ organizationId: organization.id, userId: user.id }]))[0]?.status;

    if (from.relation === 'OPERATOR') return false;
    const forbidden = new Refusal('FORBIDDEN', 'these credits are not yours to move there');
    if (!sees(from)) {
      const isManager = sees(to) && canTo && to.entity?.type === 'ORGANIZATION' && from.entity?.type === 'USER';
      const isKnown = isManager && ((await statusOf(from, to)) !== undefined || (await this.#hasGiven(to.id, from.id)));
      if (!isKnown) throw missing();
      return true;
    }
    if (from.entity?.type === 'ORGANIZATION') {
      const status = canFrom ? await statusOf(to, from) : undefined;
      if (status === 'ACTIVE') return false;
      // Credits of the pool may be taken back from a suspended member, but none may be given.
      if (status !== undefined) throw new Refusal('CONFLICT', 'the membership is suspended');
      throw sees(to) ? forbidden : missing();
    }
    if (!sees(to)) throw missing();
    // Somebody who may use an organization's credits may also give credits to it.
    if (from.relation === 'SELF' && may(to.relation, 'credits.consume')) return false;
    throw forbidden;
  }

  /**
   * Tells if a pool ever transferred credits to this person. People leave and what they were given stays with them, so their
   * membership does not tell. A person has few transfers and a pool has many, so the person's own ledger is asked.
   */
  async #hasGiven(poolId: string, userId: string): Promise<boolean> {
    const { rows } = await this.#database.query({
      name: 'given-by-pool',
      text: `select from ledger_entry e
        where e.billing_entity_id = $1 and e.kind = 'TRANSFER_IN' and e.counterparty_id = $2 limit 1`,
      values: [userId, poolId],
    });
    return rows.length > 0;
  }

  /** All other accounts that credits of this grant have reached. Each account is read by itself. */
  async #trail(root: { billingEntityId: string; grantId: string }): Promise<string[]> {
    const reached = [root.billingEntityId];
    for (const billingEntityId of reached) {
      const { rows } = await this.#database.query<{ recipient: string }>({
        name: 'recipients-of-root',
        text: `select distinct e.counterparty_id as recipient from ledger_entry e
          where e.billing_entity_id = $1 and e.kind = 'TRANSFER_OUT' and e.counterparty_id is not null
            and e.grant_id in (select g.id from credit_grant g where g.billing_entity_id = $1 and g.root_grant_id = $2)`,
        values: [billingEntityId, root.grantId],
      });
      for (const { recipient } of rows) if (!reached.includes(recipient)) reached.push(recipient);
    }
    return reached.slice(1);
  }
}

function sees({ relation }: Side): boolean {
  return may(relation, 'entity.read');
}

function missing(): Refusal {
  return new Refusal('NOT_FOUND', 'there is no such billing entity');
}
