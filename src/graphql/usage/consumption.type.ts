import { createUnionType, Extensions, Field, ID, InputType, ObjectType } from 'type-graphql';
import type { Balance } from '../../ledger/rules/balance.ts';
import type { UsageRecord as DomainRecord } from '../../ledger/rules/entries.ts';
import { Party } from '../billing-entities/party.type.ts';
import { CreditBalance } from '../credits/balance.type.ts';
import { aListOf } from '../execution/price.ts';
import { BillingModeEnum, UsageLimitScopeEnum, UsageRefusalReasonEnum, UsageResourceEnum } from '../types/enums.ts';
import { CreditsScalar, DateTimeScalar, JsonObjectScalar, SafeIntScalar } from '../types/scalars.ts';
import { UsageRecord } from './usage-record.type.ts';

@InputType({ description: 'A quantity of one resource.' })
export class UsageLineInput {
  @Field(() => UsageResourceEnum, { description: 'The resource.' })
  readonly resource!: 'AI_TOKENS' | 'COMPUTE';

  @Field(() => SafeIntScalar, {
    description: 'The quantity, in units of the resource: tokens or milliseconds. 0 to 10^12.',
  })
  readonly quantity!: bigint;

  @Field(() => String, {
    nullable: true,
    description:
      'What did the work, such as a model’s name; 1 to 100 characters; for history and summaries, no price hangs on it.',
  })
  readonly model?: string | null;
}

@InputType({ description: 'One consumption.' })
export class ConsumeCreditsInput {
  @Field(() => String, {
    description:
      '1 to 200 characters, unique per payer over all commands. The same key with the same effective input (implied or named alike) gives the first success again; with another, IDEMPOTENCY_KEY_REUSED. Never forgotten. A refusal is not remembered: the same key may succeed once credits arrive.',
  })
  readonly idempotencyKey!: string;

  @Field(() => [UsageLineInput], { description: '1 to 10 lines, charged together or not at all.' })
  readonly lines!: UsageLineInput[];

  @Field(() => String, {
    nullable: true,
    description:
      'The user. Services must name the user; a user’s own token implies it. An organization’s API key may leave it out.',
  })
  readonly userExternalId?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      'The organization it was used in. NOT_FOUND: it is unknown, or private and the user is no member. An API key’s own organization is implied.',
  })
  readonly organizationExternalId?: string | null;

  @Field(() => ID, {
    nullable: true,
    description:
      'The key that the work ran on; it decides the billing mode. FULL when absent; CONFLICT when revoked or expired.',
  })
  readonly apiKeyId?: string | null;

  @Field(() => String, { nullable: true, description: 'Refused unless the payer’s plan grants this feature.' })
  readonly feature?: string | null;

  @Field(() => ID, {
    nullable: true,
    description:
      'Settles this reservation: charges the use and releases the rest. For a SERVICE or OPERATOR admitted work is always recorded in full: the excess over the hold is taken from available, then overage, then owed. For a USER or an API key the excess must fit as new use would; else the answer is UsageRefused and the hold stays. CONFLICT: the caller lost the right to new use. Payer, user, organization, key, mode and feature are the reservation’s; CONFLICT: another one is named. CONFLICT: the reservation is already settled, released or expired, and no longer protects.',
  })
  readonly reservationId?: string | null;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When the use happened; now when absent; at most 35 days ago and 5 minutes ahead.',
  })
  readonly occurredAt?: Date | null;

  @Field(() => JsonObjectScalar, {
    nullable: true,
    description:
      'Data that the caller wants to find on the record. It is kept as it was sent, or refused: BAD_USER_INPUT (in a batch: that item alone). Send numbers of more than 15 digits as strings. At most 4 KiB.',
  })
  readonly metadata?: Record<string, unknown> | null;
}

@InputType({ description: 'Use that might follow.' })
export class CheckUsageInput {
  @Field(() => [UsageLineInput], {
    defaultValue: [],
    description: 'At most 10 lines; without any, the question is if some use would be admitted.',
  })
  readonly lines!: UsageLineInput[];

