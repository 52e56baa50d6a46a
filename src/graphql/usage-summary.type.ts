import { Field, ObjectType } from 'type-graphql';
import type { UsageBucket as DomainBucket } from '../usage/usage-summary.ts';
import { BillingModeEnum, UsageResourceEnum } from './enums.ts';
import { CreditsScalar, DateTimeScalar, SafeIntScalar } from './scalars.ts';

@ObjectType({
  description: 'The use of one span of time, of whatever the summary tells apart. What it does not tell apart is null.',
})
export class UsageBucket {
  /** Not a field: shown as the person. */
  readonly userId!: string | null;

  @Field(() => DateTimeScalar, {
    simple: true,
    description: 'When its hour, day or month begins; of a total, when the time asked for does.',
  })
  readonly start!: Date;

  @Field(() => UsageResourceEnum, { simple: true, nullable: true, description: 'What was used.' })
  readonly resource!: DomainBucket['resource'];

  @Field(() => BillingModeEnum, { simple: true, nullable: true, description: 'Which lines were charged.' })
  readonly billingMode!: DomainBucket['billingMode'];

  @Field(() => String, {
    simple: true,
    nullable: true,
    description: 'The feature that it was used for; null also for use for none.',
  })
  readonly feature!: string | null;

  @Field(() => SafeIntScalar, {
    simple: true,
    description: 'How much, in units of the resource; across resources a sum of unlike things.',
  })
  readonly quantity!: bigint;

  @Field(() => CreditsScalar, { simple: true, description: 'Credits charged, less what was refunded.' })
  readonly credits!: bigint;

  @Field(() => CreditsScalar, { simple: true, description: 'Of those, how many were overage.' })
  readonly overage!: bigint;

  @Field(() => SafeIntScalar, { simple: true, description: 'How many usage records, refunded ones too.' })
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
