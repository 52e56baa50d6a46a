/** Every operation and every field: how it is asked for, and what it takes. */
import type { Operation } from '../../src/billing-entities/authorization.ts';
import {
  type CallerName,
  CALLERS,
  type Caller,
  ids,
  invite,
  key,
  LINES,
  type Target,
  type TargetKind,
} from './authorization-world.ts';

/** `unseen`: exactly as if there were no such thing. `allowed`: not refused for who asks, whatever else comes of it. */
export type Verdict = 'unseen' | 'FORBIDDEN' | 'allowed';

export interface Row {
  readonly ask: (target: Target, caller: CallerName) => string;
  /** Of the table; or what holds whoever the entity is: everybody, everybody with a token, operators. */
  readonly needs: Operation | 'nothing' | 'a token' | 'to be an operator' | 'to be a service';
  /** Absent: both kinds. */
  readonly on?: TargetKind;
  /** What the table alone does not say, of the member’s own account and of the organization. */
  readonly but?: Readonly<Partial<Record<CallerName, Verdict>>>;
  readonly butThere?: Readonly<Partial<Record<CallerName, Verdict>>>;
  /** Undoes what it did to the organization, for those who ask after. */
  readonly after?: () => Promise<unknown>;
}

/** Use by the member alone; or in the organization, by whoever asks or, where nobody does for themselves, by the member. */
function useOf({ type, externalId }: Target, caller: CallerName): string {
  const { subject = 'member' }: Caller = CALLERS[caller];
  const who = type === 'USER' ? externalId : `${subject}", organizationExternalId: "${externalId}`;
  return `${LINES}, userExternalId: "${who}"`;
}

/** Of whoever reserved, which is a platform here: who reads reservations sees it, and may not touch it. */
const OF_OTHERS = {
  needs: 'credits.consume',
  but: { MEMBER: 'FORBIDDEN' },
  butThere: {
    MEMBER: 'unseen',
    'a suspended ADMIN': 'unseen',
    'an API key': 'unseen',
    BILLING: 'FORBIDDEN',
    ADMIN: 'FORBIDDEN',
    OWNER: 'FORBIDDEN',
  },
} as const;

/** A suspended member is told so as data; an organization's key may name its members, whose use the pool pays. */
const USE = {
  needs: 'credits.consume',
  but: { 'an API key': 'allowed' },
  butThere: { 'a suspended ADMIN': 'allowed' },
} as const;
const ANSWERED = {
  MEMBER: 'allowed',
  'a suspended ADMIN': 'allowed',
  BILLING: 'allowed',
  ADMIN: 'allowed',
  OWNER: 'allowed',
} as const;

const byId = ({ id }: Target): string => `billingEntityId: "${id}"`;

