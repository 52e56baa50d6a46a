import { Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { SubscriptionStatus } from '../../ledger/rules/subscription.ts';
import { Plan } from '../plans/plan.type.ts';
import { BillingSubscriptionStatusEnum } from '../types/enums.ts';
import { CreditsScalar, DateTimeScalar } from '../types/scalars.ts';

@ObjectType({ simpleResolvers: true, description: 'A change of plan that waits for the payer.' })
export class PendingPayment {
  @Field(() => Plan, { description: 'The plan that it leads to.' })
  readonly plan!: Plan;

  @Field(() => Int, { description: 'The units that it leads to.' })
  readonly quantity!: number;

  @Field(() => String, { description: 'Where the payer finishes it.' })
  readonly hostedUrl!: string;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Until when; null: nobody says.' })
  readonly expiresAt!: Date | null;
}

@ObjectType({
  simpleResolvers: true,
  description: 'A billing entity’s subscription. (`Subscription` names GraphQL’s own root type.)',
})
export class BillingSubscription {
  @Field(() => ID, { description: 'The payment provider’s id: opaque.' })
  readonly id!: string;

  @Field(() => Plan, { description: 'What is subscribed to.' })
  readonly plan!: Plan;

  @Field(() => Int, { description: 'Units of the plan: an organization pools quantity × credits.' })
  readonly quantity!: number;

  @Field(() => BillingSubscriptionStatusEnum, { description: 'How it stands.' })
  readonly status!: SubscriptionStatus;

  @Field(() => DateTimeScalar, { description: 'When the current period began.' })
  readonly currentPeriodStart!: Date;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'When it ends; null: nothing was paid yet, so that none has begun.',
  })
  readonly currentPeriodEnd!: Date | null;

  @Field(() => Boolean, { description: 'It ends with the period, and the free trial’s terms hold again.' })
  readonly cancelAtPeriodEnd!: boolean;

  @Field(() => Plan, {
    nullable: true,
    description: 'What the subscription becomes when the period ends, if a downgrade is scheduled.',
  })
  readonly scheduledPlan!: Plan | null;

  @Field(() => Int, { nullable: true, description: 'The units it then has, if that changes.' })
  readonly scheduledQuantity!: number | null;

  @Field(() => PendingPayment, { nullable: true, description: 'A change that waits for the payer.' })
  readonly pendingPayment!: PendingPayment | null;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'PAST_DUE: use of what is there goes on until then.',
  })
  readonly graceEndsAt!: Date | null;
}

@ObjectType({ simpleResolvers: true, description: 'Whether use may go on as overage, which is billed.' })
export class OveragePolicy {
  @Field(() => Boolean, { description: 'It may, where the plan allows overage and nothing is past due.' })
  readonly enabled!: boolean;

  @Field(() => CreditsScalar, { nullable: true, description: 'Most overage credits a period; null: no cap.' })
  readonly cap!: bigint | null;
}

@InputType({ description: 'Whether use may go on as overage.' })
export class SetOveragePolicyInput {
  @Field(() => ID, { description: 'Whose policy.' })
  readonly billingEntityId!: string;

  @Field(() => Boolean, { description: 'Whether it may.' })
  readonly enabled!: boolean;

  @Field(() => CreditsScalar, { nullable: true, description: 'Absent or null: no cap.' })
  readonly cap?: bigint | null;
}
