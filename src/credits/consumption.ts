/** Use, from what a caller says to what the ledger answers: validated, routed to whoever pays, made a command. */
import type { Logger } from 'pino';
import { actorOf, ownEntity } from '../billing-entities/access.ts';
import type { Principal } from '../billing-entities/principal.ts';
import type { Attribution, Routing } from '../billing-entities/routing.ts';
import { parseReservationId } from '../ids.ts';
import { Refusal } from '../refusal.ts';
import { balanceOf, type BillingMode, type UsageRecord } from './account.ts';
import type { Accounts } from './accounts.ts';
import type { Balance } from './balance.ts';
import type { ConsumeCommand, SettleCommand } from './commands.ts';
import { idempotency } from './idempotency.ts';
import type { Ledger } from './ledger.ts';
import { consume, priceOf } from './use.ts';
import {
  checkFeature,
  checkMetadata,
  type LineInput,
  toLines,
  toUsageRefused,
  type UsageRefused,
} from './usage-input.ts';

export interface ConsumeInput extends Attribution {
  readonly idempotencyKey: string;
  readonly lines: readonly LineInput[];
  /** null: not named. */
  readonly feature: string | null;
  /** Public id of the reservation that this use settles; null: none. */
  readonly reservationId: string | null;
  readonly occurredAt: Date | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
}

export interface CheckInput extends Attribution {
  readonly lines: readonly LineInput[];
  readonly feature: string | null;
}

export type ConsumeResult = ConsumeSuccess | UsageRefused;

export interface ConsumeSuccess {
  readonly kind: 'success';
  readonly records: readonly UsageRecord[];
  readonly credits: bigint;
  readonly balance: Balance;
  readonly replayed: boolean;
}

/** An item of a batch that was wrong in itself. */
export interface UsageRejected {
  readonly kind: 'rejected';
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
}

export interface UsageDecision {
  readonly allowed: boolean;
  /** What it would be charged. */
  readonly credits: bigint;
  readonly billingEntityId: string;
  readonly billingMode: BillingMode;
  readonly refusal: UsageRefused | null;
}

interface Options {
  readonly routing: Routing;
  readonly ledger: Ledger;
  readonly accounts: Accounts;
  /** Records of an entry, for answers given again. */
  readonly recordsByEntry: (
    keys: readonly { billingEntityId: string; sequence: bigint }[],
  ) => Promise<readonly (readonly UsageRecord[])[]>;
  readonly log: Logger;
}

const MAX_BATCH = 1_000;
/** Every billing mode that there is before keys bring their own. */
export const BILLING_MODE: BillingMode = 'FULL';

export class Consumption {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Charges whoever pays, once per key, all lines or none.
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND, CONFLICT, IDEMPOTENCY_KEY_REUSED, UNAVAILABLE
   */
  async consume(principal: Principal, input: ConsumeInput): Promise<ConsumeResult> {
    const command =
      input.reservationId === null
        ? await this.#use(principal, input)
        : await this.#settlement(principal, input, input.reservationId);
    const outcome = await this.#options.ledger.execute(command);
    switch (outcome.kind) {
      case 'committed':
        return success(outcome.records, outcome.balance, false);
      case 'replayed': {
        // A settlement begins with the release of its hold; the charge stands behind it.
        const sequence = command.kind === 'settle' ? outcome.sequence + 1n : outcome.sequence;
        const { billingEntityId } = command;
        const [records] = await this.#options.recordsByEntry([{ billingEntityId, sequence }]);
        return success(records ?? [], outcome.balance, true);
      }
      case 'refused':
        return toUsageRefused(outcome, outcome.balance);
      case 'rejected':
        throw new Refusal(outcome.code, outcome.message);
    }
  }