export const ROWS: Readonly<Record<string, Row>> = {
  'Query.viewer': { needs: 'a token', ask: () => '{ viewer { kind memberships { id } } }' },
  'Query.plans': { needs: 'nothing', ask: () => '{ plans { code } }' },
  'Query.creditRates': { needs: 'nothing', ask: () => '{ creditRates { resource } }' },
  'Query.failedJobs': { needs: 'to be an operator', ask: () => '{ failedJobs { edges { cursor } } }' },
  // There is none of this id: told to nobody but operators.
  'Mutation.retryJob': {
    needs: 'to be an operator',
    ask: () => 'mutation { retryJob(id: "0") }',
    but: { OPERATOR: 'unseen' },
    butThere: { OPERATOR: 'unseen' },
  },
  'Query.billingEntities': { needs: 'to be an operator', ask: () => '{ billingEntities { edges { cursor } } }' },
  'Query.billingEntity': { needs: 'entity.read', ask: ({ id }) => `{ billingEntity(id: "${id}") { name } }` },
  // What is not a billing entity is asked for in nodes.test.ts.
  'Query.node': { needs: 'entity.read', ask: ({ id }) => `{ node(id: "${id}") { id } }` },
  'Query.billingEntityByExternalId': {
    needs: 'entity.read',
    ask: ({ type, externalId }) => `{ billingEntityByExternalId(type: ${type}, externalId: "${externalId}") { name } }`,
  },
  'Query.verifyLedger': {
    needs: 'ledger.verify',
    ask: (target) => `{ verifyLedger(${byId(target)}) { consistent } }`,
  },
  'Query.hasFeature': {
    needs: 'entity.read',
    ask: (target) => `{ hasFeature(${byId(target)}, feature: "basic_chatflows") }`,
  },
  'Mutation.setOveragePolicy': {
    needs: 'overage.set',
    ask: (target) => `mutation { setOveragePolicy(input: { ${byId(target)}, enabled: false }) { enabled } }`,
  },
  'Query.previewPlanChange': {
    needs: 'plan.change',
    ask: (target) => `{ previewPlanChange(input: { ${byId(target)}, plan: PRO }) { timing } }`,
  },
  'Mutation.changePlan': {
    needs: 'plan.change',
    ask: (target) => `mutation { changePlan(input: { ${byId(target)}, plan: PRO }) { id } }`,
  },
  'Mutation.cancelSubscription': {
    needs: 'plan.change',
    ask: (target) => `mutation { cancelSubscription(input: { ${byId(target)} }) { id } }`,
  },
  'Mutation.resumeSubscription': {
    needs: 'plan.change',
    ask: (target) => `mutation { resumeSubscription(input: { ${byId(target)} }) { id } }`,
  },
  'Mutation.createBillingPortalSession': {
    needs: 'plan.change',
    ask: (target) =>
      `mutation { createBillingPortalSession(input: { ${byId(target)}, returnUrl: "http://localhost/" }) { url } }`,
  },
  'Mutation.createCheckoutSession': {
    needs: 'credits.purchase',
    ask: (target) =>
      `mutation { createCheckoutSession(input: { ${byId(target)}, credits: 12500, successUrl: "http://localhost/", cancelUrl: "http://localhost/" }) { url } }`,
  },
  'Mutation.completeCheckout': {
    needs: 'credits.purchase',
    ask: (target) => `mutation { completeCheckout(${byId(target)}, sessionId: "cs_1") { id } }`,
  },
  'Query.checkUsage': {
    ...USE,
    ask: (target, caller) => `{ checkUsage(input: { ${useOf(target, caller)} }) { allowed } }`,
  },
  'Mutation.consumeCredits': {
    ...USE,
    ask: (target, caller) =>
      `mutation { consumeCredits(input: { ${key()}, ${useOf(target, caller)} }) { __typename } }`,
  },
  // Of a batch, what is wrong with an item is data.
  'Mutation.consumeCreditsBatch': {
    needs: 'a token',
    ask: ({ externalId }) =>
      `mutation { consumeCreditsBatch(inputs: [{ ${key()}, ${LINES}, userExternalId: "${externalId}" }]) { __typename } }`,
  },
  'Mutation.reserveCredits': {
    ...USE,
    ask: (target, caller) =>
      `mutation { reserveCredits(input: { ${key()}, ${useOf(target, caller)} }) { __typename } }`,
  },
  'Mutation.extendReservation': {
    ...OF_OTHERS,
    ask: ({ reservationId: id }) => `mutation { extendReservation(id: "${id}", ttlSeconds: 600) { status } }`,
  },
  'Mutation.releaseReservation': {
    ...OF_OTHERS,
    ask: ({ reservationId: id }) => `mutation { releaseReservation(id: "${id}") { status } }`,
  },
  'Mutation.refundUsage': {
    needs: 'credits.refund',
    ask: ({ recordId: id }) =>
      `mutation { refundUsage(recordId: "${id}", ${key()}, reason: "it failed") { replayed } }`,
  },
  'Mutation.grantCredits': {
    needs: 'credits.grant',
    ask: (target) =>
      `mutation { grantCredits(input: { ${byId(target)}, ${key()}, amount: 5, source: PURCHASE, reason: "r" }) { replayed } }`,
  },
  'Mutation.adjustCredits': {
    needs: 'credits.adjust',
    ask: (target) =>
      `mutation { adjustCredits(input: { ${byId(target)}, ${key()}, amount: 5, reason: "r" }) { replayed } }`,
  },
  'Mutation.transferCredits': {
    needs: 'credits.transfer',
    // Who administrates takes back what came from the pool, though the account does not exist for them otherwise.
    but: { OWNER: 'allowed', ADMIN: 'allowed' },
    // For a key no account but its own exists, so that there is none to move credits to.
    butThere: { 'an API key': 'unseen' },
    ask: ({ id, type }, caller) => {
      const { subject = 'member' }: Caller = CALLERS[caller];
      const to = type === 'USER' ? ids['acme'] : ids[subject];
      return `mutation { transferCredits(input: { ${key()}, fromBillingEntityId: "${id}", toBillingEntityId: "${to}", amount: 1 }) { __typename } }`;
    },
  },
  'Mutation.createExport': {
    needs: 'usage.export',
    ask: (target) => `mutation { createExport(input: { ${byId(target)}, kind: USAGE }) { __typename } }`,
  },
  'Mutation.createExport of the ledger': {
    needs: 'ledger.read',
    ask: (target) => `mutation { createExport(input: { ${byId(target)}, kind: LEDGER }) { __typename } }`,
  },
  'Mutation.createApiKey': {
    needs: 'apiKeys.create',
    ask: (target) =>
      `mutation { createApiKey(input: { ${byId(target)}, name: "a key", type: PLATFORM, provider: OPENAI }) { secret } }`,
  },
  'Mutation.updateApiKey': {
    needs: 'apiKeys.update',
    ask: ({ apiKeyId: id }) => `mutation { updateApiKey(input: { id: "${id}", name: "the key" }) { name } }`,
  },
  // An overlap, so that the key that asks elsewhere here goes on.
  'Mutation.rotateApiKey': {
    needs: 'apiKeys.rotate',
    ask: ({ apiKeyId: id }) => `mutation { rotateApiKey(input: { id: "${id}", overlapSeconds: 3600 }) { secret } }`,
  },
  'Mutation.revokeApiKey': {
    needs: 'apiKeys.revoke',
    ask: ({ apiKeyId: id }) => `mutation { revokeApiKey(id: "${id}") { status } }`,
  },
  'Mutation.setAlertPreferences': {
    needs: 'alertPreferences.set',
    ask: (target) => `mutation { setAlertPreferences(input: { ${byId(target)}, preferences: [] }) { type } }`,
  },
  'Mutation.acknowledgeAlert': {
    needs: 'alerts.acknowledge',
    ask: ({ alertId: id }) => `mutation { acknowledgeAlert(id: "${id}") { acknowledgedAt } }`,
  },
  'Mutation.setWebhookEndpoint': {
    needs: 'webhooks.set',
    ask: (target) =>
      `mutation { setWebhookEndpoint(input: { ${byId(target)}, url: "http://127.0.0.1:9/" }) { endpoint { enabled } } }`,
  },
  'Mutation.rotateWebhookSecret': {
    needs: 'webhooks.set',
    ask: (target) => `mutation { rotateWebhookSecret(input: { ${byId(target)} }) { secret } }`,
  },
  'Mutation.testWebhook': {
    needs: 'webhooks.set',
    ask: (target) => `mutation { testWebhook(input: { ${byId(target)} }) { status } }`,
  },
  'Mutation.resendWebhookDelivery': {
    needs: 'webhooks.set',
    ask: ({ webhookDeliveryId: id }) => `mutation { resendWebhookDelivery(id: "${id}") { status } }`,
  },
  'Mutation.providerSecret': {
    needs: 'to be a service',
    on: 'USER',
    ask: ({ externalId }) =>
      `mutation { providerSecret(input: { provider: OPENAI, userExternalId: "${externalId}" }) { secret } }`,
  },
  'Mutation.createOrganization': {
    needs: 'a token',
    but: { 'an API key': 'FORBIDDEN' },
    butThere: { 'an API key': 'FORBIDDEN' },
    ask: ({ externalId }) => `mutation { createOrganization(input: { externalId: "${externalId}", name: "" }) { id } }`,
  },
  'Mutation.updateOrganization': {
    needs: 'organization.update',
    ask: (target) => `mutation { updateOrganization(input: { ${byId(target)}, name: "Acme" }) { name } }`,
  },
  'Mutation.setMember': {
    needs: 'members.set',
    ask: (target) =>
      `mutation { setMember(input: { ${byId(target)}, userExternalId: "extra", role: MEMBER }) { role } }`,
  },
  'Mutation.setMember of an owner': {
    needs: 'members.setOwner',
    ask: (target) =>
      `mutation { setMember(input: { ${byId(target)}, userExternalId: "owner", role: OWNER }) { role } }`,
  },
  'Mutation.removeMember': {
    needs: 'members.remove',
    ask: (target) => `mutation { removeMember(input: { ${byId(target)}, userExternalId: "extra" }) }`,
  },
  // Who belongs there already is answered the same again.
  'Mutation.acceptInvitation': {
    needs: 'invitation.answer',
    butThere: ANSWERED,
    ask: (target) => `mutation { acceptInvitation(${byId(target)}) { role } }`,
    after: invite,
  },
  'Mutation.declineInvitation': {
    needs: 'invitation.answer',
    butThere: ANSWERED,
    ask: (target) => `mutation { declineInvitation(${byId(target)}) }`,
    after: invite,
  },
  'Mutation.setOrganizationExternalId': {
    needs: 'organization.setExternalId',
    ask: (target) =>
      `mutation { setOrganizationExternalId(input: { ${byId(target)}, externalId: "${target.externalId}", reason: "as it was" }) { id } }`,
  },
  'Mutation.suspendBillingEntity': {
    needs: 'entity.suspend',
    ask: (target) => `mutation { suspendBillingEntity(input: { ${byId(target)} }, reason: "") { status } }`,
  },
  'Mutation.reinstateBillingEntity': {
    needs: 'entity.suspend',
    ask: (target) => `mutation { reinstateBillingEntity(input: { ${byId(target)} }) { status } }`,
  },
  'Subscription.balanceUpdated': {
    needs: 'credits.read',
    ask: (target) => `subscription { balanceUpdated(${byId(target)}) { version } }`,
  },
  'Subscription.alertRaised': {
    needs: 'alerts.read',
    ask: (target) => `subscription { alertRaised(${byId(target)}) { id } }`,
  },
  'Subscription.usageRecorded': {
    needs: 'usage.read',
    ask: (target) => `subscription { usageRecorded(${byId(target)}) { skipped } }`,
  },
};

