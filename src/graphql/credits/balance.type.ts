import { Field, Float, ID, ObjectType } from 'type-graphql';
import { CreditsScalar, DateTimeScalar, SafeIntScalar } from '../types/scalars.ts';

@ObjectType({
  simpleResolvers: true,
  description: 'A billing entity’s credits at one moment. Everybody who sees the entity may read it.',
})
export class CreditBalance {
  @Field(() => ID, { description: 'The billing entity that it belongs to.' })
  readonly billingEntityId!: string;

  @Field(() => CreditsScalar, {
    description: 'Credits to spend now: granted and unexpired, less used, less held. Never negative.',
  })
  readonly available!: bigint;

  @Field(() => CreditsScalar, { description: 'Reserved by running work.' })
  readonly held!: bigint;

  @Field(() => CreditsScalar, { description: 'Used in the current period, overage included.' })
  readonly used!: bigint;

  @Field(() => CreditsScalar, {
    description:
      'The measure for used: available at the start of the period, plus credits that came since, less credits that left other than by use. Saturates at 2^53−1.',
  })
  readonly allowance!: bigint;

  @Field(() => CreditsScalar, {
    description: 'Used beyond the allowance in the current period, billed through Stripe.',
  })
  readonly overage!: bigint;

  @Field(() => CreditsScalar, {
    description:
      'Credits that admitted work used beyond every limit. New use is refused while it is above 0; the next grant pays it first.',
  })
  readonly owed!: bigint;

  @Field(() => Float, {
    description: 'used / allowance; above 1 in overage; 0 when both are 0; 1 when only the allowance is 0.',
  })
  readonly usedRatio!: number;

  @Field(() => SafeIntScalar, {
    description: 'Grows by at least one with every change; a client drops an event whose version is not above its own.',
  })
  readonly version!: bigint;

  @Field(() => DateTimeScalar, { description: 'The time of this state.' })
  readonly asOf!: Date;
}
