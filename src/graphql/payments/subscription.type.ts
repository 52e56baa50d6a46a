import { Extensions, Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { SubscriptionStatus } from '../../ledger/rules/subscription.ts';
import type { FindingKind } from '../../subscriptions/findings.ts';
import { aListOf } from '../execution/price.ts';
import { Plan } from '../plans/plan.type.ts';
import { BillingSubscriptionStatusEnum, SubscriptionWaitKindEnum } from '../types/enums.ts';
import { CreditsScalar, DateTimeScalar } from '../types/scalars.ts';

@ObjectType({ simpleResolvers: true, description: 'A change of plan that waits for the payer.' })
export class PendingPayment {
  @Field(() => Plan, { description: 'The plan that it leads to.' })
  readonly plan!: Plan;

  @Field(() => Int, { description: 'The units that it leads to.' })
  readonly quantity!: number;

  @Field(() => String, { description: 'The page where the payer finishes it.' })
  readonly hostedUrl!: string;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When it expires; null: no end is known.' })
  readonly expiresAt!: Date | null;
}

@ObjectType({ simpleResolvers: true, description: 'Something of a subscription that waits for somebody.' })
export class SubscriptionWait {
  @Field(() => SubscriptionWaitKindEnum, { description: 'What waits, and for whom.' })
  readonly kind!: FindingKind;

  @Field(() => String, { description: 'What happens meanwhile and who has to do what, in words for people.' })
  readonly reason!: string;

  @Field(() => DateTimeScalar, { description: 'When it was first seen.' })
  readonly since!: Date;
}

@ObjectType({
  simpleResolvers: true,
  description: 'A billing entity’s subscription. (`Subscription` names GraphQL’s own root type.)',
})
export class BillingSubscription {
  @Field(() => ID, { description: 'The payment provider’s id: opaque.' })
  readonly id!: string;

  @Field(() => Plan, { description: 'The current plan.' })
  readonly plan!: Plan;

  @Field(() => Int, { description: 'Units of the plan: an organization pools quantity × credits.' })
  readonly quantity!: number;

  @Field(() => BillingSubscriptionStatusEnum, { description: 'Its status.' })
  readonly status!: SubscriptionStatus;

  @Field(() => DateTimeScalar, { description: 'When the current period began.' })
  readonly currentPeriodStart!: Date;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When the current period ends; null: nothing was paid yet, so that no period has begun.',
  })
  readonly currentPeriodEnd!: Date | null;

  @Field(() => Boolean, {
    description:
      'True when it ends with the period that is billed, which is a year of a yearly price (`endsAt`); the free trial’s terms apply afterwards.',
  })
  readonly cancelAtPeriodEnd!: boolean;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When it ends, also where somebody arranged for another day than a period’s end; null: it goes on.',
  })
  readonly endsAt!: Date | null;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When `scheduledPlan` and `scheduledQuantity` come; null: nothing is scheduled.',
  })
  readonly scheduledAt!: Date | null;

  @Field(() => Plan, {
    nullable: true,
    description: 'The plan after the period, if a downgrade is scheduled.',
  })
  readonly scheduledPlan!: Plan | null;

  @Field(() => Int, { nullable: true, description: 'The units after the period, if they change.' })
  readonly scheduledQuantity!: number | null;

  @Field(() => PendingPayment, { nullable: true, description: 'A change that waits for the payer.' })
  readonly pendingPayment!: PendingPayment | null;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'PAST_DUE: until then, remaining credits can be used.',
  })
  readonly graceEndsAt!: Date | null;

  @Extensions({ price: aListOf(5) })
  @Field(() => [SubscriptionWait], {
    nullable: true,
    description:
      'What of it waits for the payer or for the seller, the oldest first, such as overage that nothing would bill; null: nothing waits.',
  })
  readonly waiting!: readonly SubscriptionWait[] | null;
}

@ObjectType({ simpleResolvers: true, description: 'The policy for overage: use beyond the credits, which is billed.' })
export class OveragePolicy {
  @Field(() => Boolean, {
    description: 'True when overage is allowed, as far as the plan allows it and nothing is past due.',
  })
  readonly enabled!: boolean;

  @Field(() => CreditsScalar, { nullable: true, description: 'Most overage credits a period; null: no cap.' })
  readonly cap!: bigint | null;
}

@InputType({ description: 'A policy for overage.' })
export class SetOveragePolicyInput {
  @Field(() => ID, { description: 'The billing entity.' })
  readonly billingEntityId!: string;

  @Field(() => Boolean, { description: 'True to allow overage.' })
  readonly enabled!: boolean;

  @Field(() => CreditsScalar, { nullable: true, description: 'Absent or null: no cap.' })
  readonly cap?: bigint | null;
}
