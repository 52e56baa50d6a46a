import { Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { WebhookEndpoint as DomainEndpoint } from '../../alerts/webhooks/endpoints.ts';
import type { WebhookDeliveryStatus } from '../../alerts/webhooks/webhook.entity.ts';
import { webhookDeliveryId } from '../../kernel/public-ids.ts';
import { connectionOf } from '../types/connection.type.ts';
import { WebhookDeliveryStatusEnum } from '../types/enums.ts';
import { DateTimeScalar } from '../types/scalars.ts';

@ObjectType({
  description:
    'The address that a billing entity’s events are sent to, signed as Standard Webhooks says. Read by the user it belongs to, by OWNER, ADMIN and BILLING, and by operators.',
})
export class WebhookEndpoint {
  /** Not a field: whose it is. */
  readonly billingEntityId!: string;

  @Field(() => String, { simple: true, description: 'The address, as it was set.' })
  readonly url!: string;

  @Field(() => Boolean, {
    simple: true,
    description: 'False: nothing is sent. Set the same address again to enable it.',
  })
  readonly enabled!: boolean;

  @Field(() => DateTimeScalar, { simple: true, description: 'When it was first set.' })
  readonly createdAt!: Date;

  @Field(() => DateTimeScalar, {
    simple: true,
    nullable: true,
    description: 'When it was disabled by itself; null: it is enabled.',
  })
  readonly disabledAt!: Date | null;

  @Field(() => String, {
    simple: true,
    nullable: true,
    description: 'Why it was disabled, in words for people; null: it is enabled.',
  })
  readonly disabledReason!: string | null;
}

@ObjectType({ description: 'An event that was or will be sent to the endpoint. It is kept for thirty days.' })
export class WebhookDelivery {
  /** Not fields: together the public id. */
  readonly billingEntityId!: string;
  readonly id!: string;

  @Field(() => ID, {
    name: 'id',
    description: 'Opaque and stable. Every attempt bears it as `webhook-id`, those of a resend too.',
  })
  get publicId(): string {
    return webhookDeliveryId(this.billingEntityId, this.id);
  }

  @Field(() => String, { simple: true, description: 'The type of the event: alert.raised or webhook.test.' })
  readonly eventType!: string;

  @Field(() => WebhookDeliveryStatusEnum, { simple: true, description: 'What became of it so far.' })
  readonly status!: WebhookDeliveryStatus;

  @Field(() => Int, { simple: true, description: 'Attempts that were begun, those of resends included.' })
  readonly attempts!: number;

  @Field(() => Int, {
    simple: true,
    nullable: true,
    description:
      'The HTTP status that the last attempt was answered with; null: there was no answer, or no attempt yet.',
  })
  readonly responseStatus!: number | null;

  @Field(() => String, {
    simple: true,
    nullable: true,
    description: 'Why the last attempt did not deliver it, in words for people; null: it did, or there was none yet.',
  })
  readonly error!: string | null;

  @Field(() => DateTimeScalar, { simple: true, description: 'When it was queued.' })
  readonly createdAt!: Date;

  @Field(() => DateTimeScalar, {
    simple: true,
    nullable: true,
    description: 'When the next attempt is due; while one is under way, when that one was. null: unless PENDING.',
  })
  readonly nextAttemptAt!: Date | null;

  @Field(() => DateTimeScalar, {
    simple: true,
    nullable: true,
    description: 'When the receiver took it; null: unless DELIVERED.',
  })
  readonly deliveredAt!: Date | null;
}

export const WebhookDeliveryConnection = connectionOf(
  'WebhookDelivery',
  () => WebhookDelivery,
  'webhook deliveries, newest first',
);

@ObjectType({ simpleResolvers: true, description: 'A webhook endpoint, and its secret if it is shown.' })
export class WebhookEndpointPayload {
  @Field(() => WebhookEndpoint, { nullable: true, description: 'The endpoint; null: there is none.' })
  readonly endpoint!: DomainEndpoint | null;

  @Field(() => String, {
    nullable: true,
    description:
      'The new secret that signs, `whsec_` and base64, shown this once; null: the secret is the one of before, or there is none.',
  })
  readonly secret!: string | null;
}

@InputType({ description: 'Where a billing entity’s events are sent.' })
export class SetWebhookEndpointInput {
  @Field(() => ID, { description: 'The billing entity.' })
  readonly billingEntityId!: string;

  @Field(() => String, {
    nullable: true,
    description:
      'An https:// address of a public host, at most 2048 characters, without user name and fragment; port 443, or one of 1024 and more. null removes the endpoint; absent: nothing changes.',
  })
  readonly url?: string | null;
}
