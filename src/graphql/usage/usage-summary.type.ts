import { Field, ObjectType } from 'type-graphql';
import type { ApiKey as DomainKey } from '../../api-keys/api-key.ts';
import type { UsageBucket as DomainBucket } from '../../usage/usage-summary.ts';
import { ApiKey } from '../api-keys/api-key.type.ts';
import { Party } from '../billing-entities/party.type.ts';
import { BillingModeEnum, UsageResourceEnum } from '../types/enums.ts';
import { CreditsScalar, DateTimeScalar, SafeIntScalar } from '../types/scalars.ts';

@ObjectType({
  simpleResolvers: true,
  description: 'The use of one span of time, of whatever the summary tells apart. What it does not tell apart is null.',
})
export class UsageBucket {
  @Field(() => DateTimeScalar, {
    description: 'When its hour, day or month begins; of a total, when the time asked for does.',
  })
  readonly start!: Date;

  @Field(() => Party, { nullable: true, description: 'Who used it; null also for use by nobody named.' })
  readonly user!: Party | null;

  @Field(() => ApiKey, {
    nullable: true,
    description: 'On which key; null also for use on none, and for a key that the caller may not see.',
  })
  readonly apiKey!: DomainKey | null;

  @Field(() => UsageResourceEnum, { nullable: true, description: 'What was used.' })
  readonly resource!: DomainBucket['resource'];

  @Field(() => BillingModeEnum, { nullable: true, description: 'Which lines were charged.' })
  readonly billingMode!: DomainBucket['billingMode'];

  @Field(() => String, {
    nullable: true,
    description: 'The feature that it was used for; null also for use for none.',
  })
  readonly feature!: string | null;

  @Field(() => SafeIntScalar, {
    description: 'How much, in units of the resource; across resources a sum of unlike things. Saturates at 2^53−1.',
  })
  readonly quantity!: bigint;

  @Field(() => CreditsScalar, { description: 'Credits charged, less what was refunded. Saturates at 2^53−1.' })
  readonly credits!: bigint;

  @Field(() => CreditsScalar, { description: 'Of those, how many were overage. Saturates at 2^53−1.' })
  readonly overage!: bigint;

  @Field(() => SafeIntScalar, { description: 'How many usage records, refunded ones too.' })
  readonly records!: bigint;
}

@ObjectType({ simpleResolvers: true, description: 'How fast credits go, and when they will be gone.' })
export class BalanceForecast {
  @Field(() => CreditsScalar, {
    description: 'Mean credits a day over the last seven days, to the nearest whole credit.',
  })
  readonly dailyBurn!: bigint;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When available reaches 0 at that pace; null: not before the period ends.',
  })
  readonly exhaustsAt!: Date | null;
}
