/** The contract's enums. Output enums also name members that later operations will return: clients generate types once. */
import { registerEnumType } from 'type-graphql';
import type { FindingKind } from '../../subscriptions/findings.ts';

function register<const Members extends Readonly<Record<string, string>>>(
  name: string,
  description: string,
  members: Members,
): { readonly [Member in keyof Members]: Member } {
  const values = Object.fromEntries(Object.keys(members).map((member) => [member, member]));
  const valuesConfig = Object.fromEntries(
    Object.entries(members).map(([member, text]) => [member, { description: text }]),
  );
  registerEnumType(values, { name, description, valuesConfig });
  return values as { readonly [Member in keyof Members]: Member };
}

export const BillingEntityTypeEnum = register('BillingEntityType', 'The kind of billing entity.', {
  USER: 'A person.',
  ORGANIZATION: 'An organization.',
});
export const BillingEntityStatusEnum = register('BillingEntityStatus', 'The status of a billing entity.', {
  ACTIVE: 'It can use credits.',
  SUSPENDED: 'All new use is refused with ENTITY_SUSPENDED until an operator reinstates it.',
});
export const OrganizationVisibilityEnum = register(
  'OrganizationVisibility',
  'The payer of use inside an organization.',
  {
    PRIVATE: 'The organization’s pool pays for its members.',
    PUBLIC: 'Each member pays from their own balance, and is tracked alone.',
  },
);
export const AlertTypeEnum = register('AlertType', 'The kind of alert. Kinds may be added: keep a default branch.', {
  WARNING: 'A threshold of the entity’s own choice: of credits used, or of credits left.',
  CRITICAL: 'The same, of a higher severity.',
  EXHAUSTED: 'Nothing is available, or use was refused for want of credits, whichever came first.',
  OVERAGE_STARTED: 'The first overage of a period.',
  OVERAGE_CAP_REACHED: 'The overage cap is used up, or use was first refused for it. Once a period.',
  PAYMENT_FAILED: 'An invoice was not paid. Once an invoice.',
  MEMBER_LIMIT: 'A member came to 80 % or 100 % of their limit. Once each a period.',
  RECOVERED: 'Credits became available after EXHAUSTED.',
});
export const AlertChannelEnum = register('AlertChannel', 'The place where alerts are told.', {
  IN_APP: 'Live, by `alertRaised`.',
  EMAIL: 'To the addresses in `alertEmails`.',
  WEBHOOK: 'To the webhook endpoint.',
});
export const ViewerKindEnum = register('ViewerKind', 'The kind of caller.', {
  USER: 'A person, for themselves.',
  SERVICE: 'A platform back end: meters use for any user or organization, administers nothing.',
  OPERATOR: 'Runs this installation: everything, on every entity.',
  API_KEY: 'An API key: use on behalf of its billing entity.',
});
export const CreditGrantSourceEnum = register('CreditGrantSource', 'The source of granted credits.', {
  TRIAL: 'The free trial, once. Promotional.',
  SUBSCRIPTION: 'A paid period of a plan.',
  PURCHASE: 'Bought once.',
  PROMOTION: 'Given away by an operator. Promotional.',
  ADJUSTMENT: 'A correction by an operator. Promotional.',
  TRANSFER: 'From another account; of the class of its origin.',
});
export const LedgerEntryKindEnum = register(
  'LedgerEntryKind',
  'The kind of change that an entry of the ledger records.',
  {
    GRANT: 'Credits arrived. A grant with a later start has one entry of 0 now and another when it takes effect.',
    CONSUMPTION: 'Use was charged; also for 0 credits.',
    OVERAGE: 'Use beyond the allowance.',
    HOLD: 'Credits were reserved.',
    RELEASE: 'Reserved credits were released.',
    EXPIRY: 'The rest of a grant expired.',
    REFUND: 'A usage record was refunded.',
    ADJUSTMENT: 'An operator corrected the balance.',
    TRANSFER_IN: 'Credits came from another account.',
    TRANSFER_OUT: 'Credits went to another account.',
    CLAWBACK: 'A refunded or disputed payment took its credits back.',
    REPAYMENT: 'New credits paid what was owed.',
  },
);
export const BillingSubscriptionStatusEnum = register('BillingSubscriptionStatus', 'The status of a subscription.', {
  TRIALING: 'Its trial runs.',
  ACTIVE: 'It is paid.',
  PAST_DUE: 'A payment failed and is retried. Credits can be used until the grace period ends; overage cannot.',
  UNPAID: 'A payment failed for good. All use is refused.',
  INCOMPLETE: 'The first payment is missing, so it has not begun.',
  PAUSED: 'It is paused.',
  CANCELED: 'It has ended.',
});
export const SubscriptionWaitKindEnum = register(
  'SubscriptionWaitKind',
  'A part of a subscription that waits, and for whom. More kinds may come: show the reason of one that is not known.',
  {
    PAYMENT_METHOD_MISSING:
      'For the payer: no payment method is on file, so that overage ends at what this installation allows without one.',
    OVERAGE_UNBILLED:
      'For the seller: the subscription has no item that bills overage, so that overage is not allowed.',
    PERIOD_UNPAID: 'For the payer: nobody has paid for the running period, whose credits come when it is paid.',
    COLLECTION_PAUSED: 'For the seller: collection is paused, so that periods bring no credits.',
    SEVERAL_PRICES: 'For the seller: the subscription has several prices of its plan, whose units only people change.',
    SHORT_PERIODS: 'For the seller: periods are shorter than a month, and bring their share when they are paid.',
    MONEY_BACK_UNTOLD: 'For the seller: money went back, and nobody knows which credits it had paid for.',
    CUSTOMER_UNKNOWN:
      'For the seller: the payment provider does not know the payer any more, so that nothing new is followed.',
    SCHEDULED_AWAY: 'For the seller: a schedule takes the plan away on a day to come, and it ends here then.',
    PENDING_CHANGE:
      'For the seller: a change that is more than one of units waits for its payment, and counts when it is paid.',
    MIXED_INTERVALS:
      'For the seller: prices of the plan are billed by different intervals; periods follow one of them.',
    OTHER_CURRENCY: 'For the seller: it is billed in another currency than the amounts that are shown.',
    OTHER_ITEMS: 'For the seller: it sells something besides its plan, of which nothing is followed.',
    OTHER_SUBSCRIPTION: 'For the seller: the payer has another subscription that is no plan’s, and is not followed.',
    SECOND_SUBSCRIPTION: 'For the seller: a second subscription could not be undone yet.',
    OVERAGE_TWICE: 'For the seller: several items bill the same overage.',
    UNITS_IN_PACKAGES: 'For the seller: its price is for packages of units, and each unit counts as one.',
    MANY_ITEMS: 'For the seller: it has more items than are read.',
    UNKNOWN_STATUS: 'For the seller: its status at the payment provider is not known to this release.',
  } satisfies Readonly<Record<FindingKind, string>>,
);
export const PlanChangeTimingEnum = register('PlanChangeTiming', 'When a change of plan takes effect.', {
  NOW: 'At once.',
  WHEN_PAID: 'As soon as it is paid.',
  PERIOD_END: 'When the period ends.',
});
export const UsageResourceEnum = register('UsageResource', 'A metered resource.', {
  AI_TOKENS: 'Unit: one token.',
  COMPUTE: 'Unit: one millisecond.',
});
export const BillingModeEnum = register('BillingMode', 'The billing mode, which says what is charged.', {
  FULL: 'Tokens and compute are charged.',
  COMPUTE_ONLY: 'Tokens are recorded at 0 credits, compute is charged.',
});
export const ApiKeyTypeEnum = register('ApiKeyType', 'The kind of API key.', {
  PLATFORM: 'A bearer token of this service: use for its billing entity, and nothing else.',
  CUSTOM: 'The customer’s own key of a model provider, kept encrypted for services that call the provider.',
});
export const ApiKeyProviderEnum = register('ApiKeyProvider', 'The provider of the models that a key is for.', {
  OPENAI: 'OpenAI.',
  ANTHROPIC: 'Anthropic.',
});
export const ApiKeyStatusEnum = register('ApiKeyStatus', 'The status of an API key.', {
  ACTIVE: 'It can be used.',
  EXPIRED: 'It expired.',
  REVOKED: 'It was revoked, for good.',
});
export const UsageIntervalEnum = register('UsageInterval', 'The length of each bucket of a summary.', {
  HOUR: 'An hour.',
  DAY: 'A day, from midnight to midnight in the time zone.',
  MONTH: 'A calendar month of the time zone.',
  TOTAL: 'All the time asked for.',
});
export const UsageDimensionEnum = register('UsageDimension', 'A dimension of a summary, besides time.', {
  USER: 'The user.',
  API_KEY: 'The key that the use ran on.',
  RESOURCE: 'The resource.',
  BILLING_MODE: 'The billing mode.',
  FEATURE: 'The feature of the use.',
  MODEL: 'The model that did the work.',
  ORGANIZATION: 'The organization that it was used in.',
});
export const ReservationStatusEnum = register('ReservationStatus', 'The status of a reservation.', {
  HELD: 'Its credits are reserved.',
  SETTLED: 'Use was charged against it.',
  RELEASED: 'It was released without use.',
  EXPIRED: 'It ran out of time.',
});
export const ExportKindEnum = register('ExportKind', 'The kind of file.', {
  USAGE: 'Usage records, by occurredAt, newest first.',
  LEDGER: 'Ledger entries, newest first.',
});
export const UsageRefusalReasonEnum = register('UsageRefusalReason', 'The reason that use was refused.', {
  INSUFFICIENT_CREDITS: 'There are not enough credits, and no overage is allowed.',
  OVERAGE_CAP_REACHED: 'It would pass the cap on overage.',
  MEMBER_LIMIT_REACHED: 'It would pass the member’s limit in the pool.',
  API_KEY_LIMIT_REACHED: 'It would pass the key’s limit.',
  FEATURE_NOT_IN_PLAN: 'The payer’s plan does not grant the feature.',
  ENTITY_SUSPENDED: 'The payer, the user or the organization is suspended.',
  MEMBER_SUSPENDED: 'The membership is suspended.',
  PAYMENT_PAST_DUE: 'The subscription is unpaid.',
});
export const UsageLimitScopeEnum = register(
  'UsageLimitScope',
  'The limit that refused: the tightest one, when several would.',
  {
    BALANCE: 'The payer’s balance.',
    OVERAGE_CAP: 'The cap on overage.',
    MEMBER: 'The member’s limit.',
    API_KEY: 'The key’s limit.',
    PLAN: 'The plan’s features.',
  },
);
export const MemberRoleEnum = register('MemberRole', 'The role of a member in an organization.', {
  OWNER: 'Everything.',
  ADMIN: 'Everything but making, changing, demoting, suspending or removing an OWNER.',
  BILLING: 'Reads everything and manages plans and payments; no members, keys or names.',
  MEMBER: 'Uses credits; reads name, plan and balance, and only their own records, summaries and membership.',
});
export const MembershipStatusEnum = register('MembershipStatus', 'The status of a membership.', {
  ACTIVE: 'They can use credits here.',
  SUSPENDED: 'All new use here is refused with MEMBER_SUSPENDED. They read what a MEMBER reads, and change nothing.',
  INVITED: 'Invited, and has not answered: no rights and no use.',
});
export const WebhookDeliveryStatusEnum = register('WebhookDeliveryStatus', 'The state of a webhook delivery.', {
  PENDING: 'It is sent, now or at the next attempt.',
  DELIVERED: 'The receiver answered with a 2xx status.',
  FAILED: 'It is not tried again by itself: the attempts are used up, or the endpoint was disabled or removed.',
});
