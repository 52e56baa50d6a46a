import { ArgsType, Extensions, Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { PlanCode } from '../../plans/plans.ts';
import { plainValues } from '../execution/price.ts';
import { connectionOf } from '../types/connection.type.ts';
import { PlanChangeTimingEnum } from '../types/enums.ts';
import { PageArgs } from '../types/page.args.ts';
import { CreditsScalar, DateTimeScalar, PlanCodeScalar } from '../types/scalars.ts';

@ObjectType({ simpleResolvers: true, description: 'An invoice of the payment provider’s.' })
export class Invoice {
  @Field(() => ID, { description: 'The payment provider’s id: opaque.' })
  readonly id!: string;

  @Field(() => String, { nullable: true, description: 'Its number; null: a draft has none.' })
  readonly number!: string | null;

  @Field(() => String, { description: 'The payment provider’s word for how it stands, such as open or paid.' })
  readonly status!: string;

  @Field(() => Int, { description: 'What it comes to, in cents. Saturates at 2^31−1.' })
  readonly totalCents!: number;

  @Field(() => String, { description: 'Of the amounts: usd.' })
  readonly currency!: string;

  @Field(() => DateTimeScalar, { description: 'When what it bills began.' })
  readonly periodStart!: Date;

  @Field(() => DateTimeScalar, { description: 'When it ended.' })
  readonly periodEnd!: Date;

  @Field(() => String, { nullable: true, description: 'Where it is shown and paid; null: a draft is not.' })
  readonly hostedUrl!: string | null;

  @Field(() => String, { nullable: true, description: 'It as a file; null: there is none yet.' })
  readonly pdfUrl!: string | null;

  @Field(() => DateTimeScalar, { description: 'When it was made.' })
  readonly createdAt!: Date;
}

export const InvoiceConnection = connectionOf('Invoice', () => Invoice, 'invoices');

@ArgsType()
export class InvoicesArgs extends PageArgs {
  @Field(() => Int, { defaultValue: 12, description: 'How many: 1 to 100.' })
  override readonly first!: number;
}

@ObjectType({ simpleResolvers: true, description: 'What the next invoice would come to as things stand.' })
export class UpcomingInvoice {
  @Field(() => Int, { description: 'All of it, in cents. Saturates at 2^31−1.' })
  readonly totalCents!: number;

  @Field(() => Int, { description: 'Its overage, as far as it has been reported, in cents. Saturates at 2^31−1.' })
  readonly overageCents!: number;

  @Field(() => String, { description: 'Of the amounts: usd.' })
  readonly currency!: string;

  @Field(() => DateTimeScalar, { description: 'When it is charged.' })
  readonly dueAt!: Date;
}

@ObjectType({ simpleResolvers: true, description: 'What a change of plan would come to now.' })
export class PlanChangePreview {
  @Field(() => PlanChangeTimingEnum, { description: 'When it would take effect.' })
  readonly timing!: string;

  @Field(() => DateTimeScalar, { description: 'At which instant, if it is paid at once.' })
  readonly effectiveAt!: Date;

  @Field(() => Int, { description: 'US cents. Saturates at 2^31−1.' })
  readonly dueNowCents!: number;

  @Field(() => CreditsScalar, { description: 'Credits that it brings once it is paid.' })
  readonly creditsAdded!: bigint;

  @Field(() => Int, { description: 'US cents of the plan in the next period, without overage. Saturates at 2^31−1.' })
  readonly nextInvoiceCents!: number;

  @Extensions({ price: plainValues })
  @Field(() => [String], { description: 'Features that the plan would no longer grant.' })
  readonly featuresLost!: readonly string[];

  @Field(() => Boolean, {
    description: 'changePlan would be CONFLICT: there is nothing to charge yet, use Checkout.',
  })
  readonly checkoutRequired!: boolean;
}

@InputType({ description: 'Upgrades take effect at once, with proration; downgrades at the end of the period.' })
export class ChangePlanInput {
  @Field(() => ID, { description: 'Whose plan.' })
  readonly billingEntityId!: string;

  @Field(() => PlanCodeScalar, { description: 'The plan that it shall be. FREE_TRIAL: the subscription ends.' })
  readonly plan!: PlanCode;

  @Field(() => Int, { defaultValue: 1, description: 'Units of it: 1 to 1000.' })
  readonly quantity!: number;
}

@InputType({ description: 'What a Checkout page shall sell: a plan, or credits once.' })
export class CreateCheckoutSessionInput {
  @Field(() => ID, { description: 'For whom.' })
  readonly billingEntityId!: string;

  @Field(() => PlanCodeScalar, { nullable: true, description: 'Subscribe to this plan …' })
  readonly plan?: PlanCode | null;

  @Field(() => Int, { defaultValue: 1, description: 'Units of the plan: 1 to 1000.' })
  readonly quantity!: number;

  @Field(() => CreditsScalar, {
    nullable: true,
    description: '… or buy this many credits once: a multiple of 250, at least 12 500.',
  })
  readonly credits?: bigint | null;

  @Field(() => String, {
    description: 'Where the payer comes back to. {CHECKOUT_SESSION_ID} in it is filled in, for completeCheckout.',
  })
  readonly successUrl!: string;

  @Field(() => String, { description: 'Where somebody comes back to who buys nothing.' })
  readonly cancelUrl!: string;
}

@InputType({ description: 'Whose portal page, and where it leads back to.' })
export class CreateBillingPortalSessionInput {
  @Field(() => ID, { description: 'Whose.' })
  readonly billingEntityId!: string;

  @Field(() => String, { description: 'Where the payer comes back to.' })
  readonly returnUrl!: string;
}