  @Field(() => String, {
    nullable: true,
    description:
      'The user. Services must name the user; a user’s own token implies it. An organization’s API key may leave it out.',
  })
  readonly userExternalId?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      'The organization it would be used in. NOT_FOUND: it is unknown, or private and the user is no member. An API key’s own organization is implied.',
  })
  readonly organizationExternalId?: string | null;

  @Field(() => ID, {
    nullable: true,
    description:
      'The key that the work would run on; it decides the billing mode. FULL when absent; CONFLICT when revoked or expired.',
  })
  readonly apiKeyId?: string | null;

  @Field(() => String, { nullable: true, description: 'Refused unless the payer’s plan grants this feature.' })
  readonly feature?: string | null;
}

@ObjectType({ simpleResolvers: true, description: 'The use was charged and recorded.' })
class ConsumeCreditsSuccess {
  @Extensions({ price: aListOf(3) })
  @Field(() => [UsageRecord], { description: 'One for each line, in order.' })
  readonly records!: readonly DomainRecord[];

  @Field(() => CreditsScalar, { description: 'Credits charged in all.' })
  readonly credits!: bigint;

  @Field(() => CreditBalance, {
    description:
      'After this change; on a replay: the balance now, or the balance of then, for a caller who does not see the payer.',
  })
  readonly balance!: Balance;

  @Field(() => Boolean, { description: 'True when this answer was given before for the same key.' })
  readonly replayed!: boolean;
}

@ObjectType({ simpleResolvers: true, description: 'The use was refused: it was neither charged nor recorded.' })
export class UsageRefused {
  @Field(() => UsageRefusalReasonEnum, { description: 'The reason.' })
  readonly reason!: string;

  @Field(() => UsageLimitScopeEnum, { description: 'The limit that refused: the tightest one, when several would.' })
  readonly scope!: string;

  @Field(() => String, { description: 'An explanation for people.' })
  readonly message!: string;

  @Field(() => CreditsScalar, { description: 'Credits that the use needed. Saturates at 2^53−1.' })
  readonly required!: bigint;

  @Field(() => CreditsScalar, { description: 'Credits that the limit still allows.' })
  readonly available!: bigint;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description:
      'When the limit that refused begins anew: the payer’s period, for BALANCE, OVERAGE_CAP, MEMBER and API_KEY; null: waiting does not help, as of a trial.',
  })
  readonly resetsAt!: Date | null;

  @Field(() => CreditBalance, { description: 'The payer’s balance now.' })
  readonly balance!: Balance;
}

@ObjectType({
  simpleResolvers: true,
  description:
    'One item of a batch that was wrong in itself. It was not charged, and the other items went on. Outside a batch the same is a GraphQL error with this code: BAD_USER_INPUT, NOT_FOUND, CONFLICT, IDEMPOTENCY_KEY_REUSED, or UNAVAILABLE. After UNAVAILABLE the outcome may be unknown; a retry with the same key tells it.',
})
class UsageRejected {
  @Field(() => String, { description: 'The code that a GraphQL error would have.' })
  readonly code!: string;

  @Field(() => String, { description: 'An explanation for people.' })
  readonly message!: string;

  @Field(() => Boolean, { description: 'True when a retry with the same key can succeed.' })
  readonly retryable!: boolean;
}

/** Members say their own type in `__typename`. */
export const ConsumeCreditsResult = createUnionType({
  name: 'ConsumeCreditsResult',
  description: 'The result of a consumption. May gain members: keep a default branch.',
  types: () => [ConsumeCreditsSuccess, UsageRefused, UsageRejected] as const,
});

@ObjectType({ simpleResolvers: true, description: 'The decision about use that might follow.' })
export class UsageDecision {
  @Field(() => Boolean, { description: 'True when consumeCredits would succeed now.' })
  readonly allowed!: boolean;

  @Field(() => CreditsScalar, { description: 'Credits that it would cost.' })
  readonly credits!: bigint;

  @Field(() => Party, { description: 'The payer.' })
  readonly billingEntity!: Party;

  @Field(() => BillingModeEnum, { description: 'The billing mode, which says what would be charged.' })
  readonly billingMode!: string;

  @Field(() => UsageRefused, {
    nullable: true,
    description: 'The refusal that consumeCredits would answer; null when it would succeed.',
  })
  readonly refusal!: UsageRefused | null;
}
