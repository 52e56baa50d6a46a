/** Credits moved between accounts by hand, and taken back along the way that they went (rules 23 and 24). */
import { actorOf } from '../billing-entities/access.ts';
import type { OperatorPrincipal } from '../billing-entities/principal.ts';
import type { Database } from '../db/database.ts';
import { Refusal } from '../refusal.ts';
import type { Balance } from './balance.ts';
import { idempotency } from './idempotency.ts';
import type { Ledger } from './ledger.ts';
import { checkReason } from './reason.ts';

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
  readonly from: Balance;
  readonly to: Balance;
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

export class Transfers {
  readonly #ledger: Ledger;
  readonly #database: Database;

  constructor({ ledger, database }: { ledger: Ledger; database: Database }) {
    this.#ledger = ledger;
    this.#database = database;
  }

  /** @throws Refusal BAD_USER_INPUT, NOT_FOUND, IDEMPOTENCY_KEY_REUSED, UNAVAILABLE */
  async transfer(principal: OperatorPrincipal, input: TransferInput): Promise<TransferResult> {
    const { fromBillingEntityId, toBillingEntityId, amount } = input;
    if (amount <= 0n) throw new Refusal('BAD_USER_INPUT', 'amount must be above 0');
    if (fromBillingEntityId === toBillingEntityId) {
      throw new Refusal('BAD_USER_INPUT', 'credits move between two accounts');
    }
    const reason = input.reason === null ? null : checkReason(input.reason);
    const outcome = await this.#ledger.execute({
      kind: 'transfer',
      billingEntityId: fromBillingEntityId,
      toBillingEntityId,
      actor: actorOf(principal),
      idempotency: idempotency(input.idempotencyKey, 'transfer', [
        fromBillingEntityId,
        toBillingEntityId,
        amount,
        reason,
      ]),
      amount,
      reason,
    });
    switch (outcome.kind) {
      case 'committed':
      case 'replayed': {
        const to = outcome.otherBalances[0] as Balance;
        return { kind: 'success', from: outcome.balance, to, replayed: outcome.kind === 'replayed' };
      }
      case 'refused': {
        const { required, available } = outcome;
        const message = 'There are not enough credits that may leave this account.';
        return { kind: 'insufficient', message, required, available };
      }
      case 'rejected':
        throw new Refusal(outcome.code, outcome.message);
      case 'replayedElsewhere':
      case 'misrouted':
        throw new Error(`a transfer cannot be ${outcome.kind}`);
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
      const outcome = await this.#ledger.execute({
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
      if (outcome.kind !== 'rejected') throw new Error(`a clawback was ${outcome.kind}`);
      if (outcome.code !== 'CONFLICT' || attempt === ATTEMPTS) throw new Refusal(outcome.code, outcome.message);
    }
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
