import { Arg, Args, Ctx, FieldResolver, ID, Mutation, Resolver, Root } from 'type-graphql';
import type { IssuedEndpoint, WebhookEndpoint as DomainEndpoint } from '../../alerts/webhooks/endpoints.ts';
import type { WebhookDelivery as DomainDelivery } from '../../alerts/webhooks/webhook.entity.ts';
import { requirePrincipal } from '../../billing-entities/access.ts';
import type { BillingEntity as Row } from '../../billing-entities/billing-entity.entity.ts';
import type { Page } from '../../kernel/pagination.ts';
import { parseWebhookDeliveryId } from '../../kernel/public-ids.ts';
import { BillingEntityInput } from '../billing-entities/billing-entity.inputs.ts';
import { BillingEntity } from '../billing-entities/billing-entity.type.ts';
import { nullUnless, requireAllowed } from '../request/authorization.ts';
import type { RequestContext } from '../request/context.ts';
import { PageArgs, pageKeyOf } from '../types/page.args.ts';
import {
  SetWebhookEndpointInput,
  WebhookDelivery,
  WebhookDeliveryConnection,
  WebhookEndpoint,
  WebhookEndpointPayload,
} from './webhook.type.ts';

@Resolver(() => WebhookEndpoint)
export class WebhookResolver {
  @Mutation(() => WebhookEndpointPayload, {
    description:
      'Sets the address that events are sent to. A new address gets a new secret, which is in this answer and never again; what is still to be sent goes there. The same address again enables the endpoint and keeps its secret. BAD_USER_INPUT: the address is not allowed. The user, OWNER, ADMIN and BILLING.',
  })
  async setWebhookEndpoint(
    @Arg('input', () => SetWebhookEndpointInput, { description: 'The entity, and the address.' })
    input: SetWebhookEndpointInput,
    @Ctx() context: RequestContext,
  ): Promise<IssuedEndpoint> {
    const { billingEntityId } = await requireAllowed(context, input.billingEntityId, 'webhooks.set');
    return context.services.webhookEndpoints.set(requirePrincipal(context.principal), billingEntityId, input.url);
  }

  @Mutation(() => WebhookEndpointPayload, {
    description:
      'Gives the endpoint a new secret, which is in this answer and never again. For 24 hours the old one signs as well, and `webhook-signature` holds both signatures; a second rotation meanwhile ends the oldest. CONFLICT: there is no endpoint. The user, OWNER, ADMIN and BILLING.',
  })
  async rotateWebhookSecret(
    @Arg('input', () => BillingEntityInput, { description: 'The entity.' }) input: BillingEntityInput,
    @Ctx() context: RequestContext,
  ): Promise<IssuedEndpoint> {
    const { billingEntityId } = await requireAllowed(context, input.billingEntityId, 'webhooks.set');
    return context.services.webhookEndpoints.rotate(requirePrincipal(context.principal), billingEntityId);
  }

  @Mutation(() => WebhookDelivery, {
    description:
      'Queues a `webhook.test` event, whose first attempt is made at once, and answers it before that. CONFLICT: there is no endpoint, or it is disabled. RATE_LIMITED: 100 deliveries wait. The user, OWNER, ADMIN and BILLING.',
  })
  async testWebhook(
    @Arg('input', () => BillingEntityInput, { description: 'The entity.' }) input: BillingEntityInput,
    @Ctx() context: RequestContext,
  ): Promise<DomainDelivery> {
    const { billingEntityId } = await requireAllowed(context, input.billingEntityId, 'webhooks.set');
    return context.services.webhookDeliveries.test(requirePrincipal(context.principal), billingEntityId);
  }

  @Mutation(() => WebhookDelivery, {
    description:
      'Sends a delivery again, whatever became of it: with the same `webhook-id` and body, in a new round of attempts. One that is due or under way stays as it is. CONFLICT: there is no endpoint, or it is disabled. RATE_LIMITED: 100 deliveries wait. The user, OWNER, ADMIN and BILLING.',
  })
  async resendWebhookDelivery(
    @Arg('id', () => ID, { description: 'The delivery’s id.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<DomainDelivery> {
    const principal = requirePrincipal(context.principal);
    const ref = parseWebhookDeliveryId(id);
    await requireAllowed(context, ref.billingEntityId, 'webhooks.set');
    return context.services.webhookDeliveries.resend(principal, ref);
  }

  @FieldResolver(() => WebhookDeliveryConnection, {
    description: 'The entity’s deliveries of the last thirty days, newest first, to whichever address they went.',
  })
  deliveries(
    @Root() endpoint: DomainEndpoint,
    @Args(() => PageArgs) args: PageArgs,
    @Ctx() { loaders }: RequestContext,
  ): Promise<Page<DomainDelivery>> {
    return loaders.pages.webhookDeliveries.load(pageKeyOf(endpoint, args, {}));
  }
}

@Resolver(() => BillingEntity)
export class WebhookOfEntityResolver {
  @FieldResolver(() => WebhookEndpoint, {
    nullable: true,
    description: 'Where its events are sent. null: nowhere, or the caller may not read it.',
  })
  webhookEndpoint(@Root() entity: Row, @Ctx() context: RequestContext): Promise<DomainEndpoint | null> {
    return nullUnless(context, { entity, operation: 'webhooks.read' }, () =>
      context.loaders.webhookEndpoint.load(entity.billingEntityId),
    );
  }
}
