import 'reflect-metadata';
import { type GraphQLSchema, isAbstractType } from 'graphql';
import { buildSchema } from 'type-graphql';
import { AlertResolver, AlertsOfEntityResolver } from './alerts/alert.resolver.ts';
import { WebhookOfEntityResolver, WebhookResolver } from './alerts/webhook.resolver.ts';
import { ApiKeyResolver, ApiKeysOfEntityResolver } from './api-keys/api-key.resolver.ts';
import { AuditLogResolver } from './audit-log/audit-log.resolver.ts';
import { BillingEntityResolver } from './billing-entities/billing-entity.resolver.ts';
import { AdministrationResolver } from './credits/administration.resolver.ts';
import { BalanceResolver } from './credits/balance.resolver.ts';
import { AlertEmailsResolver } from './alerts/alert-emails.resolver.ts';
import { CreditsOfEntityResolver } from './credits/credits-of-entity.resolver.ts';
import { LedgerEntryResolver } from './credits/ledger-entry.resolver.ts';
import { saturateInts } from './execution/saturation.ts';
import { ExportResolver } from './exports/export.resolver.ts';
import { FailedJobResolver } from './failed-jobs/failed-job.resolver.ts';
import { NodeResolver } from './nodes/node.resolver.ts';
import { MembersOfEntityResolver } from './organizations/members-of-entity.resolver.ts';
import { InvitationResolver, MembershipResolver } from './organizations/membership.resolver.ts';
import { OrganizationResolver } from './organizations/organization.resolver.ts';
import { PaymentResolver } from './payments/payment.resolver.ts';
import { SubscriptionResolver } from './payments/subscription.resolver.ts';
import { PlanResolver } from './plans/plan.resolver.ts';
import { ConsumptionResolver } from './usage/consumption.resolver.ts';
import { ReservationResolver } from './usage/reservation.resolver.ts';
import { UsageOfEntityResolver } from './usage/usage-of-entity.resolver.ts';
import { UsageOfLedgerEntryResolver } from './usage/usage-of-ledger-entry.resolver.ts';
import { CreditDrawResolver, UsageRecordResolver } from './usage/usage-record.resolver.ts';
import { ViewerResolver } from './viewer/viewer.resolver.ts';

/** The API, assembled from its resolvers. */
export async function buildTollgateSchema(): Promise<GraphQLSchema> {
  const schema = await buildSchema({
    resolvers: [
      AdministrationResolver,
      ApiKeyResolver,
      ApiKeysOfEntityResolver,
      AuditLogResolver,
      BalanceResolver,
      BillingEntityResolver,
      ConsumptionResolver,
      CreditDrawResolver,
      AlertEmailsResolver,
      AlertResolver,
      AlertsOfEntityResolver,
      CreditsOfEntityResolver,
      ExportResolver,
      FailedJobResolver,
      InvitationResolver,
      LedgerEntryResolver,
      MembershipResolver,
      MembersOfEntityResolver,
      NodeResolver,
      OrganizationResolver,
      PaymentResolver,
      PlanResolver,
      ReservationResolver,
      SubscriptionResolver,
      UsageOfEntityResolver,
      UsageOfLedgerEntryResolver,
      UsageRecordResolver,
      ViewerResolver,
      WebhookOfEntityResolver,
      WebhookResolver,
    ],
    // Scalars check inputs, and the domain checks them again for every caller.
    validate: false,
    // Each subscription brings its own source.
    pubSub: NO_PUB_SUB,
  });
  for (const root of [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]) {
    if (root) root.description = ROOTS[root.name as keyof typeof ROOTS];
  }
  return resolveTypesByTypename(saturateInts(schema));
}

/**
 * Resolves unions and interfaces by the value's own `__typename`. type-graphql's `resolveType` is async: it would turn
 * every answer that leads through one into a promise.
 */
function resolveTypesByTypename(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (isAbstractType(type)) type.resolveType = (value) => typenameOf(value);
  }
  return schema;
}

function typenameOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('__typename' in value)) return undefined;
  return typeof value.__typename === 'string' ? value.__typename : undefined;
}

const ROOTS = {
  Query: 'Reads. Things that the caller may not see do not exist for them: null or NOT_FOUND.',
  Mutation: 'Changes. A command with an idempotency key takes effect once, forever.',
  Subscription: 'Live, over the WebSocket `/graphql` (protocol graphql-transport-ws).',
} as const;

const NO_PUB_SUB = {
  publish(): never {
    throw new Error('events come from src/live');
  },
  subscribe(): never {
    throw new Error('events come from src/live');
  },
};
