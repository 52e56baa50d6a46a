/** Changes of balances that operators make by hand. */
import { v7 as uuidv7 } from 'uuid';
import { actorOf } from '../billing-entities/access.ts';
import { senderOf } from '../billing-entities/authorization.ts';
import type { Principal } from '../billing-entities/principal.ts';
import { parseRecordId } from '../kernel/public-ids.ts';
import { Refusal } from '../kernel/refusal.ts';
import type { Balance } from '../ledger/rules/balance.ts';
import type { AdjustCommand, GrantCommand, RefundCommand } from '../ledger/rules/commands.ts';
import type { Grant, GrantSource } from '../ledger/rules/grants.ts';
import type { Statements } from '../ledger/statements.ts';
import { idempotency } from '../ledger/idempotency.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { unlessRejected } from '../ledger/outcome.ts';
import { checkReason } from '../billing-entities/audit-reason.ts';
import type { Entry } from '../ledger/rules/entries.ts';

export interface GrantInput {
  readonly idempotencyKey: string;
  readonly billingEntityId: string;
  readonly amount: bigint;
  readonly source: GrantSource;
  readonly priority: number;
  readonly effectiveAt: Date | null;
  readonly expiresAt: Date | null;
  readonly reason: string;
}

export interface AdjustInput {
  readonly idempotencyKey: string;
  readonly billingEntityId: string;
  /** Whole credits, not 0. A negative amount is taken away. */
  readonly amount: bigint;
  readonly reason: string;
}

export interface RefundInput {
  readonly idempotencyKey: string;
  /** Public id of the usage record. */
  readonly recordId: string;
  readonly reason: string;
  /** Whole credits, above 0. Absent or null: all that is left of the record's charge. */
  readonly credits?: bigint | null;
}

/** The effect of a change by hand, made now or when its key was first sent. */
export interface CreditsChange {
  readonly grant: Grant | null;
  readonly entry: Entry;
  readonly balance: Balance;
  readonly replayed: boolean;
}

/** Sources that an operator may give by hand. The others come from a plan or from another account. */
const BY_HAND: readonly GrantSource[] = ['TRIAL', 'PURCHASE', 'PROMOTION', 'ADJUSTMENT'];
const PRIORITIES = { min: 0, max: 1_000 };

export class ManualChanges {
  readonly #ledger: Ledger;
  readonly #history: Statements;

  constructor({ ledger, history }: { ledger: Ledger; history: Statements }) {
    this.#ledger = ledger;
    this.#history = history;
  }

  /**
   * Grants credits.
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND, IDEMPOTENCY_KEY_REUSED, UNAVAILABLE
   */
  async grant(principal: Principal, input: GrantInput): Promise<CreditsChange> {
    const { billingEntityId, amount, source, priority, effectiveAt, expiresAt } = input;
    const reason = checkReason(input.reason);
    if (amount <= 0n) throw Refusal.ofField('amount', 'amount must be above 0');
    if (!BY_HAND.includes(source)) throw Refusal.ofField('source', `${source} grants are not given by hand`);
    if (priority < PRIORITIES.min || priority > PRIORITIES.max) {
      throw Refusal.ofField('priority', `priority must be ${PRIORITIES.min} to ${PRIORITIES.max}`);
    }
    const effect = [amount, source, priority, effectiveAt, expiresAt, reason];
    return this.#submit({
      kind: 'grant',
      billingEntityId,
      actor: actorOf(principal),
      sender: senderOf(principal),
      audited: true,
      idempotency: idempotency(input.idempotencyKey, 'grant', [billingEntityId, ...effect]),
      grantId: uuidv7(),
      source,
      amount,
      priority,
      effectiveAt,
      expiresAt,
      reason,
    });
  }

  /**
   * Adjusts a balance up or down.
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND, CONFLICT (more than is available), IDEMPOTENCY_KEY_REUSED, UNAVAILABLE
   */
  async adjust(principal: Principal, input: AdjustInput): Promise<CreditsChange> {
    const { billingEntityId, amount } = input;
    const reason = checkReason(input.reason);
    if (amount === 0n) throw Refusal.ofField('amount', 'amount must not be 0');
    return this.#submit({
      kind: 'adjust',
      billingEntityId,
      actor: actorOf(principal),
      sender: senderOf(principal),
      audited: true,
      idempotency: idempotency(input.idempotencyKey, 'adjust', [billingEntityId, amount, reason]),
      grantId: uuidv7(),
      amount,
      reason,
    });
  }

  /**
   * Gives back the charge of one usage record, or a part of it (rule 22).
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND, CONFLICT (more than is left of it), IDEMPOTENCY_KEY_REUSED, UNAVAILABLE
   */
  async refund(principal: Principal, input: RefundInput): Promise<CreditsChange> {
    const reason = checkReason(input.reason);
    const { credits = null } = input;
    if (credits !== null && credits <= 0n) throw Refusal.ofField('credits', 'credits must be above 0');
    const { billingEntityId, sequence, line } = parseRecordId(input.recordId);
    // The digest of a refund of everything is as it was before there were parts, so that its keys go on answering.
    const effect = credits === null ? [sequence, line, reason] : [sequence, line, reason, credits];
    return this.#submit({
      kind: 'refund',
      billingEntityId,
      actor: actorOf(principal),
      sender: senderOf(principal),
      audited: true,
      idempotency: idempotency(input.idempotencyKey, 'refund', [billingEntityId, ...effect]),
      record: { sequence, line },
      credits,
      reason,
    });
  }

  async #submit(command: GrantCommand | AdjustCommand | RefundCommand): Promise<CreditsChange> {
    const outcome = unlessRejected(await this.#ledger.submit(command));
    const { balance } = outcome;
    if (outcome.kind === 'replayed') {
      return { ...(await this.#recall(command.billingEntityId, outcome.sequence)), balance, replayed: true };
    }
    const entry = outcome.entries[0] as Entry;
    const grant = outcome.grants.find((each) => each.id === entry.grantId) ?? null;
    return { grant, entry, balance, replayed: false };
  }

  async #recall(billingEntityId: string, sequence: bigint): Promise<Pick<CreditsChange, 'grant' | 'entry'>> {
    const [entry] = await this.#history.entriesBySequence([{ billingEntityId, sequence }]);
    if (!entry) throw new Error(`entry ${sequence} of ${billingEntityId} is missing`);
    if (entry.grantId === null) return { entry, grant: null };
    const [grant] = await this.#history.grantsByIds([{ billingEntityId, id: entry.grantId }]);
    return { entry, grant: grant ?? null };
  }
}
