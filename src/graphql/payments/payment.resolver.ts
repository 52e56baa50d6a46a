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
    description:
      'The effect of changePlan, if it ran now. Changes nothing. CONFLICT: more units while an invoice is open.',
  })
  async previewPlanChange(
    @Arg('input', () => ChangePlanInput, { description: 'The change.' }) input: ChangePlanInput,
    @Ctx() context: RequestContext,
  ): Promise<PlanChangePreview> {
    const { billingEntityId } = await requireAllowed(context, input.billingEntityId, 'plan.change');
    return offered(context.services.planChanges).preview(billingEntityId, input);
  }

  @Extensions({ price: withWork(PROVIDER_CALL) })
  @Mutation(() => HostedSession, {
    description:
      'A page where a plan or credits are paid for. CONFLICT: the payer has a subscription, whose plan they change instead. BAD_USER_INPUT: a return address of an origin that is not allowed here.',
  })
  async createCheckoutSession(
    @Arg('input', () => CreateCheckoutSessionInput, { description: 'The plan or the credits to sell, and the payer.' })
    { billingEntityId, plan = null, credits = null, quantity, successUrl, cancelUrl }: CreateCheckoutSessionInput,
    @Ctx() context: RequestContext,
  ): Promise<HostedSession> {
    const payer = await requireAllowed(context, billingEntityId, 'credits.purchase');
    const request = { plan, credits, quantity, successUrl, cancelUrl, email: emailOf(context) };
    return offered(context.services.checkout).open(payer, request);
  }

  @Extensions({ price: withWork(PROVIDER_CALL) })
  @Mutation(() => BillingSubscription, {
    description:
      'For the success page: fetches the result of Checkout, whether the webhook came or not. A second call has the same answer. CONFLICT: not paid yet. A payer who bought credits and has no subscription gets the free trial’s terms.',
  })
  async completeCheckout(
    @Arg('billingEntityId', () => ID, { description: 'The payer.' }) id: string,
    @Arg('sessionId', () => ID, { description: 'The session, as the return address had it.' }) sessionId: string,
    @Ctx() context: RequestContext,
  ): Promise<Subscription> {
    const payer = await requireAllowed(context, id, 'credits.purchase');
    return offered(context.services.checkout).complete(payer, sessionId);
  }

  @Extensions({ price: withWork(PROVIDER_CALL) })
  @Mutation(() => HostedSession, { description: 'A page with the payer’s invoices, cards and subscription.' })
  async createBillingPortalSession(
    @Arg('input', () => CreateBillingPortalSessionInput, { description: 'The payer, and the address to return to.' })
    { billingEntityId, returnUrl }: CreateBillingPortalSessionInput,
    @Ctx() context: RequestContext,
  ): Promise<HostedSession> {
    const payer = await requireAllowed(context, billingEntityId, 'plan.change');
    return offered(context.services.checkout).openPortal(payer, { returnUrl, email: emailOf(context) });
  }

  @Extensions({ price: withWork(PROVIDER_CALL) })
  @Mutation(() => BillingSubscription, {
    description:
      'More units take effect at once: they are charged now, and their credits come when that is paid; until then `pendingPayment` says where to pay. Fewer units, or FREE_TRIAL, take effect when the period ends. The change replaces one that was scheduled before. CONFLICT: there is no subscription; use Checkout.',
  })
  async changePlan(
    @Arg('input', () => ChangePlanInput, { description: 'The change.' }) input: ChangePlanInput,
    @Ctx() context: RequestContext,
  ): Promise<Subscription> {
    const { billingEntityId } = await requireAllowed(context, input.billingEntityId, 'plan.change');
    return offered(context.services.planChanges).change(requirePrincipal(context.principal), billingEntityId, input);
  }

  @Extensions({ price: withWork(PROVIDER_CALL) })
  @Mutation(() => BillingSubscription, {
    description:
      'Ends the subscription with its period. A change that waits for its payment, or is scheduled, is given up. A second call has the same answer. CONFLICT: there is none.',
  })
  async cancelSubscription(
    @Arg('input', () => BillingEntityInput, { description: 'The payer.' }) input: BillingEntityInput,
    @Ctx() context: RequestContext,
  ): Promise<Subscription> {
    const { billingEntityId } = await requireAllowed(context, input.billingEntityId, 'plan.change');
    return offered(context.services.planChanges).cancel(requirePrincipal(context.principal), billingEntityId);
  }

  @Extensions({ price: withWork(PROVIDER_CALL) })
  @Mutation(() => BillingSubscription, {
    description: 'Continues a subscription that was to end. A second call has the same answer. CONFLICT: it has ended.',
  })
  async resumeSubscription(
    @Arg('input', () => BillingEntityInput, { description: 'The payer.' }) input: BillingEntityInput,
    @Ctx() context: RequestContext,
  ): Promise<Subscription> {
    const { billingEntityId } = await requireAllowed(context, input.billingEntityId, 'plan.change');
    return offered(context.services.planChanges).resume(requirePrincipal(context.principal), billingEntityId);
  }

  @Extensions({ price: withWork(PROVIDER_CALL, aPage) })
  @FieldResolver(() => InvoiceConnection, {
    nullable: true,
    description:
      'Its invoices, newest first, as the payment provider has them. null: the caller may not read them, or the provider cannot be reached.',
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
      'Its next invoice as things stand. null: none is to come, the caller may not read it, or the payment provider cannot be reached.',
  })
  upcomingInvoice(@Root() entity: Row, @Ctx() context: RequestContext): Promise<UpcomingInvoice | null> {
    return nullUnless(context, { entity, operation: 'invoices.read' }, () => {
      return context.services.invoices?.upcoming(entity.billingEntityId) ?? null;
    });
  }
}

/** The e-mail address that the caller's token vouches for; undefined: none. */
function emailOf({ principal }: RequestContext): string | undefined {
  return principal?.kind === 'USER' ? principal.email : undefined;
}

/** @throws Refusal PAYMENT_PROVIDER_ERROR in an installation without a payment provider */
function offered<T>(service: T | null): T {
  if (service === null) throw new Refusal('PAYMENT_PROVIDER_ERROR', 'this installation has no payment provider');
  return service;
}
