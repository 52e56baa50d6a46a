/** Use, from what a caller says to what the ledger answers: validated, routed to whoever pays, made a command. */
import type { Logger } from 'pino';
import { actorOf } from '../billing-entities/access.ts';
import type { BillingEntities } from '../billing-entities/billing-entities.ts';
import type { Principal } from '../billing-entities/principal.ts';
import { RATES, type Resource } from '../plans/rates.ts';
import { Refusal } from '../refusal.ts';
import { isStorableText } from '../storable-text.ts';
import {
  balanceOf,
  type BillingMode,
  type ConsumeCommand,
  decide,
  type LimitScope,
  priceOf,
  type RefusalReason,
  type UsageLine,
  type UsageRecord,
} from './account.ts';
import type { Accounts } from './accounts.ts';
import type { Balance } from './balance.ts';
import { idempotency } from './idempotency.ts';
import type { Ledger } from './ledger.ts';

/** Who used it and where, as the caller names them. null: not named. */
export interface Attribution {
  readonly userExternalId: string | null;
  readonly organizationExternalId: string | null;
}

export interface LineInput {
  readonly resource: Resource;
  /** Units of the resource. */
  readonly quantity: bigint;
}

export interface ConsumeInput extends Attribution {
  readonly idempotencyKey: string;
  readonly lines: readonly LineInput[];
  readonly occurredAt: Date | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
}

export interface CheckInput extends Attribution {
  readonly lines: readonly LineInput[];
}

export type ConsumeResult = ConsumeSuccess | UsageRefused;

export interface ConsumeSuccess {
  readonly kind: 'success';
  readonly records: readonly UsageRecord[];
  readonly credits: bigint;
  readonly balance: Balance;
  readonly replayed: boolean;
}

/** Nothing was charged; the caller can act on it. */
export interface UsageRefused {
  readonly kind: 'refused';
  readonly reason: RefusalReason;
  readonly scope: LimitScope;
  readonly message: string;
  readonly required: bigint;
  readonly available: bigint;
  readonly balance: Balance;
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
  readonly entities: BillingEntities;
  readonly ledger: Ledger;
  readonly accounts: Accounts;
  /** Records of an entry, for answers given again. */
  readonly recordsByEntry: (
    keys: readonly { billingEntityId: string; sequence: bigint }[],
  ) => Promise<readonly (readonly UsageRecord[])[]>;
  readonly log: Logger;
}

const MAX_LINES = 10;
const MAX_BATCH = 1_000;
const MAX_METADATA_BYTES = 4_096;
/** Every billing mode that there is before keys bring their own. */
const BILLING_MODE: BillingMode = 'FULL';

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
    const lines = toLines(input.lines, { atLeast: 1 });
    checkMetadata(input.metadata);
    const userId = await this.#payer(principal, input);
    const command: ConsumeCommand = {
      kind: 'consume',
      billingEntityId: userId,
      actor: actorOf(principal),
      idempotency: idempotency(input.idempotencyKey, 'consume', [
        userId,
        input.lines.map(({ resource, quantity }) => [resource, quantity]),
        input.occurredAt,
        input.metadata,
      ]),
      lines,
      userId,
      billingMode: BILLING_MODE,
      metadata: input.metadata,
      occurredAt: input.occurredAt,
    };
    const outcome = await this.#options.ledger.execute(command);
    switch (outcome.kind) {
      case 'committed':
        return success(outcome.records, outcome.balance, false);
      case 'replayed': {
        const [records] = await this.#options.recordsByEntry([{ billingEntityId: userId, sequence: outcome.sequence }]);
        return success(records ?? [], outcome.balance, true);
      }
      case 'refused':
        return { ...outcome, message: MESSAGES[outcome.reason] };
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
    const payer = await this.#payer(principal, input);
    const account = await this.#options.accounts.peek(payer);
    if (account === null) throw new Error(`billing entity ${payer} has no account`);

    const use = {
      kind: 'consume',
      lines,
      userId: payer,
      billingMode: BILLING_MODE,
      metadata: null,
      occurredAt: null,
    } as const;
    const command: ConsumeCommand = { ...use, billingEntityId: payer, actor: actorOf(principal), idempotency: null };
    const decision = decide(account, command, account.touchedAt);
    if (decision.kind === 'rejected') throw new Refusal(decision.code, decision.message);
    return {
      allowed: decision.kind === 'applied',
      credits: priceOf(account, command),
      billingEntityId: payer,
      billingMode: BILLING_MODE,
      refusal:
        decision.kind === 'refused'
          ? { ...decision, message: MESSAGES[decision.reason], balance: balanceOf(account, account.touchedAt) }
          : null,
    };
  }

  /** Who pays: the user. Services and operators name them; a user's own token implies them. */
  async #payer(principal: Principal, { userExternalId, organizationExternalId }: Attribution): Promise<string> {
    if (organizationExternalId !== null) {
      const organization = await this.#options.entities.byExternalId('ORGANIZATION', organizationExternalId);
      if (organization === null) throw new Refusal('NOT_FOUND', 'there is no such organization');
    }
    if (principal.kind === 'USER') {
      if (userExternalId !== null && userExternalId !== principal.subject) {
        throw new Refusal('NOT_FOUND', 'there is no such user');
      }
      return principal.billingEntityId;
    }
    if (userExternalId === null) {
      throw new Refusal('BAD_USER_INPUT', 'userExternalId is needed: this token is nobody’s own');
    }
    return this.#options.entities.ensureUser({ externalId: userExternalId, name: null, withTrial: true });
  }

  #reject(error: unknown): UsageRejected {
    if (error instanceof Refusal) {
      return { kind: 'rejected', code: error.code, message: error.message, retryable: error.retryable };
    }
    this.#options.log.error({ err: error }, 'an item of a batch failed');
    return { kind: 'rejected', code: 'INTERNAL_SERVER_ERROR', message: 'internal error', retryable: false };
  }
}

const MESSAGES: Record<RefusalReason, string> = {
  INSUFFICIENT_CREDITS: 'There are not enough credits for this use.',
  ENTITY_SUSPENDED: 'This account is suspended.',
};

function success(records: readonly UsageRecord[], balance: Balance, replayed: boolean): ConsumeSuccess {
  const credits = records.reduce((sum, record) => sum + record.credits, 0n);
  return { kind: 'success', records, credits, balance, replayed };
}

function toLines(lines: readonly LineInput[], { atLeast }: { atLeast: number }): UsageLine[] {
  if (lines.length < atLeast || lines.length > MAX_LINES) {
    throw new Refusal('BAD_USER_INPUT', `lines must have ${atLeast} to ${MAX_LINES} items`);
  }
  return lines.map(({ resource, quantity }) => {
    if (quantity < 0n) throw new Refusal('BAD_USER_INPUT', 'quantity must not be negative');
    return { quantity, rate: RATES[resource] };
  });
}

/** A `\u0000` or half a surrogate pair among JSON's escapes: legal JSON that PostgreSQL cannot keep. */
const UNSTORABLE_ESCAPE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/i;

function checkMetadata(metadata: ConsumeInput['metadata']): void {
  if (metadata === null) return;
  const text = JSON.stringify(metadata);
  if (Buffer.byteLength(text) > MAX_METADATA_BYTES) {
    throw new Refusal('BAD_USER_INPUT', 'metadata is larger than 4 KiB');
  }
  if (!isStorableText(text) || UNSTORABLE_ESCAPE.test(text)) {
    throw new Refusal('BAD_USER_INPUT', 'metadata must be well-formed text');
  }
}
