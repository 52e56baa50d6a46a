import { createUnionType, Extensions, Field, ID, InputType, ObjectType } from 'type-graphql';
import type { Balance } from '../../ledger/rules/balance.ts';
import type { UsageRecord as DomainRecord } from '../../ledger/rules/entries.ts';
import { Party } from '../billing-entities/party.type.ts';
import { CreditBalance } from '../credits/balance.type.ts';
import { aListOf } from '../execution/price.ts';
import { BillingModeEnum, UsageLimitScopeEnum, UsageRefusalReasonEnum, UsageResourceEnum } from '../types/enums.ts';
import { CreditsScalar, DateTimeScalar, JsonObjectScalar, SafeIntScalar } from '../types/scalars.ts';
import { UsageRecord } from './usage-record.type.ts';

@InputType({ description: 'So much of a resource.' })
export class UsageLineInput {
  @Field(() => UsageResourceEnum, { description: 'The resource.' })
  readonly resource!: 'AI_TOKENS' | 'COMPUTE';

  @Field(() => SafeIntScalar, {
    description: 'How much, in units of the resource: tokens or milliseconds. 0 to 10^12.',
  })
  readonly quantity!: bigint;
}

@InputType({ description: 'One consumption: who used what.' })
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
      'Who used it. Services must name the user; a user’s own token implies it. An organization’s API key may leave it out.',
  })
  readonly userExternalId?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      'The organization it was used in; unknown, or the user is no member of a private one: NOT_FOUND. An API key’s own organization is implied.',
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
      'Settles this reservation: charges what was used, releases the rest. By a SERVICE or OPERATOR admitted work is always recorded in full: what exceeds the hold is taken from available, then overage, then owed. By a USER or an API key the excess must fit as new use would, else UsageRefused, and the hold stays; for who lost the right to new use, CONFLICT. Payer, user, organization, key, mode and feature are the reservation’s; naming another is CONFLICT. A reservation already settled, released or expired no longer protects: CONFLICT.',
  })
  readonly reservationId?: string | null;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When the use happened; now when absent; at most 35 days ago and 5 minutes ahead.',
  })
  readonly occurredAt?: Date | null;

  @Field(() => JsonObjectScalar, {
    nullable: true,
    description: 'Whatever the caller wants to find on the record. At most 4 KiB.',
  })
  readonly metadata?: Record<string, unknown> | null;
}

@InputType({ description: 'Use that might follow.' })
export class CheckUsageInput {
  @Field(() => [UsageLineInput], {
    defaultValue: [],
    description: 'At most 10 lines; none: would any use be admitted?',
  })
  readonly lines!: UsageLineInput[];

  @Field(() => String, {
    nullable: true,
    description:
      'Who would use it. Services must name the user; a user’s own token implies it. An organization’s API key may leave it out.',
  })
  readonly userExternalId?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      'The organization it would be used in; unknown, or the user is no member of a private one: NOT_FOUND. An API key’s own organization is implied.',
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
    description: 'After this change; on a replay: the balance now, or for whoever does not see the payer that of then.',
  })
  readonly balance!: Balance;

  @Field(() => Boolean, { description: 'True when this answer was given before for the same key.' })
  readonly replayed!: boolean;
}

@ObjectType({ simpleResolvers: true, description: 'Nothing was charged and nothing was recorded.' })
export class UsageRefused {
  @Field(() => UsageRefusalReasonEnum, { description: 'Why.' })
  readonly reason!: string;

  @Field(() => UsageLimitScopeEnum, { description: 'Which limit refused: the tightest one, when several would.' })
  readonly scope!: string;

  @Field(() => String, { description: 'The same, for people.' })
  readonly message!: string;

  @Field(() => CreditsScalar, { description: 'Credits that were needed. Saturates at 2^53−1.' })
  readonly required!: bigint;

  @Field(() => CreditsScalar, { description: 'Credits that the limit still allows.' })
  readonly available!: bigint;

  @Field(() => CreditBalance, { description: 'The payer’s balance now.' })
  readonly balance!: Balance;
}

@ObjectType({
  simpleResolvers: true,
  description:
    'One item of a batch that was wrong in itself; nothing was charged for it, and the others went on. Alone, the same is a GraphQL error with this code: BAD_USER_INPUT, NOT_FOUND, CONFLICT, IDEMPOTENCY_KEY_REUSED, or UNAVAILABLE: then the outcome may be unknown, and the same key tells.',
})
class UsageRejected {
  @Field(() => String, { description: 'The code that a GraphQL error would have.' })
  readonly code!: string;

  @Field(() => String, { description: 'The same, for people.' })
  readonly message!: string;

  @Field(() => Boolean, { description: 'Send the same key again.' })
  readonly retryable!: boolean;
}

/** Members say their own type in `__typename`. */
export const ConsumeCreditsResult = createUnionType({
  name: 'ConsumeCreditsResult',
  description: 'What a consumption came to. May gain members: keep a default branch.',
  types: () => [ConsumeCreditsSuccess, UsageRefused, UsageRejected] as const,
});

@ObjectType({ simpleResolvers: true, description: 'Whether use would be admitted now.' })
export class UsageDecision {
  @Field(() => Boolean, { description: 'Whether consumeCredits would succeed now.' })
  readonly allowed!: boolean;

  @Field(() => CreditsScalar, { description: 'Credits that it would cost.' })
  readonly credits!: bigint;

  @Field(() => Party, { description: 'Who would pay.' })
  readonly billingEntity!: Party;

  @Field(() => BillingModeEnum, { description: 'Which lines would be charged.' })
  readonly billingMode!: string;

  @Field(() => UsageRefused, {
    nullable: true,
    description: 'What consumeCredits would answer; null when it would succeed.',
  })
  readonly refusal!: UsageRefused | null;
}
