/** Consumption: validates what a caller reports, routes it to the payer, submits it, and answers. */
import type { Logger } from 'pino';
import { actorOf } from '../billing-entities/access.ts';
import { senderOf } from '../billing-entities/authorization.ts';
import type { Principal } from '../billing-entities/principal.ts';
import type { Attribution, PayerIs, Routing } from './payer-routing.ts';
import { parseReservationId } from '../kernel/public-ids.ts';
import { Refusal } from '../kernel/refusal.ts';
import { balanceOf } from '../ledger/rules/account.ts';
import type { Accounts } from '../ledger/accounts.ts';
import type { Balance } from '../ledger/rules/balance.ts';
import { ATTEMPTS, type Charged, chargePayer, keepsChanging, fingerprintOfRoute, toRouted } from './charge-payer.ts';
import type { ConsumeCommand, SettleCommand } from '../ledger/rules/commands.ts';
import { idempotency } from '../ledger/idempotency.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { handlesAnyReservation } from './reservations.ts';
import { type Rejected, rejected } from '../ledger/rules/refusals.ts';
import { consume, modeOf, priceOf } from '../ledger/rules/usage.ts';
import {
  balanceShown,
  checkFeature,
  checkMetadata,
  fingerprintOfLines,
  type LineInput,
  refusalShown,
  toLines,
  toUsageRefused,
  type UsageRefused,
} from './usage-input.ts';
import type { ApiKeyRef, BillingMode } from '../ledger/rules/attribution.ts';
import { resetsAt } from '../ledger/rules/resets.ts';
import type { UsageRecord } from '../ledger/rules/entries.ts';
import type { OutcomeOf } from '../ledger/outcome.ts';

export interface ConsumeInput extends Attribution {
  readonly idempotencyKey: string;
  readonly lines: readonly LineInput[];
  /** null: none is named. */
  readonly feature: string | null;
  /** Public id of the reservation that this use settles; null: none. */
  readonly reservationId: string | null;
  readonly occurredAt: Date | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** What is not in `metadata` as its sender wrote it, in words for them; absent: nothing. Such use is refused. */
  readonly lostInMetadata?: string | undefined;
}

export interface CheckInput extends Attribution {
  readonly lines: readonly LineInput[];
  readonly feature: string | null;
}

export type ConsumeResult = ConsumeSuccess | UsageRefused;

export interface ConsumeSuccess {
  readonly kind: 'success';
  readonly records: readonly RecordThen[];
  readonly credits: bigint;
  readonly balance: Balance;
  readonly replayed: boolean;
}

/** `refundedAt: null` shows the record as it was when it was charged, to a caller who is told nothing newer. Absent: as it is now. */
type RecordThen = UsageRecord & { readonly refundedAt?: null };

/** An item of a batch that was wrong in itself. */
export interface UsageRejected {
  readonly kind: 'rejected';
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
}

export interface UsageDecision {
  readonly allowed: boolean;
  /** The price of the use, in whole credits. */
  readonly credits: bigint;
  readonly billingEntityId: string;
  readonly billingMode: BillingMode;
  readonly refusal: UsageRefused | null;
}

interface Options {
  readonly routing: Routing;
  readonly ledger: Ledger;
  readonly accounts: Accounts;
  /** Reads the records of each entry, to answer a key that is sent again. */
  readonly recordsByEntry: (
    keys: readonly { billingEntityId: string; sequence: bigint }[],
  ) => Promise<readonly (readonly UsageRecord[])[]>;
  /** Called after use on an API key was charged. */
  readonly onKeyUsed: (apiKey: ApiKeyRef) => void;
  readonly log: Logger;
}