  /**
   * Each item by itself; what is wrong with one never disturbs the others.
   * @throws Refusal BAD_USER_INPUT unless there are 1 to 1000
   */
  async consumeBatch(
    principal: Principal,
    inputs: readonly ConsumeInput[],
  ): Promise<(ConsumeResult | UsageRejected)[]> {
    if (inputs.length < 1 || inputs.length > MAX_BATCH) {
      throw new Refusal('BAD_USER_INPUT', `a batch has 1 to ${MAX_BATCH} items`);
    }
    return Promise.all(
      inputs.map((input) => this.consume(principal, input).catch((error: unknown) => this.#reject(error))),
    );
  }

  /**
   * Whether this use would be admitted now, decided by the same rules; charges nothing.
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND
   */
  async check(principal: Principal, input: CheckInput): Promise<UsageDecision> {
    const lines = toLines(input.lines, { atLeast: 0 });
    checkFeature(input.feature);
    const { payerId, userId } = await this.#options.routing.route(principal, input);
    const account = await this.#options.accounts.peek(payerId);
    if (account === null) throw new Error(`billing entity ${payerId} has no account`);

    const command: ConsumeCommand = {
      kind: 'consume',
      billingEntityId: payerId,
      actor: actorOf(principal),
      idempotency: null,
      lines,
      userId,
      organizationId: null,
      apiKey: null,
      billingMode: BILLING_MODE,
      feature: input.feature,
      metadata: null,
      occurredAt: null,
    };
    const decision = consume(account, command, account.touchedAt);
    if (decision.kind === 'rejected') throw new Refusal(decision.code, decision.message);
    return {
      allowed: decision.kind === 'applied',
      credits: priceOf(account, command),
      billingEntityId: payerId,
      billingMode: BILLING_MODE,
      refusal: decision.kind === 'refused' ? toUsageRefused(decision, balanceOf(account, account.touchedAt)) : null,
    };
  }

  async #use(principal: Principal, input: ConsumeInput): Promise<ConsumeCommand> {
    const { lines, feature, metadata, occurredAt } = checkInput(input);
    const { payerId, userId } = await this.#options.routing.route(principal, input);
    // A feature that is not named leaves the digest as it was before features were known.
    const named = feature === null ? [] : [feature];
    return {
      kind: 'consume',
      billingEntityId: payerId,
      actor: actorOf(principal),
      idempotency: idempotency(input.idempotencyKey, 'consume', [
        userId,
        quantitiesOf(input),
        occurredAt,
        metadata,
        ...named,
      ]),
      lines,
      userId,
      organizationId: null,
      apiKey: null,
      billingMode: BILLING_MODE,
      feature,
      metadata,
      occurredAt,
    };
  }

  /** The reservation says who pays; what the caller names besides must be what it says. */
  async #settlement(principal: Principal, input: ConsumeInput, reservationId: string): Promise<SettleCommand> {
    const { lines, feature, metadata, occurredAt } = checkInput(input);
    const { billingEntityId, id } = parseReservationId(reservationId);
    if (![null, billingEntityId].includes(ownEntity(principal))) {
      throw new Refusal('NOT_FOUND', 'there is no such reservation');
    }
    if (input.organizationExternalId !== null) {
      throw new Refusal('CONFLICT', 'the organization is the reservation’s; another was named');
    }
    return {
      kind: 'settle',
      billingEntityId,
      actor: actorOf(principal),
      idempotency: idempotency(input.idempotencyKey, 'settle', [id, quantitiesOf(input), occurredAt, metadata]),
      reservationId: id,
      anyHold: ownEntity(principal) === null,
      lines,
      userId: await this.#options.routing.namedUser(input),
      feature: feature ?? undefined,
      metadata,
      occurredAt,
    };
  }

  #reject(error: unknown): UsageRejected {
    if (error instanceof Refusal) {
      return { kind: 'rejected', code: error.code, message: error.message, retryable: error.retryable };
    }
    this.#options.log.error({ err: error }, 'an item of a batch failed');
    return { kind: 'rejected', code: 'INTERNAL_SERVER_ERROR', message: 'internal error', retryable: false };
  }
}

function success(records: readonly UsageRecord[], balance: Balance, replayed: boolean): ConsumeSuccess {
  const credits = records.reduce((sum, record) => sum + record.credits, 0n);
  return { kind: 'success', records, credits, balance, replayed };
}

/** @throws Refusal BAD_USER_INPUT */
function checkInput(input: ConsumeInput): Pick<ConsumeCommand, 'lines' | 'feature' | 'metadata' | 'occurredAt'> {
  const { feature, metadata, occurredAt } = input;
  const lines = toLines(input.lines, { atLeast: 1 });
  checkFeature(feature);
  checkMetadata(metadata);
  return { lines, feature, metadata, occurredAt };
}

function quantitiesOf(input: ConsumeInput): unknown[] {
  return input.lines.map(({ resource, quantity }) => [resource, quantity]);
}