/** Every field of a billing entity: how it is asked for, and what it takes to read it. Non-null ones are answered to all who see it. */
export const FIELDS: Readonly<
  Record<string, { readonly ask?: string; readonly needs: Operation; readonly on?: TargetKind }>
> = {
  id: { needs: 'entity.read' },
  type: { needs: 'entity.read' },
  externalId: { needs: 'entity.read' },
  name: { needs: 'entity.read' },
  status: { needs: 'entity.read' },
  createdAt: { needs: 'entity.read' },
  visibility: { needs: 'entity.read', on: 'ORGANIZATION' },
  suspendedAt: { needs: 'entity.read' },
  suspensionReason: { needs: 'entity.read' },
  credits: { ask: 'credits { available }', needs: 'credits.read' },
  plan: { ask: 'plan { code }', needs: 'entity.read' },
  features: { needs: 'entity.read' },
  viewerPermissions: { needs: 'entity.read' },
  subscription: { ask: 'subscription { id }', needs: 'subscription.read' },
  overagePolicy: { ask: 'overagePolicy { enabled }', needs: 'subscription.read' },
  invoices: { ask: 'invoices { edges { cursor } }', needs: 'invoices.read' },
  upcomingInvoice: { ask: 'upcomingInvoice { totalCents }', needs: 'invoices.read' },
  forecast: { ask: 'forecast { dailyBurn }', needs: 'forecast.read' },
  grants: { ask: 'grants { edges { cursor } }', needs: 'grants.read' },
  ledger: { ask: 'ledger { edges { cursor } }', needs: 'ledger.read' },
  reservations: { ask: 'reservations { edges { cursor } }', needs: 'reservations.read' },
  usage: { ask: 'usage { edges { node { user { externalId } ledgerEntry { id } } } }', needs: 'usage.read' },
  usageRecord: { ask: 'usageRecord(id: "RECORD") { id }', needs: 'usage.readAll' },
  usageSummary: {
    ask: 'usageSummary(from: "2020-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z", interval: TOTAL, groupBy: [USER]) { user { externalId } }',
    needs: 'usage.read',
  },
  members: {
    ask: 'members { edges { node { user { externalId } usedThisPeriod } } }',
    needs: 'members.read',
    on: 'ORGANIZATION',
  },
  apiKeys: { ask: 'apiKeys { edges { cursor } }', needs: 'apiKeys.read' },
  apiKey: { ask: 'apiKey(id: "KEY") { id }', needs: 'apiKeys.read' },
  webhookEndpoint: { ask: 'webhookEndpoint { url deliveries { edges { cursor } } }', needs: 'webhooks.read' },
  alerts: { ask: 'alerts { edges { cursor } }', needs: 'alerts.read' },
  alertPreferences: { ask: 'alertPreferences { type }', needs: 'alertPreferences.read' },
  alertEmails: { needs: 'alertEmails.read' },
  auditLog: { ask: 'auditLog { edges { node { action } } }', needs: 'auditLog.read' },
};
/** Null also for who may read them, as long as nobody suspended it, and nothing is to be paid. */
export const OFTEN_NULL = ['suspendedAt', 'suspensionReason', 'upcomingInvoice'];

/** Empty for who may not read them. */
export const NEVER_NULL = ['usage', 'usageSummary'];
