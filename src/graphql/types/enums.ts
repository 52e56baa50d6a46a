/** The contract's enums. Output enums name members that later operations bring: clients generate types from them once. */
import { registerEnumType } from 'type-graphql';

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

export const BillingEntityTypeEnum = register('BillingEntityType', 'What kind of holder of credits it is.', {
  USER: 'A person.',
  ORGANIZATION: 'An organization.',
});
export const BillingEntityStatusEnum = register('BillingEntityStatus', 'Whether a billing entity may use credits.', {
  ACTIVE: 'It may.',
  SUSPENDED: 'All new use is refused with ENTITY_SUSPENDED until an operator reinstates it.',
});
export const OrganizationVisibilityEnum = register(
  'OrganizationVisibility',
  'Who pays for use inside an organization.',
  {
    PRIVATE: 'The organization’s pool pays for its members.',
    PUBLIC: 'Each member pays from their own balance, and is tracked alone.',
  },
);
export const ViewerKindEnum = register('ViewerKind', 'What kind of caller a token makes.', {
  USER: 'A person, for themselves.',
  SERVICE: 'A platform back end: meters use for any user or organization, administers nothing.',
  OPERATOR: 'Runs this installation: everything, on every entity.',
  API_KEY: 'An API key: use on behalf of its billing entity.',
});
export const CreditGrantSourceEnum = register('CreditGrantSource', 'Where granted credits come from.', {
  TRIAL: 'The free trial, once. Promotional.',
  SUBSCRIPTION: 'A paid period of a plan.',
  PURCHASE: 'Bought once.',
  PROMOTION: 'Given away by an operator. Promotional.',
  ADJUSTMENT: 'A correction by an operator. Promotional.',
  TRANSFER: 'From another account; of the class of its origin.',
});
export const LedgerEntryKindEnum = register('LedgerEntryKind', 'What an entry of the ledger records.', {
  GRANT: 'Credits arrived. A grant of later stands first with 0 and again when it takes effect.',
  CONSUMPTION: 'Use was charged; also for 0 credits.',
  OVERAGE: 'Use beyond the allowance.',
  HOLD: 'Credits were reserved.',
  RELEASE: 'Reserved credits were let go.',
  EXPIRY: 'What remained of a grant lapsed.',
  REFUND: 'A usage record was refunded.',
  ADJUSTMENT: 'An operator corrected the balance.',
  TRANSFER_IN: 'Credits came from another account.',
  TRANSFER_OUT: 'Credits went to another account.',
  CLAWBACK: 'A refunded or disputed payment took its credits back.',
  REPAYMENT: 'New credits paid what was owed.',
});
export const BillingSubscriptionStatusEnum = register('BillingSubscriptionStatus', 'How a subscription stands.', {
  TRIALING: 'Its trial runs.',
  ACTIVE: 'It is paid.',
  PAST_DUE: 'A payment failed and is tried again. What is there can be used until the grace ends; overage cannot.',
  UNPAID: 'A payment failed for good. All use is refused.',
  INCOMPLETE: 'The first payment is missing, so that it has not begun.',
  PAUSED: 'It rests.',
  CANCELED: 'It has ended.',
});
export const PlanChangeTimingEnum = register('PlanChangeTiming', 'When a change of plan takes effect.', {
  NOW: 'At once.',
  WHEN_PAID: 'As soon as it is paid.',
  PERIOD_END: 'When the period ends.',
});
export const UsageResourceEnum = register('UsageResource', 'What is metered.', {
  AI_TOKENS: 'Unit: one token.',
  COMPUTE: 'Unit: one millisecond.',
});
export const BillingModeEnum = register('BillingMode', 'Which lines of use are charged.', {
  FULL: 'Tokens and compute are charged.',
  COMPUTE_ONLY: 'Tokens are recorded at 0 credits, compute is charged.',
});
export const ApiKeyTypeEnum = register('ApiKeyType', 'What kind of key it is.', {
  PLATFORM: 'A bearer token of this service: use for its billing entity, and nothing else.',
  CUSTOM: 'The customer’s own key of a model provider, kept encrypted for services that call the provider.',
});
export const ApiKeyProviderEnum = register('ApiKeyProvider', 'Whose models a key is for.', {
  OPENAI: 'OpenAI.',
  ANTHROPIC: 'Anthropic.',
});
export const ApiKeyStatusEnum = register('ApiKeyStatus', 'Whether a key may be used.', {
  ACTIVE: 'It may.',
  EXPIRED: 'Its time ran out.',
  REVOKED: 'It was ended, for good.',
});
export const UsageIntervalEnum = register('UsageInterval', 'How long each bucket of a summary is.', {
  HOUR: 'An hour.',
  DAY: 'A day, from midnight to midnight in the time zone.',
  MONTH: 'A calendar month of the time zone.',
  TOTAL: 'All the time asked for.',
});
export const UsageDimensionEnum = register('UsageDimension', 'What a summary tells apart besides time.', {
  USER: 'Who used it.',
  API_KEY: 'On which key.',
  RESOURCE: 'What was used.',
  BILLING_MODE: 'Which lines were charged.',
  FEATURE: 'What it was used for.',
});
export const ReservationStatusEnum = register('ReservationStatus', 'What became of a reservation.', {
  HELD: 'Its credits are kept.',
  SETTLED: 'Use was charged against it.',
  RELEASED: 'It was let go.',
  EXPIRED: 'Its time ran out.',
});
export const ExportKindEnum = register('ExportKind', 'What can be had as a file.', {
  USAGE: 'Usage records, by occurredAt, newest first.',
  LEDGER: 'Ledger entries, newest first.',
});
export const UsageRefusalReasonEnum = register('UsageRefusalReason', 'Why use was refused.', {
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
  'Which limit refused: the tightest one, when several would.',
  {
    BALANCE: 'The payer’s balance.',
    OVERAGE_CAP: 'The cap on overage.',
    MEMBER: 'The member’s limit.',
    API_KEY: 'The key’s limit.',
    PLAN: 'What the plan grants.',
  },
);
export const MemberRoleEnum = register('MemberRole', 'What a member may do in an organization.', {
  OWNER: 'Everything.',
  ADMIN: 'Everything but making, changing, demoting, suspending or removing an OWNER.',
  BILLING: 'Reads everything and looks after plans and money; no members, keys or names.',
  MEMBER: 'Uses; reads name, plan and balance, and of records, summaries and members only their own.',
});
export const MembershipStatusEnum = register(
  'MembershipStatus',
  'Whether a member may use credits here, or is asked to be one.',
  {
    ACTIVE: 'They may.',
    SUSPENDED: 'All new use here is refused with MEMBER_SUSPENDED. They read what a MEMBER reads, and change nothing.',
    INVITED: 'Asked, and has not answered: no rights, no use.',
  },
);