/** Most items of a batch. */
export const MAX_ITEMS = 1_000;

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
    const { outcome, payerId } =
      input.reservationId === null
        ? await this.#use(principal, input)
        : await this.#settle(principal, input, input.reservationId);
    const paidBy = outcome.kind === 'replayedElsewhere' ? outcome.billingEntityId : payerId;
    const payer = await this.#options.routing.payerIs(principal, paidBy);
    switch (outcome.kind) {
      case 'committed':
        for (const { apiKey } of outcome.records.slice(0, 1)) if (apiKey) this.#options.onKeyUsed(apiKey);
        return success(outcome.records, balanceShown(outcome.balance, payer), false);
      case 'replayed': {
        // A settlement begins with the RELEASE of its reservation. Its CONSUMPTION comes next.
        const sequence = input.reservationId === null ? outcome.sequence : outcome.sequence + 1n;
        return this.#again({ billingEntityId: payerId, sequence }, outcome, payer);
      }
      case 'replayedElsewhere': {
        const { billingEntityId, balanceThen } = outcome;
        const balance = balanceThen ?? (await this.#options.accounts.balance(billingEntityId));
        if (balance === null) throw new Error(`billing entity ${billingEntityId} has no account`);
        return this.#again(outcome, { seen: balanceThen === null, balance }, payer);
      }
      case 'refused':
        return refusalShown(toUsageRefused(outcome), payer);
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
    if (inputs.length < 1 || inputs.length > MAX_ITEMS) {
      throw new Refusal('BAD_USER_INPUT', `a batch has 1 to ${MAX_ITEMS} items`);
    }
    return Promise.all(
      inputs.map((input) => this.consume(principal, input).catch((error: unknown) => this.#reject(error))),
    );
  }

  /**
   * Decides by the same rules if this use would be admitted now. Nothing is charged.
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND, UNAVAILABLE
   */
  async check(principal: Principal, input: CheckInput, attempts = ATTEMPTS): Promise<UsageDecision> {
    const lines = toLines(input.lines, { atLeast: 0 });
    checkFeature(input.feature);
    const { routing, accounts } = this.#options;
    const route = await routing.route(principal, input);
    if (route.refusal !== null) throw route.refusal;
    const command: ConsumeCommand = {
      kind: 'consume',
      ...toRouted(route),
      actor: actorOf(principal),
      idempotency: null,
      lines,
      feature: input.feature,
      metadata: null,
      occurredAt: null,
    };
    const { account, usageContext, now } = await accounts.peekUse(command);
    const decision = consume(account, command, { now, usageContext });
    if (decision.kind === 'rejected') throw new Refusal(decision.code, decision.message);
    if (decision.kind === 'wrongPayer') {
      routing.forget(route);
      if (attempts === 1) throw keepsChanging();
      return this.check(principal, input, attempts - 1);
    }
    const payer = await routing.payerIs(principal, route.payerId);
    return {
      allowed: decision.kind === 'applied',
      credits: priceOf(account, command, usageContext),
      billingEntityId: route.payerId,
      billingMode: modeOf(command, usageContext),
      refusal:
        decision.kind === 'refused'
          ? refusalShown(
              toUsageRefused({
                ...decision,
                balance: balanceOf(account, account.touchedAt),
                resetsAt: resetsAt(account, decision.reason),
              }),
              payer,
            )
          : null,
    };
  }

  #use(principal: Principal, input: ConsumeInput): Promise<Charged> {
    const { lines, feature, metadata, occurredAt } = checkInput(input);
    return chargePayer(this.#options, { principal, attribution: input }, (routed): ConsumeCommand => ({
      kind: 'consume',
      ...routed,
      refusal: routed.refusal ?? lossOf(input),
      actor: actorOf(principal),
      sender: senderOf(principal),
      idempotency: idempotency(input.idempotencyKey, 'consume', [
        routed.userId,
        fingerprintOfLines(input.lines),
        occurredAt,
        metadata,
        // Use without a feature keeps the fingerprint that it had before there were features.
        ...(feature === null ? [] : [feature]),
        ...fingerprintOfRoute(routed),
      ]),
      lines,
      feature,
      metadata,
      occurredAt,
    }));
  }

  /** Settles a reservation. It says who pays, and whatever the caller names must be what it says. */
  async #settle(principal: Principal, input: ConsumeInput, reservationId: string): Promise<Settled> {
    const { lines, feature, metadata, occurredAt } = checkInput(input);
    const { billingEntityId, id } = parseReservationId(reservationId);
    const outcome = await this.#options.ledger.submit({
      kind: 'settle',
      billingEntityId,
      refusal: lossOf(input),
      actor: actorOf(principal),
      sender: senderOf(principal),
      idempotency: idempotency(input.idempotencyKey, 'settle', [
        id,
        fingerprintOfLines(input.lines),
        occurredAt,
        metadata,
      ]),
      reservationId: id,
      anyReservation: handlesAnyReservation(principal),
      lines,
      ...(await this.#options.routing.named(input)),
      feature: feature ?? undefined,
      metadata,
      occurredAt,
    });
    return { outcome, payerId: billingEntityId };
  }

  /** The first answer, given again. Only a caller who sees the account is told what has changed since (rule 20). */
  async #again(
    key: { billingEntityId: string; sequence: bigint },
    { seen, balance }: { readonly seen: boolean; readonly balance: Balance },
    payer: PayerIs,
  ): Promise<ConsumeSuccess> {
    const [records = []] = await this.#options.recordsByEntry([key]);
    return success(
      seen ? records : records.map((record) => ({ ...record, refundedAt: null })),
      balanceShown(balance, payer),
      true,
    );
  }

  #reject(error: unknown): UsageRejected {
    if (error instanceof Refusal) {
      return { kind: 'rejected', code: error.code, message: error.message, retryable: error.retryable };
    }
    this.#options.log.error({ err: error }, 'an item of a batch failed');
    return { kind: 'rejected', code: 'INTERNAL_SERVER_ERROR', message: 'internal error', retryable: false };
  }
}

interface Settled {
  readonly outcome: OutcomeOf<SettleCommand>;
  readonly payerId: string;
}

function success(records: readonly RecordThen[], balance: Balance, replayed: boolean): ConsumeSuccess {
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

/**
 * Metadata that was not read as it was sent is refused by the ledger, after it has looked for the key: earlier releases took
 * such use, with the metadata that they read, and their keys go on answering.
 */
function lossOf({ lostInMetadata }: ConsumeInput): Rejected | null {
  return lostInMetadata === undefined ? null : rejected('BAD_USER_INPUT', lostInMetadata);
}
