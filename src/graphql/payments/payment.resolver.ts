import { Arg, Args, Ctx, Extensions, FieldResolver, ID, Mutation, Query, Resolver, Root } from 'type-graphql';
import { requirePrincipal } from '../../billing-entities/access.ts';
import type { BillingEntity as Row } from '../../billing-entities/billing-entity.entity.ts';
import { type Page, toPage } from '../../kernel/pagination.ts';
import { Refusal } from '../../kernel/refusal.ts';
import type { Subscription } from '../../subscriptions/plan-state.ts';
import { BillingEntityInput } from '../billing-entities/billing-entity.inputs.ts';
import { BillingEntity } from '../billing-entities/billing-entity.type.ts';
import { aPage, PROVIDER_CALL, withWork } from '../execution/price.ts';
import { nullUnless, requireAllowed } from '../request/authorization.ts';
import type { RequestContext } from '../request/context.ts';
import { HostedSession } from '../types/hosted-session.type.ts';
import { pageOf } from '../types/page.args.ts';
import {
  ChangePlanInput,
  CreateBillingPortalSessionInput,
  CreateCheckoutSessionInput,
  type Invoice,
  InvoiceConnection,
  InvoicesArgs,
  PlanChangePreview,
  UpcomingInvoice,
} from './payment.type.ts';
import { BillingSubscription } from './subscription.type.ts';

/** Plans and credits for money, by way of the payment provider. */
@Resolver(() => BillingEntity)
export class PaymentResolver {
  @Extensions({ price: withWork(PROVIDER_CALL) })
  @Query(() => PlanChangePreview, {
    description: 'What changePlan would do now. Changes nothing. More units while an invoice is open: CONFLICT.',
  })
  async previewPlanChange(
    @Arg('input', () => ChangePlanInput, { description: 'Which change.' }) input: ChangePlanInput,
    @Ctx() context: RequestContext,
  ): Promise<PlanChangePreview> {
    const { billingEntityId } = await requireAllowed(context, input.billingEntityId, 'plan.change');
    return offered(context.services.planChanges).preview(billingEntityId, input);
  }

  @Extensions({ price: withWork(PROVIDER_CALL) })
  @Mutation(() => HostedSession, {
    description:
      'A page where a plan or credits are paid for. Who has a subscription changes its plan instead: CONFLICT. Return addresses of origins that are not allowed here: BAD_USER_INPUT.',
  })
  async createCheckoutSession(
    @Arg('input', () => CreateCheckoutSessionInput, { description: 'What it shall sell, to whom.' })
    { billingEntityId, plan = null, credits = null, quantity, successUrl, cancelUrl }: CreateCheckoutSessionInput,
    @Ctx() context: RequestContext,
  ): Promise<HostedSession> {
    const payer = await requireAllowed(context, billingEntityId, 'credits.purchase');
    return offered(context.services.checkout).open(payer, { plan, credits, quantity, successUrl, cancelUrl });
  }

  @Extensions({ price: withWork(PROVIDER_CALL) })
  @Mutation(() => BillingSubscription, {
    description:
      'For the success page: fetches what Checkout did, whether the webhook came or not. Again: the same. Not paid yet: CONFLICT. Who bought credits and has no subscription is told the free trial’s terms.',
  })
  async completeCheckout(
    @Arg('billingEntityId', () => ID, { description: 'Who paid.' }) id: string,
    @Arg('sessionId', () => ID, { description: 'The session, as the return address had it.' }) sessionId: string,
    @Ctx() context: RequestContext,
  ): Promise<Subscription> {
    const payer = await requireAllowed(context, id, 'credits.purchase');
    return offered(context.services.checkout).complete(payer, sessionId);
  }

