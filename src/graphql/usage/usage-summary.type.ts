import { Field, ObjectType } from 'type-graphql';
import type { ApiKey as DomainKey } from '../../api-keys/api-key.ts';
import type { UsageBucket as DomainBucket } from '../../usage/usage-summary.ts';
import { ApiKey } from '../api-keys/api-key.type.ts';
import { Party } from '../billing-entities/party.type.ts';
import { BillingModeEnum, UsageResourceEnum } from '../types/enums.ts';
import { CreditsScalar, DateTimeScalar, SafeIntScalar } from '../types/scalars.ts';

@ObjectType({
  simpleResolvers: true,
  description:
    'The use of one span of time and one value of each dimension. Dimensions that were not asked for are null.',
})
export class UsageBucket {
  @Field(() => DateTimeScalar, {
    description: 'When its hour, day or month begins; for a total, the start of the time asked for.',
  })
  readonly start!: Date;

  @Field(() => Party, { nullable: true, description: 'The user; null also for use without a named user.' })
  readonly user!: Party | null;

  @Field(() => ApiKey, {
    nullable: true,
    description:
      'The key that the use ran on; null also for use without a key, and for a key that the caller may not see.',
  })
  readonly apiKey!: DomainKey | null;

  @Field(() => UsageResourceEnum, { nullable: true, description: 'The resource.' })
  readonly resource!: DomainBucket['resource'];

  @Field(() => BillingModeEnum, { nullable: true, description: 'The billing mode.' })
  readonly billingMode!: DomainBucket['billingMode'];

  @Field(() => String, {
    nullable: true,
    description: 'The feature; null also for use without one.',
  })
  readonly feature!: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'The model; null also for use without one; `other` for further models, see `otherModels`.',
  })
  readonly model!: string | null;

  @Field(() => Boolean, {
    description:
      'True: the use of further models, which are not told apart; `model` is then `other`. A model that is called other has a bucket of its own, where this is false.',
  })
  readonly otherModels!: boolean;

  @Field(() => Party, {
    nullable: true,
    description: 'The organization that it was used in; null also for use in none.',
  })
  readonly organization!: Party | null;

  @Field(() => SafeIntScalar, {
    description:
      'The quantity, in units of the resource; across resources a sum of unlike things. Saturates at 2^53−1.',
  })
  readonly quantity!: bigint;

  @Field(() => CreditsScalar, { description: 'Credits charged, less what was refunded. Saturates at 2^53−1.' })
  readonly credits!: bigint;

  @Field(() => CreditsScalar, { description: 'The part of the credits that was overage. Saturates at 2^53−1.' })
  readonly overage!: bigint;

  @Field(() => SafeIntScalar, { description: 'The number of usage records, with refunded ones.' })
  readonly records!: bigint;
}

@ObjectType({ simpleResolvers: true, description: 'The speed at which credits are used, and when they run out.' })
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
