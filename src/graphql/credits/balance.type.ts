import { Field, Float, ID, ObjectType } from 'type-graphql';
import { CreditsScalar, DateTimeScalar, SafeIntScalar } from '../types/scalars.ts';

@ObjectType({
  simpleResolvers: true,
  description: 'A billing entity’s credits at one moment. Whoever sees the entity may read it.',
})
export class CreditBalance {
  @Field(() => ID, { description: 'Whose balance it is.' })
  readonly billingEntityId!: string;

  @Field(() => CreditsScalar, {
    description: 'Can be spent now: granted and unexpired, less used, less held. Never negative.',
  })
  readonly available!: bigint;

  @Field(() => CreditsScalar, { description: 'Reserved by running work.' })
  readonly held!: bigint;

  @Field(() => CreditsScalar, { description: 'Used in the current period, overage included.' })
  readonly used!: bigint;

  @Field(() => CreditsScalar, {
    description:
      'What used is measured against: available when the period began, plus all that came since, less all that left other than by use. Saturates at 2^53−1.',
  })
  readonly allowance!: bigint;

  @Field(() => CreditsScalar, {
    description: 'Used beyond the allowance in the current period, billed through Stripe.',
  })
  readonly overage!: bigint;

  @Field(() => CreditsScalar, {
    description:
      'Used by work that was already admitted, beyond everything allowed. New use is refused while it is above 0; the next grant pays it first.',
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

  @Field(() => DateTimeScalar, { description: 'When this was so.' })
  readonly asOf!: Date;
}