  @Extensions({ price: withWork(PROVIDER_CALL) })
  @Mutation(() => HostedSession, { description: 'A page with the payer’s invoices, cards and subscription.' })
  async createBillingPortalSession(
    @Arg('input', () => CreateBillingPortalSessionInput, { description: 'Whose, and where it leads back to.' })
    { billingEntityId, returnUrl }: CreateBillingPortalSessionInput,
    @Ctx() context: RequestContext,
  ): Promise<HostedSession> {
    const payer = await requireAllowed(context, billingEntityId, 'plan.change');
    return offered(context.services.checkout).openPortal(payer, { returnUrl });
  }

  @Extensions({ price: withWork(PROVIDER_CALL) })
  @Mutation(() => BillingSubscription, {
    description:
      'More units at once: charged now, with their credits when that is paid; until then `pendingPayment` says where. Fewer units, or FREE_TRIAL: when the period ends. What was scheduled before is overtaken. Without a subscription: CONFLICT, use Checkout.',
  })
  async changePlan(
    @Arg('input', () => ChangePlanInput, { description: 'Which change.' }) input: ChangePlanInput,
    @Ctx() context: RequestContext,
  ): Promise<Subscription> {
    const { billingEntityId } = await requireAllowed(context, input.billingEntityId, 'plan.change');
    return offered(context.services.planChanges).change(requirePrincipal(context.principal), billingEntityId, input);
  }

  @Extensions({ price: withWork(PROVIDER_CALL) })
  @Mutation(() => BillingSubscription, {
    description:
      'The subscription ends with its period. What waits for its payment, or was scheduled, is given up. Again: the same. Without one: CONFLICT.',
  })
  async cancelSubscription(
    @Arg('input', () => BillingEntityInput, { description: 'Whose.' }) input: BillingEntityInput,
    @Ctx() context: RequestContext,
  ): Promise<Subscription> {
    const { billingEntityId } = await requireAllowed(context, input.billingEntityId, 'plan.change');
    return offered(context.services.planChanges).cancel(requirePrincipal(context.principal), billingEntityId);
  }

  @Extensions({ price: withWork(PROVIDER_CALL) })
  @Mutation(() => BillingSubscription, {
    description: 'A subscription that was to end goes on. Again: the same. One that has ended: CONFLICT.',
  })
  async resumeSubscription(
    @Arg('input', () => BillingEntityInput, { description: 'Whose.' }) input: BillingEntityInput,
    @Ctx() context: RequestContext,
  ): Promise<Subscription> {
    const { billingEntityId } = await requireAllowed(context, input.billingEntityId, 'plan.change');
    return offered(context.services.planChanges).resume(requirePrincipal(context.principal), billingEntityId);
  }

  @Extensions({ price: withWork(PROVIDER_CALL, aPage) })
  @FieldResolver(() => InvoiceConnection, {
    nullable: true,
    description:
      'Its invoices, newest first, as the payment provider has them. null: the caller may not read them, or the provider is away.',
  })
  invoices(
    @Root() entity: Row,
    @Args(() => InvoicesArgs) args: InvoicesArgs,
    @Ctx() context: RequestContext,
  ): Promise<Page<Invoice> | null> {
    return nullUnless(context, { entity, operation: 'invoices.read' }, () => {
      const page = pageOf(args);
      return context.services.invoices?.list(entity.billingEntityId, page) ?? toPage<Invoice>([], page, () => []);
    });
  }

  @Extensions({ price: withWork(PROVIDER_CALL) })
  @FieldResolver(() => UpcomingInvoice, {
    nullable: true,
    description:
      'Its next invoice as things stand. null: there is none to come, the caller may not read it, or the payment provider is away.',
  })
  upcomingInvoice(@Root() entity: Row, @Ctx() context: RequestContext): Promise<UpcomingInvoice | null> {
    return nullUnless(context, { entity, operation: 'invoices.read' }, () => {
      return context.services.invoices?.upcoming(entity.billingEntityId) ?? null;
    });
  }
}

/** @throws Refusal PAYMENT_PROVIDER_ERROR in an installation without a payment provider */
function offered<T>(service: T | null): T {
  if (service === null) throw new Refusal('PAYMENT_PROVIDER_ERROR', 'nothing can be paid here');
  return service;
}
