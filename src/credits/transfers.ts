/** Credits moved between accounts by hand, and taken back along the way that they went (rules 23 and 24). */
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
  /** null, as `to`: the caller may not read it. */
  readonly from: Balance | null;
  readonly to: Balance | null;
  readonly replayed: boolean;
}

/** Fewer credits can be moved: of what is available, what may leave the account. */
export interface InsufficientCredits {
  readonly kind: 'insufficient';
  readonly message: string;
  readonly required: bigint;
  readonly available: bigint;
}

export interface ClawbackInput {
  readonly billingEntityId: string;
  readonly grantId: string;
  /** Credits of the grant to have been taken back in all, those of earlier times included. */
  readonly target: bigint;
  readonly actor: string;
  readonly reason: string;
}

/** Times that a trail is followed anew because credits moved on meanwhile. */
const ATTEMPTS = 20;

interface Options {
  readonly ledger: Ledger;
  readonly database: Database;
  readonly entities: BillingEntities;
  readonly members: Members;
}

/** One side of a transfer, and what the caller is to it. */
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
   * Moves credits (rule 23): an OWNER or ADMIN from the pool to a member, and back what came from it; a person from their
   * own account to an organization they belong to; an operator anywhere.
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND, FORBIDDEN, CONFLICT (to a suspended member), IDEMPOTENCY_KEY_REUSED, UNAVAILABLE
   */
  async transfer(principal: Principal, input: TransferInput): Promise<TransferResult> {
    const { fromBillingEntityId, toBillingEntityId, amount } = input;
    if (amount <= 0n) throw new Refusal('BAD_USER_INPUT', 'amount must be above 0');
    const reason = input.reason === null ? null : checkReason(input.reason);
    const [from, to] = await this.#sides(principal, [fromBillingEntityId, toBillingEntityId]);
    if (from.id === to.id) {
      throw sees(from) ? new Refusal('BAD_USER_INPUT', 'credits move between two accounts') : missing();
    }
    const { onlyOfRootIn, refusal } = await this.#allowance(from, to);
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
      onlyOfRootIn,
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
   * Takes back what a refunded or disputed payment had bought, wherever it is by now; what is gone becomes owed. The
   * target is cumulative, so the same one twice is one clawback.
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
    // The ledger itself says whether they are there.
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

  /** What may be moved, or why nothing may: the ledger says so after it has looked for the same key (rule 20). */
  async #allowance(
    from: Side,
    to: Side,
  ): Promise<{ readonly onlyOfRootIn: string | null; readonly refusal: Rejected | null }> {
    try {
      return { onlyOfRootIn: await this.#checkAllowed(from, to), refusal: null };
    } catch (error) {
      if (!(error instanceof Refusal) || error.retryable) throw error;
      return { onlyOfRootIn: null, refusal: toRejected(error) };
    }
  }

  /**
   * What may be moved: null, whatever may leave; an account, only what came out of it. An account that the caller does
   * not see is there for them only as a member's of an organization whose credits they may move.
   * @throws Refusal NOT_FOUND, FORBIDDEN, CONFLICT
   */
  async #checkAllowed(from: Side, to: Side): Promise<string | null> {
    const [canFrom, canTo] = [from, to].map(({ relation }) => may(relation, 'credits.transfer')) as [boolean, boolean];
    const statusOf = async (user: Side, organization: Side): Promise<MembershipStatus | undefined> =>
      (await this.#members.byKeys([{ organizationId: organization.id, userId: user.id }]))[0]?.status;

    if (from.relation === 'OPERATOR') return null;
    const forbidden = new Refusal('FORBIDDEN', 'these credits are not yours to move there');
    if (!sees(from)) {
      const isBack =
        sees(to) && canTo && to.entity?.type === 'ORGANIZATION' && (await statusOf(from, to)) !== undefined;
      if (!isBack) throw missing();
      return to.id;
    }
    if (from.entity?.type === 'ORGANIZATION') {
      const status = canFrom ? await statusOf(to, from) : undefined;
      if (status === 'ACTIVE') return null;
      // The way back is open: what a suspended member has of the pool may be taken, and nothing more given.
      if (status !== undefined) throw new Refusal('CONFLICT', 'the membership is suspended');
      throw sees(to) ? forbidden : missing();
    }
    if (!sees(to)) throw missing();
    // Whoever belongs to an organization and may use it may give to it.
    if (from.relation === 'SELF' && may(to.relation, 'credits.consume')) return null;
    throw forbidden;
  }

  /** Every other account that credits of this grant have reached, account by account: each is read by itself. */
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
