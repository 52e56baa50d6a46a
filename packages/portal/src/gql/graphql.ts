/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** A correction by hand. */
export type AdjustCreditsInput = {
  /** Credits, not 0. Negative takes away; more than is available: CONFLICT. */
  amount: number;
  /** The billing entity whose balance changes. */
  billingEntityId: string;
  /** 1 to 200 characters, unique per billing entity over all commands: the command takes effect once, and a retry gets the first answer. */
  idempotencyKey: string;
  /** The reason: 1 to 1000 characters. */
  reason: string;
};

/** The place where alerts are told. */
export type AlertChannel =
  /** To the addresses in `alertEmails`. */
  | 'EMAIL'
  /** Live, by `alertRaised`. */
  | 'IN_APP'
  /** To the webhook endpoint. */
  | 'WEBHOOK';

/** WARNING and CRITICAL name either a level or what remains, never both; other types name neither. BAD_USER_INPUT otherwise. */
export type AlertPreferenceInput = {
  /** Where it is told. */
  channels: Array<AlertChannel>;
  /** False: it is silenced. */
  enabled?: boolean;
  /** Share of the allowance used, above 0 and at most 1, with at most three decimals. */
  level?: number | null | undefined;
  /** Credits left, above 0. */
  remaining?: number | null | undefined;
  /** The type of alert. */
  type: AlertType;
};

/** The kind of alert. Kinds may be added: keep a default branch. */
export type AlertType =
  /** The same, of a higher severity. */
  | 'CRITICAL'
  /** Nothing is available, or use was refused for want of credits, whichever came first. */
  | 'EXHAUSTED'
  /** A member came to 80 % or 100 % of their limit. Once each a period. */
  | 'MEMBER_LIMIT'
  /** The overage cap is used up, or use was first refused for it. Once a period. */
  | 'OVERAGE_CAP_REACHED'
  /** The first overage of a period. */
  | 'OVERAGE_STARTED'
  /** An invoice was not paid. Once an invoice. */
  | 'PAYMENT_FAILED'
  /** Credits became available after EXHAUSTED. */
  | 'RECOVERED'
  /** A threshold of the entity’s own choice: of credits used, or of credits left. */
  | 'WARNING';

/** The provider of the models that a key is for. */
export type ApiKeyProvider =
  /** Anthropic. */
  | 'ANTHROPIC'
  /** OpenAI. */
  | 'OPENAI';

/** The status of an API key. */
export type ApiKeyStatus =
  /** It can be used. */
  | 'ACTIVE'
  /** It expired. */
  | 'EXPIRED'
  /** It was revoked, for good. */
  | 'REVOKED';

/** The kind of API key. */
export type ApiKeyType =
  /** The customer’s own key of a model provider, kept encrypted for services that call the provider. */
  | 'CUSTOM'
  /** A bearer token of this service: use for its billing entity, and nothing else. */
  | 'PLATFORM';

/** A filter of the audit log; every condition must hold. */
export type AuditLogFilter = {
  /** These acts, such as member.set. */
  actions?: Array<string> | null | undefined;
  /** By these actors, such as `user:ann`. */
  actors?: Array<string> | null | undefined;
  /** Done at or after this. */
  from?: string | null | undefined;
  /** Done before this. */
  to?: string | null | undefined;
};

/** Names a billing entity. */
export type BillingEntityInput = {
  /** Its id. */
  billingEntityId: string;
};

/** The status of a billing entity. */
export type BillingEntityStatus =
  /** It can use credits. */
  | 'ACTIVE'
  /** All new use is refused with ENTITY_SUSPENDED until an operator reinstates it. */
  | 'SUSPENDED';

/** The kind of billing entity. */
export type BillingEntityType =
  /** An organization. */
  | 'ORGANIZATION'
  /** A person. */
  | 'USER';

/** The billing mode, which says what is charged. */
export type BillingMode =
  /** Tokens are recorded at 0 credits, compute is charged. */
  | 'COMPUTE_ONLY'
  /** Tokens and compute are charged. */
  | 'FULL';

/** The status of a subscription. */
export type BillingSubscriptionStatus =
  /** It is paid. */
  | 'ACTIVE'
  /** It has ended. */
  | 'CANCELED'
  /** The first payment is missing, so it has not begun. */
  | 'INCOMPLETE'
  /** A payment failed and is retried. Credits can be used until the grace period ends; overage cannot. */
  | 'PAST_DUE'
  /** It is paused. */
  | 'PAUSED'
  /** Its trial runs. */
  | 'TRIALING'
  /** A payment failed for good. All use is refused. */
  | 'UNPAID';

/** Upgrades take effect at once, with proration; downgrades at the end of the period. */
export type ChangePlanInput = {
  /** The billing entity whose plan changes. */
  billingEntityId: string;
  /** The new plan. FREE_TRIAL: the subscription ends. */
  plan: string;
  /** Units of it: 1 to 1000. */
  quantity?: number;
};

/** One consumption. */
export type ConsumeCreditsInput = {
  /** The key that the work ran on; it decides the billing mode. FULL when absent; CONFLICT when revoked or expired. */
  apiKeyId?: string | null | undefined;
  /** Refused unless the payer’s plan grants this feature. */
  feature?: string | null | undefined;
  /** 1 to 200 characters, unique per payer over all commands. The same key with the same effective input (implied or named alike) gives the first success again; with another, IDEMPOTENCY_KEY_REUSED. Never forgotten. A refusal is not remembered: the same key may succeed once credits arrive. */
  idempotencyKey: string;
  /** 1 to 10 lines, charged together or not at all. */
  lines: Array<UsageLineInput>;
  /** Data that the caller wants to find on the record. It is kept as it was sent, or refused: BAD_USER_INPUT (in a batch: that item alone). Send numbers of more than 15 digits as strings. At most 4 KiB. */
  metadata?: Record<string, unknown> | null | undefined;
  /** When the use happened; now when absent; at most 35 days ago and 5 minutes ahead. */
  occurredAt?: string | null | undefined;
  /** The organization it was used in. NOT_FOUND: it is unknown, or private and the user is no member. An API key’s own organization is implied. */
  organizationExternalId?: string | null | undefined;
  /** Settles this reservation: charges the use and releases the rest. For a SERVICE or OPERATOR admitted work is always recorded in full: the excess over the hold is taken from available, then overage, then owed. For a USER or an API key the excess must fit as new use would; else the answer is UsageRefused and the hold stays. CONFLICT: the caller lost the right to new use. Payer, user, organization, key, mode and feature are the reservation’s; CONFLICT: another one is named. CONFLICT: the reservation is already settled, released or expired, and no longer protects. */
  reservationId?: string | null | undefined;
  /** The user. Services must name the user; a user’s own token implies it. An organization’s API key may leave it out. */
  userExternalId?: string | null | undefined;
};

/** A new key. */
export type CreateApiKeyInput = {
  /** The billing entity that it will belong to. */
  billingEntityId: string;
  /** FULL for PLATFORM keys. CUSTOM keys default to COMPUTE_ONLY. */
  billingMode?: BillingMode | null | undefined;
  /** Most credits a period of each payer, 0 or more; absent or null: no limit. */
  creditLimit?: number | null | undefined;
  /** The end, in the future; absent or null: never. */
  expiresAt?: string | null | undefined;
  /** 1 to 100 characters, for people. */
  name: string;
  /** The provider whose models it is for. */
  provider: ApiKeyProvider;
  /** The customer’s own provider key (sk-… of OPENAI, sk-ant-… of ANTHROPIC); CUSTOM keys only, which need it. Stored encrypted, never shown again. */
  secret?: string | null | undefined;
  /** The kind of key. */
  type: ApiKeyType;
};

/** A portal page, and the address to return to. */
export type CreateBillingPortalSessionInput = {
  /** The payer. */
  billingEntityId: string;
  /** The address that the payer returns to. */
  returnUrl: string;
};

/** A Checkout page for a plan, or for credits once. */
export type CreateCheckoutSessionInput = {
  /** The payer. */
  billingEntityId: string;
  /** The address to return to without a purchase. */
  cancelUrl: string;
  /** … or buy this many credits once: a multiple of 250, at least 12 500. */
  credits?: number | null | undefined;
  /** Subscribe to this plan … */
  plan?: string | null | undefined;
  /** Units of the plan: 1 to 1000. */
  quantity?: number;
  /** The address that the payer returns to. {CHECKOUT_SESSION_ID} in it is filled in, for completeCheckout. */
  successUrl: string;
};

/** The contents of a file. */
export type CreateExportInput = {
  /** The billing entity that it is about. */
  billingEntityId: string;
  /** Usage records or ledger entries. */
  kind: ExportKind;
  /** LEDGER: the entries; absent: all. BAD_USER_INPUT for another kind. */
  ledgerFilter?: LedgerFilter | null | undefined;
  /** USAGE: the records; absent: all. BAD_USER_INPUT for another kind. */
  usageFilter?: UsageFilter | null | undefined;
};

/** A new organization. */
export type CreateOrganizationInput = {
  /** The identity provider’s id of it: 1 to 255 characters. Absent: one of ours is made, and each call makes another organization. BAD_USER_INPUT: null, or an id that begins as ours do. CONFLICT: taken. FORBIDDEN, taken or not: a user gives an id that their token does not name, unless this installation leaves ids open. */
  externalId?: string | null | undefined;
  /** Its name, for people: 1 to 255 characters. */
  name: string;
  /** The owner’s `sub`. A user creates their own: absent or themselves, else FORBIDDEN. Services and operators name any user, or leave it out until there is one. */
  ownerExternalId?: string | null | undefined;
  /** The payer of use inside it. */
  visibility?: OrganizationVisibility;
};

/** The source of granted credits. */
export type CreditGrantSource =
  /** A correction by an operator. Promotional. */
  | 'ADJUSTMENT'
  /** Given away by an operator. Promotional. */
  | 'PROMOTION'
  /** Bought once. */
  | 'PURCHASE'
  /** A paid period of a plan. */
  | 'SUBSCRIPTION'
  /** From another account; of the class of its origin. */
  | 'TRANSFER'
  /** The free trial, once. Promotional. */
  | 'TRIAL';

/** The kind of file. */
export type ExportKind =
  /** Ledger entries, newest first. */
  | 'LEDGER'
  /** Usage records, by occurredAt, newest first. */
  | 'USAGE';

/** Credits given by hand. */
export type GrantCreditsInput = {
  /** Credits, above 0. */
  amount: number;
  /** The account that receives. */
  billingEntityId: string;
  /** When they take effect; absent: now. */
  effectiveAt?: string | null | undefined;
  /** When the rest expires; absent: never. */
  expiresAt?: string | null | undefined;
  /** 1 to 200 characters, unique per billing entity over all commands: the command takes effect once, and a retry gets the first answer. */
  idempotencyKey: string;
  /** Lower is drawn first: 0 to 1000. */
  priority?: number;
  /** The reason: 1 to 1000 characters. */
  reason: string;
  /** The source. SUBSCRIPTION and TRANSFER are not given by hand: BAD_USER_INPUT. */
  source?: CreditGrantSource;
};

/** The kind of change that an entry of the ledger records. */
export type LedgerEntryKind =
  /** An operator corrected the balance. */
  | 'ADJUSTMENT'
  /** A refunded or disputed payment took its credits back. */
  | 'CLAWBACK'
  /** Use was charged; also for 0 credits. */
  | 'CONSUMPTION'
  /** The rest of a grant expired. */
  | 'EXPIRY'
  /** Credits arrived. A grant with a later start has one entry of 0 now and another when it takes effect. */
  | 'GRANT'
  /** Credits were reserved. */
  | 'HOLD'
  /** Use beyond the allowance. */
  | 'OVERAGE'
  /** A usage record was refunded. */
  | 'REFUND'
  /** Reserved credits were released. */
  | 'RELEASE'
  /** New credits paid what was owed. */
  | 'REPAYMENT'
  /** Credits came from another account. */
  | 'TRANSFER_IN'
  /** Credits went to another account. */
  | 'TRANSFER_OUT';

/** A filter of the ledger; every condition must hold. */
export type LedgerFilter = {
  /** Committed at or after this. */
  from?: string | null | undefined;
  /** These kinds. */
  kinds?: Array<LedgerEntryKind> | null | undefined;
  /** Committed before this. */
  to?: string | null | undefined;
};

/** The role of a member in an organization. */
export type MemberRole =
  /** Everything but making, changing, demoting, suspending or removing an OWNER. */
  | 'ADMIN'
  /** Reads everything and manages plans and payments; no members, keys or names. */
  | 'BILLING'
  /** Uses credits; reads name, plan and balance, and only their own records, summaries and membership. */
  | 'MEMBER'
  /** Everything. */
  | 'OWNER';

/** The status of a membership. */
export type MembershipStatus =
  /** They can use credits here. */
  | 'ACTIVE'
  /** Invited, and has not answered: no rights and no use. */
  | 'INVITED'
  /** All new use here is refused with MEMBER_SUSPENDED. They read what a MEMBER reads, and change nothing. */
  | 'SUSPENDED';

/** The payer of use inside an organization. */
export type OrganizationVisibility =
  /** The organization’s pool pays for its members. */
  | 'PRIVATE'
  /** Each member pays from their own balance, and is tracked alone. */
  | 'PUBLIC';

/** When a change of plan takes effect. */
export type PlanChangeTiming =
  /** At once. */
  | 'NOW'
  /** When the period ends. */
  | 'PERIOD_END'
  /** As soon as it is paid. */
  | 'WHEN_PAID';

/** The member to remove, or the person whose invitation is withdrawn. */
export type RemoveMemberInput = {
  /** The organization. */
  billingEntityId: string;
  /** The user’s `sub`. */
  userExternalId: string;
};

/** The status of a reservation. */
export type ReservationStatus =
  /** It ran out of time. */
  | 'EXPIRED'
  /** Its credits are reserved. */
  | 'HELD'
  /** It was released without use. */
  | 'RELEASED'
  /** Use was charged against it. */
  | 'SETTLED';

/** A new secret for a key. */
export type RotateApiKeyInput = {
  /** The key’s id. */
  id: string;
  /** PLATFORM keys: the old secret keeps working for so many seconds, 0 to 604800. Of CUSTOM keys nothing is kept; what services fetched before they may use until its cacheUntil. */
  overlapSeconds?: number;
  /** CUSTOM keys, which need it: the provider’s new key. */
  secret?: string | null | undefined;
};

/** Replaces the whole list of preferences; [] silences threshold alerts. A type without threshold that is not named keeps its default, in-app and e-mail. */
export type SetAlertPreferencesInput = {
  /** The billing entity. */
  billingEntityId: string;
  /** The addresses that alerts are mailed to, at most ten. []: those of the people who look after it. Absent, or null: unchanged. One that the caller’s token does not vouch for is asked to confirm first. */
  emails?: Array<string> | null | undefined;
  /** The preferences, at most 50. No threshold and no type twice. */
  preferences: Array<AlertPreferenceInput>;
};

/** A member, and their terms in an organization. */
export type SetMemberInput = {
  /** The organization. */
  billingEntityId: string;
  /** Most credits they may draw from the pool in a period, 0 or more. Absent: unchanged, none for a new member. null: no limit. */
  creditLimit?: number | null | undefined;
  /** The reason, for the audit log: 1 to 1000 characters. */
  reason?: string | null | undefined;
  /** Their role from now on. */
  role: MemberRole;
  /** Absent: unchanged; a new member is INVITED, or ACTIVE when an operator sets it. BAD_USER_INPUT: INVITED or null. CONFLICT: any other status for somebody new or INVITED, unless an operator sets it. */
  status?: MembershipStatus | null | undefined;
  /** The user’s `sub`, known here or not. A user whom an operator is first to name is created at once. */
  userExternalId: string;
};

/** A policy for overage. */
export type SetOveragePolicyInput = {
  /** The billing entity. */
  billingEntityId: string;
  /** Absent or null: no cap. */
  cap?: number | null | undefined;
  /** True to allow overage. */
  enabled: boolean;
};

/** Where a billing entity’s events are sent. */
export type SetWebhookEndpointInput = {
  /** The billing entity. */
  billingEntityId: string;
  /** An https:// address of a public host, at most 2048 characters, without user name and fragment; port 443, or one of 1024 and more. null removes the endpoint; absent: nothing changes. */
  url?: string | null | undefined;
};

/** A part of a subscription that waits, and for whom. More kinds may come: show the reason of one that is not known. */
export type SubscriptionWaitKind =
  /** For the seller: collection is paused, so that periods bring no credits. */
  | 'COLLECTION_PAUSED'
  /** For the seller: the payment provider does not know the payer any more, so that nothing new is followed. */
  | 'CUSTOMER_UNKNOWN'
  /** For the seller: it has more items than are read. */
  | 'MANY_ITEMS'
  /** For the seller: prices of the plan are billed by different intervals; periods follow one of them. */
  | 'MIXED_INTERVALS'
  /** For the seller: money went back, and nobody knows which credits it had paid for. */
  | 'MONEY_BACK_UNTOLD'
  /** For the seller: it is billed in another currency than the amounts that are shown. */
  | 'OTHER_CURRENCY'
  /** For the seller: it sells something besides its plan, of which nothing is followed. */
  | 'OTHER_ITEMS'
  /** For the seller: the payer has another subscription that is no plan’s, and is not followed. */
  | 'OTHER_SUBSCRIPTION'
  /** For the seller: several items bill the same overage. */
  | 'OVERAGE_TWICE'
  /** For the seller: the subscription has no item that bills overage, so that overage is not allowed. */
  | 'OVERAGE_UNBILLED'
  /** For the payer: no payment method is on file, so that overage ends at what this installation allows without one. */
  | 'PAYMENT_METHOD_MISSING'
  /** For the seller: a change that is more than one of units waits for its payment, and counts when it is paid. */
  | 'PENDING_CHANGE'
  /** For the payer: nobody has paid for the running period, whose credits come when it is paid. */
  | 'PERIOD_UNPAID'
  /** For the seller: a schedule takes the plan away on a day to come, and it ends here then. */
  | 'SCHEDULED_AWAY'
  /** For the seller: a second subscription could not be undone yet. */
  | 'SECOND_SUBSCRIPTION'
  /** For the seller: the subscription has several prices of its plan, whose units only people change. */
  | 'SEVERAL_PRICES'
  /** For the seller: periods are shorter than a month, and bring their share when they are paid. */
  | 'SHORT_PERIODS'
  /** For the seller: its price is for packages of units, and each unit counts as one. */
  | 'UNITS_IN_PACKAGES'
  /** For the seller: its status at the payment provider is not known to this release. */
  | 'UNKNOWN_STATUS';

/** Credits moved from one account to another. */
export type TransferCreditsInput = {
  /** Credits, above 0. */
  amount: number;
  /** The account that gives. */
  fromBillingEntityId: string;
  /** 1 to 200 characters, unique per billing entity over all commands: the command takes effect once, and a retry gets the first answer. */
  idempotencyKey: string;
  /** The reason: 1 to 1000 characters. */
  reason?: string | null | undefined;
  /** The account that receives. */
  toBillingEntityId: string;
};

/** Changes of a key; an absent field stays as it is. */
export type UpdateApiKeyInput = {
  /** CUSTOM keys only, for use from now on; null: BAD_USER_INPUT. */
  billingMode?: BillingMode | null | undefined;
  /** Most credits a period of each payer, 0 or more; null: no limit. */
  creditLimit?: number | null | undefined;
  /** The new end, in the future; null: never. It makes an expired key valid again. */
  expiresAt?: string | null | undefined;
  /** The key’s id. */
  id: string;
  /** 1 to 100 characters; null: BAD_USER_INPUT. */
  name?: string | null | undefined;
};

/** Changes of an organization; an absent field stays as it is. BAD_USER_INPUT: null. */
export type UpdateOrganizationInput = {
  /** The organization. */
  billingEntityId: string;
  /** Its name, for people: 1 to 255 characters. */
  name?: string | null | undefined;
  /** The payer of new use inside it, from the answer on. History keeps the earlier payers. */
  visibility?: OrganizationVisibility | null | undefined;
};

/** A dimension of a summary, besides time. */
export type UsageDimension =
  /** The key that the use ran on. */
  | 'API_KEY'
  /** The billing mode. */
  | 'BILLING_MODE'
  /** The feature of the use. */
  | 'FEATURE'
  /** The model that did the work. */
  | 'MODEL'
  /** The organization that it was used in. */
  | 'ORGANIZATION'
  /** The resource. */
  | 'RESOURCE'
  /** The user. */
  | 'USER';

/** A filter of usage records; every condition must hold. */
export type UsageFilter = {
  /** Used on these keys. */
  apiKeyIds?: Array<string> | null | undefined;
  /** Charged in these modes. */
  billingModes?: Array<BillingMode> | null | undefined;
  /** Used for these features. */
  features?: Array<string> | null | undefined;
  /** Occurred at or after this. */
  from?: string | null | undefined;
  /** Done by these models. Use without a model fits none. */
  models?: Array<string> | null | undefined;
  /** Used in these organizations. */
  organizationExternalIds?: Array<string> | null | undefined;
  /** Recorded at or after this: money follows the instant of recording, so a bill is reconciled by it. */
  recordedFrom?: string | null | undefined;
  /** Recorded before this. */
  recordedTo?: string | null | undefined;
  /** These resources. */
  resources?: Array<UsageResource> | null | undefined;
  /** Occurred before this. */
  to?: string | null | undefined;
  /** Used by these persons. */
  userExternalIds?: Array<string> | null | undefined;
};

/** The length of each bucket of a summary. */
export type UsageInterval =
  /** A day, from midnight to midnight in the time zone. */
  | 'DAY'
  /** An hour. */
  | 'HOUR'
  /** A calendar month of the time zone. */
  | 'MONTH'
  /** All the time asked for. */
  | 'TOTAL';

/** The limit that refused: the tightest one, when several would. */
export type UsageLimitScope =
  /** The key’s limit. */
  | 'API_KEY'
  /** The payer’s balance. */
  | 'BALANCE'
  /** The member’s limit. */
  | 'MEMBER'
  /** The cap on overage. */
  | 'OVERAGE_CAP'
  /** The plan’s features. */
  | 'PLAN';

/** A quantity of one resource. */
export type UsageLineInput = {
  /** What did the work, such as a model’s name; 1 to 100 characters; for history and summaries, no price hangs on it. */
  model?: string | null | undefined;
  /** The quantity, in units of the resource: tokens or milliseconds. 0 to 10^12. */
  quantity: number;
  /** The resource. */
  resource: UsageResource;
};

/** The reason that use was refused. */
export type UsageRefusalReason =
  /** It would pass the key’s limit. */
  | 'API_KEY_LIMIT_REACHED'
  /** The payer, the user or the organization is suspended. */
  | 'ENTITY_SUSPENDED'
  /** The payer’s plan does not grant the feature. */
  | 'FEATURE_NOT_IN_PLAN'
  /** There are not enough credits, and no overage is allowed. */
  | 'INSUFFICIENT_CREDITS'
  /** It would pass the member’s limit in the pool. */
  | 'MEMBER_LIMIT_REACHED'
  /** The membership is suspended. */
  | 'MEMBER_SUSPENDED'
  /** It would pass the cap on overage. */
  | 'OVERAGE_CAP_REACHED'
  /** The subscription is unpaid. */
  | 'PAYMENT_PAST_DUE';

/** A metered resource. */
export type UsageResource =
  /** Unit: one token. */
  | 'AI_TOKENS'
  /** Unit: one millisecond. */
  | 'COMPUTE';

/** A filter of use to sum up; every condition must hold. */
export type UsageSummaryFilter = {
  /** Used on these keys. */
  apiKeyIds?: Array<string> | null | undefined;
  /** Charged in these modes. */
  billingModes?: Array<BillingMode> | null | undefined;
  /** Used for these features. */
  features?: Array<string> | null | undefined;
  /** Done by these models, as far as their use is summed up by name. Use without a model fits none, and so does that of further models, which lists and exports tell by name. */
  models?: Array<string> | null | undefined;
  /** Used in these organizations. */
  organizationExternalIds?: Array<string> | null | undefined;
  /** These resources. */
  resources?: Array<UsageResource> | null | undefined;
  /** Used by these persons. */
  userExternalIds?: Array<string> | null | undefined;
};

/** The kind of caller. */
export type ViewerKind =
  /** An API key: use on behalf of its billing entity. */
  | 'API_KEY'
  /** Runs this installation: everything, on every entity. */
  | 'OPERATOR'
  /** A platform back end: meters use for any user or organization, administers nothing. */
  | 'SERVICE'
  /** A person, for themselves. */
  | 'USER';

/** The state of a webhook delivery. */
export type WebhookDeliveryStatus =
  /** The receiver answered with a 2xx status. */
  | 'DELIVERED'
  /** It is not tried again by itself: the attempts are used up, or the endpoint was disabled or removed. */
  | 'FAILED'
  /** It is sent, now or at the next attempt. */
  | 'PENDING';

export type AccountFragment = { id: string, name: string, externalId: string, type: BillingEntityType, status: BillingEntityStatus, suspensionReason: string | null, viewerPermissions: Array<string>, plan: { code: string, name: string, credits: number, priceCents: number }, subscription: { id: string, currentPeriodStart: string, currentPeriodEnd: string | null } | null };

export type ViewerQueryVariables = Exact<{ [key: string]: never; }>;


export type ViewerQuery = { viewer: { kind: ViewerKind, subject: string, user: { id: string, name: string, externalId: string, type: BillingEntityType, status: BillingEntityStatus, suspensionReason: string | null, viewerPermissions: Array<string>, plan: { code: string, name: string, credits: number, priceCents: number }, subscription: { id: string, currentPeriodStart: string, currentPeriodEnd: string | null } | null } | null, memberships: Array<{ id: string, role: MemberRole, status: MembershipStatus, organization: { id: string, name: string, externalId: string, type: BillingEntityType, status: BillingEntityStatus, suspensionReason: string | null, viewerPermissions: Array<string>, plan: { code: string, name: string, credits: number, priceCents: number }, subscription: { id: string, currentPeriodStart: string, currentPeriodEnd: string | null } | null } }>, invitations: Array<{ invitedAt: string, role: MemberRole, organization: { id: string, name: string, externalId: string } }> } };

export type AccountQueryVariables = Exact<{
  id: string;
}>;


export type AccountQuery = { billingEntity: { id: string, name: string, externalId: string, type: BillingEntityType, status: BillingEntityStatus, suspensionReason: string | null, viewerPermissions: Array<string>, plan: { code: string, name: string, credits: number, priceCents: number }, subscription: { id: string, currentPeriodStart: string, currentPeriodEnd: string | null } | null } | null };

export type AccountSearchQueryVariables = Exact<{
  search: string;
}>;


export type AccountSearchQuery = { billingEntities: { edges: Array<{ node: { id: string, name: string, externalId: string, type: BillingEntityType } }> } };

export type AlertRowFragment = { id: string, billingEntityId: string, type: AlertType, level: number | null, remaining: number | null, message: string, createdAt: string, acknowledgedAt: string | null, available: number, usedRatio: number };

export type AlertsQueryVariables = Exact<{
  id: string;
  after?: string | null | undefined;
}>;


export type AlertsQuery = { billingEntity: { id: string, alerts: { edges: Array<{ node: { id: string, billingEntityId: string, type: AlertType, level: number | null, remaining: number | null, message: string, createdAt: string, acknowledgedAt: string | null, available: number, usedRatio: number } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } | null } | null };

export type AlertSettingsQueryVariables = Exact<{
  id: string;
}>;


export type AlertSettingsQuery = { billingEntity: { id: string, alertEmails: Array<string> | null, alertPreferences: Array<{ id: string, type: AlertType, level: number | null, remaining: number | null, channels: Array<AlertChannel>, enabled: boolean }> | null, webhookEndpoint: { url: string, enabled: boolean, createdAt: string, disabledAt: string | null, disabledReason: string | null, deliveries: { edges: Array<{ node: { id: string, eventType: string, status: WebhookDeliveryStatus, attempts: number, responseStatus: number | null, error: string | null, createdAt: string, deliveredAt: string | null, nextAttemptAt: string | null } }> } } | null } | null };

export type EndpointFragment = { url: string, enabled: boolean, createdAt: string, disabledAt: string | null, disabledReason: string | null };

export type AcknowledgeAlertMutationVariables = Exact<{
  id: string;
}>;


export type AcknowledgeAlertMutation = { acknowledgeAlert: { id: string, billingEntityId: string, type: AlertType, level: number | null, remaining: number | null, message: string, createdAt: string, acknowledgedAt: string | null, available: number, usedRatio: number } };

export type SetAlertPreferencesMutationVariables = Exact<{
  input: SetAlertPreferencesInput;
}>;


export type SetAlertPreferencesMutation = { setAlertPreferences: Array<{ id: string, type: AlertType, level: number | null, remaining: number | null, channels: Array<AlertChannel>, enabled: boolean }> };

export type SetWebhookEndpointMutationVariables = Exact<{
  input: SetWebhookEndpointInput;
}>;


export type SetWebhookEndpointMutation = { setWebhookEndpoint: { secret: string | null, endpoint: { url: string, enabled: boolean, createdAt: string, disabledAt: string | null, disabledReason: string | null } | null } };

export type RotateWebhookSecretMutationVariables = Exact<{
  input: BillingEntityInput;
}>;


export type RotateWebhookSecretMutation = { rotateWebhookSecret: { secret: string | null, endpoint: { url: string, enabled: boolean, createdAt: string, disabledAt: string | null, disabledReason: string | null } | null } };

export type TestWebhookMutationVariables = Exact<{
  input: BillingEntityInput;
}>;


export type TestWebhookMutation = { testWebhook: { id: string, status: WebhookDeliveryStatus } };

export type ResendWebhookDeliveryMutationVariables = Exact<{
  id: string;
}>;


export type ResendWebhookDeliveryMutation = { resendWebhookDelivery: { id: string, status: WebhookDeliveryStatus } };

export type AlertRaisedSubscriptionVariables = Exact<{
  id: string;
}>;


export type AlertRaisedSubscription = { alertRaised: { id: string, billingEntityId: string, type: AlertType, level: number | null, remaining: number | null, message: string, createdAt: string, acknowledgedAt: string | null, available: number, usedRatio: number } };

export type KeyRowFragment = { id: string, name: string, hint: string, type: ApiKeyType, provider: ApiKeyProvider, billingMode: BillingMode, status: ApiKeyStatus, creditLimit: number | null, usedThisPeriod: number, createdAt: string, lastUsedAt: string | null, expiresAt: string | null, revokedAt: string | null };

export type ApiKeysQueryVariables = Exact<{
  id: string;
  after?: string | null | undefined;
  includeRevoked: boolean;
}>;


export type ApiKeysQuery = { billingEntity: { id: string, apiKeys: { edges: Array<{ node: { id: string, name: string, hint: string, type: ApiKeyType, provider: ApiKeyProvider, billingMode: BillingMode, status: ApiKeyStatus, creditLimit: number | null, usedThisPeriod: number, createdAt: string, lastUsedAt: string | null, expiresAt: string | null, revokedAt: string | null } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } | null } | null };

export type CreateApiKeyMutationVariables = Exact<{
  input: CreateApiKeyInput;
}>;


export type CreateApiKeyMutation = { createApiKey: { secret: string | null, apiKey: { id: string, name: string, hint: string, type: ApiKeyType, provider: ApiKeyProvider, billingMode: BillingMode, status: ApiKeyStatus, creditLimit: number | null, usedThisPeriod: number, createdAt: string, lastUsedAt: string | null, expiresAt: string | null, revokedAt: string | null } } };

export type RotateApiKeyMutationVariables = Exact<{
  input: RotateApiKeyInput;
}>;


export type RotateApiKeyMutation = { rotateApiKey: { secret: string | null, apiKey: { id: string, name: string, hint: string, type: ApiKeyType, provider: ApiKeyProvider, billingMode: BillingMode, status: ApiKeyStatus, creditLimit: number | null, usedThisPeriod: number, createdAt: string, lastUsedAt: string | null, expiresAt: string | null, revokedAt: string | null } } };

export type RevokeApiKeyMutationVariables = Exact<{
  id: string;
}>;


export type RevokeApiKeyMutation = { revokeApiKey: { id: string, name: string, hint: string, type: ApiKeyType, provider: ApiKeyProvider, billingMode: BillingMode, status: ApiKeyStatus, creditLimit: number | null, usedThisPeriod: number, createdAt: string, lastUsedAt: string | null, expiresAt: string | null, revokedAt: string | null } };

export type UpdateApiKeyMutationVariables = Exact<{
  input: UpdateApiKeyInput;
}>;


export type UpdateApiKeyMutation = { updateApiKey: { id: string, name: string, hint: string, type: ApiKeyType, provider: ApiKeyProvider, billingMode: BillingMode, status: ApiKeyStatus, creditLimit: number | null, usedThisPeriod: number, createdAt: string, lastUsedAt: string | null, expiresAt: string | null, revokedAt: string | null } };

export type AuditLogQueryVariables = Exact<{
  id: string;
  filter?: AuditLogFilter | null | undefined;
  after?: string | null | undefined;
}>;


export type AuditLogQuery = { billingEntity: { id: string, auditLog: { edges: Array<{ node: { id: string, action: string, actor: string, subject: string, before: Record<string, unknown> | null, after: Record<string, unknown> | null, reason: string | null, createdAt: string } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } | null } | null };

export type BalanceFragment = { billingEntityId: string, version: number, asOf: string, available: number, held: number, used: number, allowance: number, overage: number, owed: number, usedRatio: number };

export type BalanceQueryVariables = Exact<{
  id: string;
}>;


export type BalanceQuery = { billingEntity: { id: string, credits: { billingEntityId: string, version: number, asOf: string, available: number, held: number, used: number, allowance: number, overage: number, owed: number, usedRatio: number } } | null };

export type BalancePageQueryVariables = Exact<{
  id: string;
  from: string;
  to: string;
  timeZone: string;
}>;


export type BalancePageQuery = { billingEntity: { id: string, credits: { billingEntityId: string, version: number, asOf: string, available: number, held: number, used: number, allowance: number, overage: number, owed: number, usedRatio: number }, forecast: { dailyBurn: number, exhaustsAt: string | null } | null, subscription: { id: string, status: BillingSubscriptionStatus, currentPeriodEnd: string | null, graceEndsAt: string | null, cancelAtPeriodEnd: boolean, pendingPayment: { hostedUrl: string, expiresAt: string | null } | null } | null, overagePolicy: { enabled: boolean, cap: number | null } | null, alertPreferences: Array<{ id: string, type: AlertType, level: number | null, remaining: number | null, enabled: boolean }> | null, grants: { edges: Array<{ node: { id: string, source: CreditGrantSource, reason: string | null, amount: number, remaining: number, expiresAt: string | null } }>, pageInfo: { hasNextPage: boolean } } | null, usageSummary: Array<{ start: string, credits: number, records: number }>, usage: { edges: Array<{ node: { id: string, occurredAt: string, resource: UsageResource, quantity: number, model: string | null, feature: string | null, billingMode: BillingMode, credits: number, overage: number, refundedCredits: number, user: { id: string, name: string } | null, apiKey: { id: string, name: string } | null } }> } } | null, creditRates: Array<{ resource: UsageResource, units: number, credits: number }> };

export type BalanceUpdatedSubscriptionVariables = Exact<{
  id: string;
}>;


export type BalanceUpdatedSubscription = { balanceUpdated: { billingEntityId: string, version: number, asOf: string, available: number, held: number, used: number, allowance: number, overage: number, owed: number, usedRatio: number } };

export type RefusalFragment = { reason: UsageRefusalReason, scope: UsageLimitScope, required: number, available: number, resetsAt: string | null, balance: { billingEntityId: string, version: number, asOf: string, available: number, held: number, used: number, allowance: number, overage: number, owed: number, usedRatio: number } };

export type ConsumeCreditsMutationVariables = Exact<{
  input: ConsumeCreditsInput;
}>;


export type ConsumeCreditsMutation = { consumeCredits:
    | { __typename: 'ConsumeCreditsSuccess', credits: number, balance: { billingEntityId: string, version: number, asOf: string, available: number, held: number, used: number, allowance: number, overage: number, owed: number, usedRatio: number } }
    | { __typename: 'UsageRefused', reason: UsageRefusalReason, scope: UsageLimitScope, required: number, available: number, resetsAt: string | null, balance: { billingEntityId: string, version: number, asOf: string, available: number, held: number, used: number, allowance: number, overage: number, owed: number, usedRatio: number } }
    | { __typename: 'UsageRejected', message: string }
   };

export type LedgerQueryVariables = Exact<{
  id: string;
  filter?: LedgerFilter | null | undefined;
  after?: string | null | undefined;
}>;


export type LedgerQuery = { billingEntity: { id: string, ledger: { edges: Array<{ cursor: string, node: { id: string, sequence: number, createdAt: string, kind: LedgerEntryKind, amount: number, availableBefore: number, availableAfter: number, heldChange: number, overageChange: number, owedChange: number, actor: string, reason: string | null, counterparty: { id: string, name: string } | null } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } | null } | null };

export type VerifyLedgerQueryVariables = Exact<{
  id: string;
}>;


export type VerifyLedgerQuery = { verifyLedger: { consistent: boolean, entriesChecked: number, throughSequence: number, problemCount: number, problems: Array<string> } };

export type DirectoryQueryVariables = Exact<{
  search?: string | null | undefined;
  after?: string | null | undefined;
}>;


export type DirectoryQuery = { billingEntities: { edges: Array<{ node: { id: string, name: string, externalId: string, type: BillingEntityType, status: BillingEntityStatus, createdAt: string, plan: { code: string, name: string } } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type FailedJobsQueryVariables = Exact<{
  after?: string | null | undefined;
}>;


export type FailedJobsQuery = { failedJobs: { edges: Array<{ node: { id: string, task: string, billingEntityId: string | null, attempts: number, lastError: string, failedAt: string } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type RetryJobMutationVariables = Exact<{
  id: string;
}>;


export type RetryJobMutation = { retryJob: boolean };

export type GrantCreditsMutationVariables = Exact<{
  input: GrantCreditsInput;
}>;


export type GrantCreditsMutation = { grantCredits: { replayed: boolean, balance: { billingEntityId: string, version: number, asOf: string, available: number, held: number, used: number, allowance: number, overage: number, owed: number, usedRatio: number } } };

export type AdjustCreditsMutationVariables = Exact<{
  input: AdjustCreditsInput;
}>;


export type AdjustCreditsMutation = { adjustCredits: { replayed: boolean, balance: { billingEntityId: string, version: number, asOf: string, available: number, held: number, used: number, allowance: number, overage: number, owed: number, usedRatio: number } } };

export type RefundUsageMutationVariables = Exact<{
  recordId: string;
  credits?: number | null | undefined;
  reason: string;
  idempotencyKey: string;
}>;


export type RefundUsageMutation = { refundUsage: { replayed: boolean, balance: { billingEntityId: string, version: number, asOf: string, available: number, held: number, used: number, allowance: number, overage: number, owed: number, usedRatio: number } } };

export type SuspendAccountMutationVariables = Exact<{
  input: BillingEntityInput;
  reason: string;
}>;


export type SuspendAccountMutation = { suspendBillingEntity: { id: string, name: string, externalId: string, type: BillingEntityType, status: BillingEntityStatus, suspensionReason: string | null, viewerPermissions: Array<string>, plan: { code: string, name: string, credits: number, priceCents: number }, subscription: { id: string, currentPeriodStart: string, currentPeriodEnd: string | null } | null } };

export type ReinstateAccountMutationVariables = Exact<{
  input: BillingEntityInput;
  reason?: string | null | undefined;
}>;


export type ReinstateAccountMutation = { reinstateBillingEntity: { id: string, name: string, externalId: string, type: BillingEntityType, status: BillingEntityStatus, suspensionReason: string | null, viewerPermissions: Array<string>, plan: { code: string, name: string, credits: number, priceCents: number }, subscription: { id: string, currentPeriodStart: string, currentPeriodEnd: string | null } | null } };

export type MemberRowFragment = { id: string, role: MemberRole, status: MembershipStatus, creditLimit: number | null, drawnThisPeriod: number, usedThisPeriod: number, joinedAt: string, user: { id: string, externalId: string, name: string } };

export type MembersQueryVariables = Exact<{
  id: string;
  search?: string | null | undefined;
  after?: string | null | undefined;
}>;


export type MembersQuery = { billingEntity: { id: string, members: { edges: Array<{ node: { id: string, role: MemberRole, status: MembershipStatus, creditLimit: number | null, drawnThisPeriod: number, usedThisPeriod: number, joinedAt: string, user: { id: string, externalId: string, name: string } } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } | null } | null };

export type OrganizationQueryVariables = Exact<{
  id: string;
}>;


export type OrganizationQuery = { billingEntity: { id: string, visibility: OrganizationVisibility | null, credits: { billingEntityId: string, version: number, asOf: string, available: number, held: number, used: number, allowance: number, overage: number, owed: number, usedRatio: number } } | null };

export type SetMemberMutationVariables = Exact<{
  input: SetMemberInput;
}>;


export type SetMemberMutation = { setMember: { id: string, role: MemberRole, status: MembershipStatus, creditLimit: number | null, drawnThisPeriod: number, usedThisPeriod: number, joinedAt: string, user: { id: string, externalId: string, name: string } } };

export type RemoveMemberMutationVariables = Exact<{
  input: RemoveMemberInput;
}>;


export type RemoveMemberMutation = { removeMember: boolean };

export type UpdateOrganizationMutationVariables = Exact<{
  input: UpdateOrganizationInput;
}>;


export type UpdateOrganizationMutation = { updateOrganization: { id: string, name: string, visibility: OrganizationVisibility | null } };

export type TransferCreditsMutationVariables = Exact<{
  input: TransferCreditsInput;
}>;


export type TransferCreditsMutation = { transferCredits:
    | { __typename: 'InsufficientCredits', message: string, required: number, available: number }
    | { __typename: 'TransferCreditsSuccess', from: { billingEntityId: string, version: number, asOf: string, available: number, held: number, used: number, allowance: number, overage: number, owed: number, usedRatio: number } | null, to: { billingEntityId: string, version: number, asOf: string, available: number, held: number, used: number, allowance: number, overage: number, owed: number, usedRatio: number } | null }
   };

export type CreateOrganizationMutationVariables = Exact<{
  input: CreateOrganizationInput;
}>;


export type CreateOrganizationMutation = { createOrganization: { id: string, name: string } };

export type AcceptInvitationMutationVariables = Exact<{
  id: string;
}>;


export type AcceptInvitationMutation = { acceptInvitation: { id: string, role: MemberRole, status: MembershipStatus } };

export type DeclineInvitationMutationVariables = Exact<{
  id: string;
}>;


export type DeclineInvitationMutation = { declineInvitation: boolean };

export type PlanTermsFragment = { code: string, name: string, priceCents: number, credits: number, features: Array<string>, overageAllowed: boolean, overageCostPerCredit: string | null };

export type SubscriptionStateFragment = { id: string, status: BillingSubscriptionStatus, quantity: number, currentPeriodStart: string, currentPeriodEnd: string | null, cancelAtPeriodEnd: boolean, endsAt: string | null, scheduledQuantity: number | null, scheduledAt: string | null, graceEndsAt: string | null, plan: { code: string, name: string, priceCents: number, credits: number, features: Array<string>, overageAllowed: boolean, overageCostPerCredit: string | null }, scheduledPlan: { code: string, name: string, priceCents: number, credits: number, features: Array<string>, overageAllowed: boolean, overageCostPerCredit: string | null } | null, pendingPayment: { hostedUrl: string, expiresAt: string | null, quantity: number, plan: { code: string, name: string } } | null, waiting: Array<{ kind: SubscriptionWaitKind, reason: string }> | null };

export type SubscriptionPageQueryVariables = Exact<{
  id: string;
}>;


export type SubscriptionPageQuery = { plans: Array<{ code: string, name: string, priceCents: number, credits: number, features: Array<string>, overageAllowed: boolean, overageCostPerCredit: string | null }>, creditRates: Array<{ resource: UsageResource, costPerCredit: string }>, billingEntity: { id: string, plan: { code: string, name: string }, credits: { billingEntityId: string, version: number, asOf: string, available: number, held: number, used: number, allowance: number, overage: number, owed: number, usedRatio: number }, subscription: { id: string, status: BillingSubscriptionStatus, quantity: number, currentPeriodStart: string, currentPeriodEnd: string | null, cancelAtPeriodEnd: boolean, endsAt: string | null, scheduledQuantity: number | null, scheduledAt: string | null, graceEndsAt: string | null, plan: { code: string, name: string, priceCents: number, credits: number, features: Array<string>, overageAllowed: boolean, overageCostPerCredit: string | null }, scheduledPlan: { code: string, name: string, priceCents: number, credits: number, features: Array<string>, overageAllowed: boolean, overageCostPerCredit: string | null } | null, pendingPayment: { hostedUrl: string, expiresAt: string | null, quantity: number, plan: { code: string, name: string } } | null, waiting: Array<{ kind: SubscriptionWaitKind, reason: string }> | null } | null, overagePolicy: { enabled: boolean, cap: number | null } | null, grants: { edges: Array<{ node: { id: string, source: CreditGrantSource, remaining: number, expiresAt: string | null } }>, pageInfo: { hasNextPage: boolean } } | null } | null };

export type InvoicesQueryVariables = Exact<{
  id: string;
}>;


export type InvoicesQuery = { billingEntity: { id: string, invoices: { edges: Array<{ node: { id: string, number: string | null, status: string, totalCents: number, createdAt: string, periodStart: string, periodEnd: string, hostedUrl: string | null, pdfUrl: string | null } }>, pageInfo: { hasNextPage: boolean } } | null, upcomingInvoice: { totalCents: number, overageCents: number, dueAt: string } | null } | null };

export type PlanChangeQueryVariables = Exact<{
  input: ChangePlanInput;
}>;


export type PlanChangeQuery = { previewPlanChange: { timing: PlanChangeTiming, effectiveAt: string, dueNowCents: number, creditsAdded: number, nextInvoiceCents: number, featuresLost: Array<string>, checkoutRequired: boolean } };

export type CreateCheckoutSessionMutationVariables = Exact<{
  input: CreateCheckoutSessionInput;
}>;


export type CreateCheckoutSessionMutation = { createCheckoutSession: { url: string } };

export type CompleteCheckoutMutationVariables = Exact<{
  id: string;
  sessionId: string;
}>;


export type CompleteCheckoutMutation = { completeCheckout: { id: string, status: BillingSubscriptionStatus, quantity: number, currentPeriodStart: string, currentPeriodEnd: string | null, cancelAtPeriodEnd: boolean, endsAt: string | null, scheduledQuantity: number | null, scheduledAt: string | null, graceEndsAt: string | null, plan: { code: string, name: string, priceCents: number, credits: number, features: Array<string>, overageAllowed: boolean, overageCostPerCredit: string | null }, scheduledPlan: { code: string, name: string, priceCents: number, credits: number, features: Array<string>, overageAllowed: boolean, overageCostPerCredit: string | null } | null, pendingPayment: { hostedUrl: string, expiresAt: string | null, quantity: number, plan: { code: string, name: string } } | null, waiting: Array<{ kind: SubscriptionWaitKind, reason: string }> | null } };

export type ChangePlanMutationVariables = Exact<{
  input: ChangePlanInput;
}>;


export type ChangePlanMutation = { changePlan: { id: string, status: BillingSubscriptionStatus, quantity: number, currentPeriodStart: string, currentPeriodEnd: string | null, cancelAtPeriodEnd: boolean, endsAt: string | null, scheduledQuantity: number | null, scheduledAt: string | null, graceEndsAt: string | null, plan: { code: string, name: string, priceCents: number, credits: number, features: Array<string>, overageAllowed: boolean, overageCostPerCredit: string | null }, scheduledPlan: { code: string, name: string, priceCents: number, credits: number, features: Array<string>, overageAllowed: boolean, overageCostPerCredit: string | null } | null, pendingPayment: { hostedUrl: string, expiresAt: string | null, quantity: number, plan: { code: string, name: string } } | null, waiting: Array<{ kind: SubscriptionWaitKind, reason: string }> | null } };

export type CancelSubscriptionMutationVariables = Exact<{
  input: BillingEntityInput;
}>;


export type CancelSubscriptionMutation = { cancelSubscription: { id: string, status: BillingSubscriptionStatus, quantity: number, currentPeriodStart: string, currentPeriodEnd: string | null, cancelAtPeriodEnd: boolean, endsAt: string | null, scheduledQuantity: number | null, scheduledAt: string | null, graceEndsAt: string | null, plan: { code: string, name: string, priceCents: number, credits: number, features: Array<string>, overageAllowed: boolean, overageCostPerCredit: string | null }, scheduledPlan: { code: string, name: string, priceCents: number, credits: number, features: Array<string>, overageAllowed: boolean, overageCostPerCredit: string | null } | null, pendingPayment: { hostedUrl: string, expiresAt: string | null, quantity: number, plan: { code: string, name: string } } | null, waiting: Array<{ kind: SubscriptionWaitKind, reason: string }> | null } };

export type ResumeSubscriptionMutationVariables = Exact<{
  input: BillingEntityInput;
}>;


export type ResumeSubscriptionMutation = { resumeSubscription: { id: string, status: BillingSubscriptionStatus, quantity: number, currentPeriodStart: string, currentPeriodEnd: string | null, cancelAtPeriodEnd: boolean, endsAt: string | null, scheduledQuantity: number | null, scheduledAt: string | null, graceEndsAt: string | null, plan: { code: string, name: string, priceCents: number, credits: number, features: Array<string>, overageAllowed: boolean, overageCostPerCredit: string | null }, scheduledPlan: { code: string, name: string, priceCents: number, credits: number, features: Array<string>, overageAllowed: boolean, overageCostPerCredit: string | null } | null, pendingPayment: { hostedUrl: string, expiresAt: string | null, quantity: number, plan: { code: string, name: string } } | null, waiting: Array<{ kind: SubscriptionWaitKind, reason: string }> | null } };

export type SetOveragePolicyMutationVariables = Exact<{
  input: SetOveragePolicyInput;
}>;


export type SetOveragePolicyMutation = { setOveragePolicy: { enabled: boolean, cap: number | null } };

export type CreateBillingPortalSessionMutationVariables = Exact<{
  input: CreateBillingPortalSessionInput;
}>;


export type CreateBillingPortalSessionMutation = { createBillingPortalSession: { url: string } };

export type UsageRowFragment = { id: string, occurredAt: string, resource: UsageResource, quantity: number, model: string | null, feature: string | null, billingMode: BillingMode, credits: number, overage: number, refundedCredits: number, user: { id: string, name: string } | null, apiKey: { id: string, name: string } | null };

export type UsageSummaryQueryVariables = Exact<{
  id: string;
  from: string;
  to: string;
  interval: UsageInterval;
  timeZone: string;
  groupBy: Array<UsageDimension> | UsageDimension;
  filter?: UsageSummaryFilter | null | undefined;
}>;


export type UsageSummaryQuery = { billingEntity: { id: string, usageSummary: Array<{ start: string, credits: number, overage: number, quantity: number, records: number, model: string | null, otherModels: boolean, feature: string | null, resource: UsageResource | null, billingMode: BillingMode | null, user: { id: string, name: string, externalId: string } | null, apiKey: { id: string, name: string } | null, organization: { id: string, name: string, externalId: string } | null }> } | null };

export type UsageRecordsQueryVariables = Exact<{
  id: string;
  filter?: UsageFilter | null | undefined;
  after?: string | null | undefined;
}>;


export type UsageRecordsQuery = { billingEntity: { id: string, usage: { edges: Array<{ cursor: string, node: { id: string, occurredAt: string, resource: UsageResource, quantity: number, model: string | null, feature: string | null, billingMode: BillingMode, credits: number, overage: number, refundedCredits: number, user: { id: string, name: string } | null, apiKey: { id: string, name: string } | null } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } } | null };

export type ReceiptQueryVariables = Exact<{
  id: string;
  recordId: string;
}>;


export type ReceiptQuery = { billingEntity: { id: string, usageRecord: { recordedAt: string, carriedBefore: string, carriedAfter: string, owed: number, refundedAt: string | null, id: string, occurredAt: string, resource: UsageResource, quantity: number, model: string | null, feature: string | null, billingMode: BillingMode, credits: number, overage: number, refundedCredits: number, rate: { resource: UsageResource, units: number, credits: number, costPerCredit: string }, draws: Array<{ credits: number, grant: { id: string, source: CreditGrantSource, reason: string | null, expiresAt: string | null } }>, billingEntity: { id: string, name: string }, organization: { id: string, name: string } | null, ledgerEntry: { id: string, sequence: number, kind: LedgerEntryKind, reservation: { id: string, status: ReservationStatus, credits: number, releasedCredits: number | null } | null } | null, user: { id: string, name: string } | null, apiKey: { id: string, name: string } | null } | null } | null };

export type ExportUsageMutationVariables = Exact<{
  input: CreateExportInput;
}>;


export type ExportUsageMutation = { createExport: { url: string, expiresAt: string | null } };

export type UsageRecordedSubscriptionVariables = Exact<{
  id: string;
  after?: string | null | undefined;
}>;


export type UsageRecordedSubscription = { usageRecorded: { cursor: string, hasGap: boolean, skipped: number, records: Array<{ id: string, occurredAt: string, resource: UsageResource, quantity: number, model: string | null, feature: string | null, billingMode: BillingMode, credits: number, overage: number, refundedCredits: number, user: { id: string, name: string } | null, apiKey: { id: string, name: string } | null }> } };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}
export const AccountFragmentDoc = new TypedDocumentString(`
    fragment Account on BillingEntity {
  id
  name
  externalId
  type
  status
  suspensionReason
  viewerPermissions
  plan {
    code
    name
    credits
    priceCents
  }
  subscription {
    id
    currentPeriodStart
    currentPeriodEnd
  }
}
    `, {"fragmentName":"Account"}) as unknown as TypedDocumentString<AccountFragment, unknown>;
export const AlertRowFragmentDoc = new TypedDocumentString(`
    fragment AlertRow on Alert {
  id
  billingEntityId
  type
  level
  remaining
  message
  createdAt
  acknowledgedAt
  available
  usedRatio
}
    `, {"fragmentName":"AlertRow"}) as unknown as TypedDocumentString<AlertRowFragment, unknown>;
export const EndpointFragmentDoc = new TypedDocumentString(`
    fragment Endpoint on WebhookEndpoint {
  url
  enabled
  createdAt
  disabledAt
  disabledReason
}
    `, {"fragmentName":"Endpoint"}) as unknown as TypedDocumentString<EndpointFragment, unknown>;
export const KeyRowFragmentDoc = new TypedDocumentString(`
    fragment KeyRow on ApiKey {
  id
  name
  hint
  type
  provider
  billingMode
  status
  creditLimit
  usedThisPeriod
  createdAt
  lastUsedAt
  expiresAt
  revokedAt
}
    `, {"fragmentName":"KeyRow"}) as unknown as TypedDocumentString<KeyRowFragment, unknown>;
export const BalanceFragmentDoc = new TypedDocumentString(`
    fragment Balance on CreditBalance {
  billingEntityId
  version
  asOf
  available
  held
  used
  allowance
  overage
  owed
  usedRatio
}
    `, {"fragmentName":"Balance"}) as unknown as TypedDocumentString<BalanceFragment, unknown>;
export const RefusalFragmentDoc = new TypedDocumentString(`
    fragment Refusal on UsageRefused {
  reason
  scope
  required
  available
  resetsAt
  balance {
    ...Balance
  }
}
    fragment Balance on CreditBalance {
  billingEntityId
  version
  asOf
  available
  held
  used
  allowance
  overage
  owed
  usedRatio
}`, {"fragmentName":"Refusal"}) as unknown as TypedDocumentString<RefusalFragment, unknown>;
export const MemberRowFragmentDoc = new TypedDocumentString(`
    fragment MemberRow on Membership {
  id
  role
  status
  creditLimit
  drawnThisPeriod
  usedThisPeriod
  joinedAt
  user {
    id
    externalId
    name
  }
}
    `, {"fragmentName":"MemberRow"}) as unknown as TypedDocumentString<MemberRowFragment, unknown>;
export const PlanTermsFragmentDoc = new TypedDocumentString(`
    fragment PlanTerms on Plan {
  code
  name
  priceCents
  credits
  features
  overageAllowed
  overageCostPerCredit
}
    `, {"fragmentName":"PlanTerms"}) as unknown as TypedDocumentString<PlanTermsFragment, unknown>;
export const SubscriptionStateFragmentDoc = new TypedDocumentString(`
    fragment SubscriptionState on BillingSubscription {
  id
  status
  quantity
  currentPeriodStart
  currentPeriodEnd
  cancelAtPeriodEnd
  endsAt
  scheduledQuantity
  scheduledAt
  graceEndsAt
  plan {
    ...PlanTerms
  }
  scheduledPlan {
    ...PlanTerms
  }
  pendingPayment {
    hostedUrl
    expiresAt
    quantity
    plan {
      code
      name
    }
  }
  waiting {
    kind
    reason
  }
}
    fragment PlanTerms on Plan {
  code
  name
  priceCents
  credits
  features
  overageAllowed
  overageCostPerCredit
}`, {"fragmentName":"SubscriptionState"}) as unknown as TypedDocumentString<SubscriptionStateFragment, unknown>;
export const UsageRowFragmentDoc = new TypedDocumentString(`
    fragment UsageRow on UsageRecord {
  id
  occurredAt
  resource
  quantity
  model
  feature
  billingMode
  credits
  overage
  refundedCredits
  user {
    id
    name
  }
  apiKey {
    id
    name
  }
}
    `, {"fragmentName":"UsageRow"}) as unknown as TypedDocumentString<UsageRowFragment, unknown>;
export const ViewerDocument = new TypedDocumentString(`
    query Viewer {
  viewer {
    kind
    subject
    user {
      ...Account
    }
    memberships {
      id
      role
      status
      organization {
        ...Account
      }
    }
    invitations {
      invitedAt
      role
      organization {
        id
        name
        externalId
      }
    }
  }
}
    fragment Account on BillingEntity {
  id
  name
  externalId
  type
  status
  suspensionReason
  viewerPermissions
  plan {
    code
    name
    credits
    priceCents
  }
  subscription {
    id
    currentPeriodStart
    currentPeriodEnd
  }
}`) as unknown as TypedDocumentString<ViewerQuery, ViewerQueryVariables>;
export const AccountDocument = new TypedDocumentString(`
    query Account($id: ID!) {
  billingEntity(id: $id) {
    ...Account
  }
}
    fragment Account on BillingEntity {
  id
  name
  externalId
  type
  status
  suspensionReason
  viewerPermissions
  plan {
    code
    name
    credits
    priceCents
  }
  subscription {
    id
    currentPeriodStart
    currentPeriodEnd
  }
}`) as unknown as TypedDocumentString<AccountQuery, AccountQueryVariables>;
export const AccountSearchDocument = new TypedDocumentString(`
    query AccountSearch($search: String!) {
  billingEntities(search: $search, first: 10) {
    edges {
      node {
        id
        name
        externalId
        type
      }
    }
  }
}
    `) as unknown as TypedDocumentString<AccountSearchQuery, AccountSearchQueryVariables>;
export const AlertsDocument = new TypedDocumentString(`
    query Alerts($id: ID!, $after: String) {
  billingEntity(id: $id) {
    id
    alerts(first: 30, after: $after) {
      edges {
        node {
          ...AlertRow
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
}
    fragment AlertRow on Alert {
  id
  billingEntityId
  type
  level
  remaining
  message
  createdAt
  acknowledgedAt
  available
  usedRatio
}`) as unknown as TypedDocumentString<AlertsQuery, AlertsQueryVariables>;
export const AlertSettingsDocument = new TypedDocumentString(`
    query AlertSettings($id: ID!) {
  billingEntity(id: $id) {
    id
    alertEmails
    alertPreferences {
      id
      type
      level
      remaining
      channels
      enabled
    }
    webhookEndpoint {
      ...Endpoint
      deliveries(first: 10) {
        edges {
          node {
            id
            eventType
            status
            attempts
            responseStatus
            error
            createdAt
            deliveredAt
            nextAttemptAt
          }
        }
      }
    }
  }
}
    fragment Endpoint on WebhookEndpoint {
  url
  enabled
  createdAt
  disabledAt
  disabledReason
}`) as unknown as TypedDocumentString<AlertSettingsQuery, AlertSettingsQueryVariables>;
export const AcknowledgeAlertDocument = new TypedDocumentString(`
    mutation AcknowledgeAlert($id: ID!) {
  acknowledgeAlert(id: $id) {
    ...AlertRow
  }
}
    fragment AlertRow on Alert {
  id
  billingEntityId
  type
  level
  remaining
  message
  createdAt
  acknowledgedAt
  available
  usedRatio
}`) as unknown as TypedDocumentString<AcknowledgeAlertMutation, AcknowledgeAlertMutationVariables>;
export const SetAlertPreferencesDocument = new TypedDocumentString(`
    mutation SetAlertPreferences($input: SetAlertPreferencesInput!) {
  setAlertPreferences(input: $input) {
    id
    type
    level
    remaining
    channels
    enabled
  }
}
    `) as unknown as TypedDocumentString<SetAlertPreferencesMutation, SetAlertPreferencesMutationVariables>;
export const SetWebhookEndpointDocument = new TypedDocumentString(`
    mutation SetWebhookEndpoint($input: SetWebhookEndpointInput!) {
  setWebhookEndpoint(input: $input) {
    secret
    endpoint {
      ...Endpoint
    }
  }
}
    fragment Endpoint on WebhookEndpoint {
  url
  enabled
  createdAt
  disabledAt
  disabledReason
}`) as unknown as TypedDocumentString<SetWebhookEndpointMutation, SetWebhookEndpointMutationVariables>;
export const RotateWebhookSecretDocument = new TypedDocumentString(`
    mutation RotateWebhookSecret($input: BillingEntityInput!) {
  rotateWebhookSecret(input: $input) {
    secret
    endpoint {
      ...Endpoint
    }
  }
}
    fragment Endpoint on WebhookEndpoint {
  url
  enabled
  createdAt
  disabledAt
  disabledReason
}`) as unknown as TypedDocumentString<RotateWebhookSecretMutation, RotateWebhookSecretMutationVariables>;
export const TestWebhookDocument = new TypedDocumentString(`
    mutation TestWebhook($input: BillingEntityInput!) {
  testWebhook(input: $input) {
    id
    status
  }
}
    `) as unknown as TypedDocumentString<TestWebhookMutation, TestWebhookMutationVariables>;
export const ResendWebhookDeliveryDocument = new TypedDocumentString(`
    mutation ResendWebhookDelivery($id: ID!) {
  resendWebhookDelivery(id: $id) {
    id
    status
  }
}
    `) as unknown as TypedDocumentString<ResendWebhookDeliveryMutation, ResendWebhookDeliveryMutationVariables>;
export const AlertRaisedDocument = new TypedDocumentString(`
    subscription AlertRaised($id: ID!) {
  alertRaised(billingEntityId: $id) {
    ...AlertRow
  }
}
    fragment AlertRow on Alert {
  id
  billingEntityId
  type
  level
  remaining
  message
  createdAt
  acknowledgedAt
  available
  usedRatio
}`) as unknown as TypedDocumentString<AlertRaisedSubscription, AlertRaisedSubscriptionVariables>;
export const ApiKeysDocument = new TypedDocumentString(`
    query ApiKeys($id: ID!, $after: String, $includeRevoked: Boolean!) {
  billingEntity(id: $id) {
    id
    apiKeys(first: 50, after: $after, includeRevoked: $includeRevoked) {
      edges {
        node {
          ...KeyRow
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
}
    fragment KeyRow on ApiKey {
  id
  name
  hint
  type
  provider
  billingMode
  status
  creditLimit
  usedThisPeriod
  createdAt
  lastUsedAt
  expiresAt
  revokedAt
}`) as unknown as TypedDocumentString<ApiKeysQuery, ApiKeysQueryVariables>;
export const CreateApiKeyDocument = new TypedDocumentString(`
    mutation CreateApiKey($input: CreateApiKeyInput!) {
  createApiKey(input: $input) {
    secret
    apiKey {
      ...KeyRow
    }
  }
}
    fragment KeyRow on ApiKey {
  id
  name
  hint
  type
  provider
  billingMode
  status
  creditLimit
  usedThisPeriod
  createdAt
  lastUsedAt
  expiresAt
  revokedAt
}`) as unknown as TypedDocumentString<CreateApiKeyMutation, CreateApiKeyMutationVariables>;
export const RotateApiKeyDocument = new TypedDocumentString(`
    mutation RotateApiKey($input: RotateApiKeyInput!) {
  rotateApiKey(input: $input) {
    secret
    apiKey {
      ...KeyRow
    }
  }
}
    fragment KeyRow on ApiKey {
  id
  name
  hint
  type
  provider
  billingMode
  status
  creditLimit
  usedThisPeriod
  createdAt
  lastUsedAt
  expiresAt
  revokedAt
}`) as unknown as TypedDocumentString<RotateApiKeyMutation, RotateApiKeyMutationVariables>;
export const RevokeApiKeyDocument = new TypedDocumentString(`
    mutation RevokeApiKey($id: ID!) {
  revokeApiKey(id: $id) {
    ...KeyRow
  }
}
    fragment KeyRow on ApiKey {
  id
  name
  hint
  type
  provider
  billingMode
  status
  creditLimit
  usedThisPeriod
  createdAt
  lastUsedAt
  expiresAt
  revokedAt
}`) as unknown as TypedDocumentString<RevokeApiKeyMutation, RevokeApiKeyMutationVariables>;
export const UpdateApiKeyDocument = new TypedDocumentString(`
    mutation UpdateApiKey($input: UpdateApiKeyInput!) {
  updateApiKey(input: $input) {
    ...KeyRow
  }
}
    fragment KeyRow on ApiKey {
  id
  name
  hint
  type
  provider
  billingMode
  status
  creditLimit
  usedThisPeriod
  createdAt
  lastUsedAt
  expiresAt
  revokedAt
}`) as unknown as TypedDocumentString<UpdateApiKeyMutation, UpdateApiKeyMutationVariables>;
export const AuditLogDocument = new TypedDocumentString(`
    query AuditLog($id: ID!, $filter: AuditLogFilter, $after: String) {
  billingEntity(id: $id) {
    id
    auditLog(first: 50, filter: $filter, after: $after) {
      edges {
        node {
          id
          action
          actor
          subject
          before
          after
          reason
          createdAt
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
}
    `) as unknown as TypedDocumentString<AuditLogQuery, AuditLogQueryVariables>;
export const BalanceDocument = new TypedDocumentString(`
    query Balance($id: ID!) {
  billingEntity(id: $id) {
    id
    credits {
      ...Balance
    }
  }
}
    fragment Balance on CreditBalance {
  billingEntityId
  version
  asOf
  available
  held
  used
  allowance
  overage
  owed
  usedRatio
}`) as unknown as TypedDocumentString<BalanceQuery, BalanceQueryVariables>;
export const BalancePageDocument = new TypedDocumentString(`
    query BalancePage($id: ID!, $from: DateTime!, $to: DateTime!, $timeZone: String!) {
  billingEntity(id: $id) {
    id
    credits {
      ...Balance
    }
    forecast {
      dailyBurn
      exhaustsAt
    }
    subscription {
      id
      status
      currentPeriodEnd
      graceEndsAt
      cancelAtPeriodEnd
      pendingPayment {
        hostedUrl
        expiresAt
      }
    }
    overagePolicy {
      enabled
      cap
    }
    alertPreferences {
      id
      type
      level
      remaining
      enabled
    }
    grants(first: 20) {
      edges {
        node {
          id
          source
          reason
          amount
          remaining
          expiresAt
        }
      }
      pageInfo {
        hasNextPage
      }
    }
    usageSummary(from: $from, to: $to, interval: HOUR, timeZone: $timeZone) {
      start
      credits
      records
    }
    usage(first: 8) {
      edges {
        node {
          ...UsageRow
        }
      }
    }
  }
  creditRates {
    resource
    units
    credits
  }
}
    fragment Balance on CreditBalance {
  billingEntityId
  version
  asOf
  available
  held
  used
  allowance
  overage
  owed
  usedRatio
}
fragment UsageRow on UsageRecord {
  id
  occurredAt
  resource
  quantity
  model
  feature
  billingMode
  credits
  overage
  refundedCredits
  user {
    id
    name
  }
  apiKey {
    id
    name
  }
}`) as unknown as TypedDocumentString<BalancePageQuery, BalancePageQueryVariables>;
export const BalanceUpdatedDocument = new TypedDocumentString(`
    subscription BalanceUpdated($id: ID!) {
  balanceUpdated(billingEntityId: $id) {
    ...Balance
  }
}
    fragment Balance on CreditBalance {
  billingEntityId
  version
  asOf
  available
  held
  used
  allowance
  overage
  owed
  usedRatio
}`) as unknown as TypedDocumentString<BalanceUpdatedSubscription, BalanceUpdatedSubscriptionVariables>;
export const ConsumeCreditsDocument = new TypedDocumentString(`
    mutation ConsumeCredits($input: ConsumeCreditsInput!) {
  consumeCredits(input: $input) {
    __typename
    ... on ConsumeCreditsSuccess {
      credits
      balance {
        ...Balance
      }
    }
    ... on UsageRefused {
      ...Refusal
    }
    ... on UsageRejected {
      message
    }
  }
}
    fragment Balance on CreditBalance {
  billingEntityId
  version
  asOf
  available
  held
  used
  allowance
  overage
  owed
  usedRatio
}
fragment Refusal on UsageRefused {
  reason
  scope
  required
  available
  resetsAt
  balance {
    ...Balance
  }
}`) as unknown as TypedDocumentString<ConsumeCreditsMutation, ConsumeCreditsMutationVariables>;
export const LedgerDocument = new TypedDocumentString(`
    query Ledger($id: ID!, $filter: LedgerFilter, $after: String) {
  billingEntity(id: $id) {
    id
    ledger(first: 50, after: $after, filter: $filter) {
      edges {
        cursor
        node {
          id
          sequence
          createdAt
          kind
          amount
          availableBefore
          availableAfter
          heldChange
          overageChange
          owedChange
          actor
          reason
          counterparty {
            id
            name
          }
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
}
    `) as unknown as TypedDocumentString<LedgerQuery, LedgerQueryVariables>;
export const VerifyLedgerDocument = new TypedDocumentString(`
    query VerifyLedger($id: ID!) {
  verifyLedger(billingEntityId: $id) {
    consistent
    entriesChecked
    throughSequence
    problemCount
    problems
  }
}
    `) as unknown as TypedDocumentString<VerifyLedgerQuery, VerifyLedgerQueryVariables>;
export const DirectoryDocument = new TypedDocumentString(`
    query Directory($search: String, $after: String) {
  billingEntities(search: $search, first: 50, after: $after) {
    edges {
      node {
        id
        name
        externalId
        type
        status
        createdAt
        plan {
          code
          name
        }
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    `) as unknown as TypedDocumentString<DirectoryQuery, DirectoryQueryVariables>;
export const FailedJobsDocument = new TypedDocumentString(`
    query FailedJobs($after: String) {
  failedJobs(first: 50, after: $after) {
    edges {
      node {
        id
        task
        billingEntityId
        attempts
        lastError
        failedAt
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    `) as unknown as TypedDocumentString<FailedJobsQuery, FailedJobsQueryVariables>;
export const RetryJobDocument = new TypedDocumentString(`
    mutation RetryJob($id: ID!) {
  retryJob(id: $id)
}
    `) as unknown as TypedDocumentString<RetryJobMutation, RetryJobMutationVariables>;
export const GrantCreditsDocument = new TypedDocumentString(`
    mutation GrantCredits($input: GrantCreditsInput!) {
  grantCredits(input: $input) {
    replayed
    balance {
      ...Balance
    }
  }
}
    fragment Balance on CreditBalance {
  billingEntityId
  version
  asOf
  available
  held
  used
  allowance
  overage
  owed
  usedRatio
}`) as unknown as TypedDocumentString<GrantCreditsMutation, GrantCreditsMutationVariables>;
export const AdjustCreditsDocument = new TypedDocumentString(`
    mutation AdjustCredits($input: AdjustCreditsInput!) {
  adjustCredits(input: $input) {
    replayed
    balance {
      ...Balance
    }
  }
}
    fragment Balance on CreditBalance {
  billingEntityId
  version
  asOf
  available
  held
  used
  allowance
  overage
  owed
  usedRatio
}`) as unknown as TypedDocumentString<AdjustCreditsMutation, AdjustCreditsMutationVariables>;
export const RefundUsageDocument = new TypedDocumentString(`
    mutation RefundUsage($recordId: ID!, $credits: Credits, $reason: String!, $idempotencyKey: String!) {
  refundUsage(
    recordId: $recordId
    credits: $credits
    reason: $reason
    idempotencyKey: $idempotencyKey
  ) {
    replayed
    balance {
      ...Balance
    }
  }
}
    fragment Balance on CreditBalance {
  billingEntityId
  version
  asOf
  available
  held
  used
  allowance
  overage
  owed
  usedRatio
}`) as unknown as TypedDocumentString<RefundUsageMutation, RefundUsageMutationVariables>;
export const SuspendAccountDocument = new TypedDocumentString(`
    mutation SuspendAccount($input: BillingEntityInput!, $reason: String!) {
  suspendBillingEntity(input: $input, reason: $reason) {
    ...Account
  }
}
    fragment Account on BillingEntity {
  id
  name
  externalId
  type
  status
  suspensionReason
  viewerPermissions
  plan {
    code
    name
    credits
    priceCents
  }
  subscription {
    id
    currentPeriodStart
    currentPeriodEnd
  }
}`) as unknown as TypedDocumentString<SuspendAccountMutation, SuspendAccountMutationVariables>;
export const ReinstateAccountDocument = new TypedDocumentString(`
    mutation ReinstateAccount($input: BillingEntityInput!, $reason: String) {
  reinstateBillingEntity(input: $input, reason: $reason) {
    ...Account
  }
}
    fragment Account on BillingEntity {
  id
  name
  externalId
  type
  status
  suspensionReason
  viewerPermissions
  plan {
    code
    name
    credits
    priceCents
  }
  subscription {
    id
    currentPeriodStart
    currentPeriodEnd
  }
}`) as unknown as TypedDocumentString<ReinstateAccountMutation, ReinstateAccountMutationVariables>;
export const MembersDocument = new TypedDocumentString(`
    query Members($id: ID!, $search: String, $after: String) {
  billingEntity(id: $id) {
    id
    members(first: 100, search: $search, after: $after) {
      edges {
        node {
          ...MemberRow
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
}
    fragment MemberRow on Membership {
  id
  role
  status
  creditLimit
  drawnThisPeriod
  usedThisPeriod
  joinedAt
  user {
    id
    externalId
    name
  }
}`) as unknown as TypedDocumentString<MembersQuery, MembersQueryVariables>;
export const OrganizationDocument = new TypedDocumentString(`
    query Organization($id: ID!) {
  billingEntity(id: $id) {
    id
    visibility
    credits {
      ...Balance
    }
  }
}
    fragment Balance on CreditBalance {
  billingEntityId
  version
  asOf
  available
  held
  used
  allowance
  overage
  owed
  usedRatio
}`) as unknown as TypedDocumentString<OrganizationQuery, OrganizationQueryVariables>;
export const SetMemberDocument = new TypedDocumentString(`
    mutation SetMember($input: SetMemberInput!) {
  setMember(input: $input) {
    ...MemberRow
  }
}
    fragment MemberRow on Membership {
  id
  role
  status
  creditLimit
  drawnThisPeriod
  usedThisPeriod
  joinedAt
  user {
    id
    externalId
    name
  }
}`) as unknown as TypedDocumentString<SetMemberMutation, SetMemberMutationVariables>;
export const RemoveMemberDocument = new TypedDocumentString(`
    mutation RemoveMember($input: RemoveMemberInput!) {
  removeMember(input: $input)
}
    `) as unknown as TypedDocumentString<RemoveMemberMutation, RemoveMemberMutationVariables>;
export const UpdateOrganizationDocument = new TypedDocumentString(`
    mutation UpdateOrganization($input: UpdateOrganizationInput!) {
  updateOrganization(input: $input) {
    id
    name
    visibility
  }
}
    `) as unknown as TypedDocumentString<UpdateOrganizationMutation, UpdateOrganizationMutationVariables>;
export const TransferCreditsDocument = new TypedDocumentString(`
    mutation TransferCredits($input: TransferCreditsInput!) {
  transferCredits(input: $input) {
    __typename
    ... on TransferCreditsSuccess {
      from {
        ...Balance
      }
      to {
        ...Balance
      }
    }
    ... on InsufficientCredits {
      message
      required
      available
    }
  }
}
    fragment Balance on CreditBalance {
  billingEntityId
  version
  asOf
  available
  held
  used
  allowance
  overage
  owed
  usedRatio
}`) as unknown as TypedDocumentString<TransferCreditsMutation, TransferCreditsMutationVariables>;
export const CreateOrganizationDocument = new TypedDocumentString(`
    mutation CreateOrganization($input: CreateOrganizationInput!) {
  createOrganization(input: $input) {
    id
    name
  }
}
    `) as unknown as TypedDocumentString<CreateOrganizationMutation, CreateOrganizationMutationVariables>;
export const AcceptInvitationDocument = new TypedDocumentString(`
    mutation AcceptInvitation($id: ID!) {
  acceptInvitation(billingEntityId: $id) {
    id
    role
    status
  }
}
    `) as unknown as TypedDocumentString<AcceptInvitationMutation, AcceptInvitationMutationVariables>;
export const DeclineInvitationDocument = new TypedDocumentString(`
    mutation DeclineInvitation($id: ID!) {
  declineInvitation(billingEntityId: $id)
}
    `) as unknown as TypedDocumentString<DeclineInvitationMutation, DeclineInvitationMutationVariables>;
export const SubscriptionPageDocument = new TypedDocumentString(`
    query SubscriptionPage($id: ID!) {
  plans {
    ...PlanTerms
  }
  creditRates {
    resource
    costPerCredit
  }
  billingEntity(id: $id) {
    id
    plan {
      code
      name
    }
    credits {
      ...Balance
    }
    subscription {
      ...SubscriptionState
    }
    overagePolicy {
      enabled
      cap
    }
    grants(first: 100) {
      edges {
        node {
          id
          source
          remaining
          expiresAt
        }
      }
      pageInfo {
        hasNextPage
      }
    }
  }
}
    fragment Balance on CreditBalance {
  billingEntityId
  version
  asOf
  available
  held
  used
  allowance
  overage
  owed
  usedRatio
}
fragment PlanTerms on Plan {
  code
  name
  priceCents
  credits
  features
  overageAllowed
  overageCostPerCredit
}
fragment SubscriptionState on BillingSubscription {
  id
  status
  quantity
  currentPeriodStart
  currentPeriodEnd
  cancelAtPeriodEnd
  endsAt
  scheduledQuantity
  scheduledAt
  graceEndsAt
  plan {
    ...PlanTerms
  }
  scheduledPlan {
    ...PlanTerms
  }
  pendingPayment {
    hostedUrl
    expiresAt
    quantity
    plan {
      code
      name
    }
  }
  waiting {
    kind
    reason
  }
}`) as unknown as TypedDocumentString<SubscriptionPageQuery, SubscriptionPageQueryVariables>;
export const InvoicesDocument = new TypedDocumentString(`
    query Invoices($id: ID!) {
  billingEntity(id: $id) {
    id
    invoices(first: 12) {
      edges {
        node {
          id
          number
          status
          totalCents
          createdAt
          periodStart
          periodEnd
          hostedUrl
          pdfUrl
        }
      }
      pageInfo {
        hasNextPage
      }
    }
    upcomingInvoice {
      totalCents
      overageCents
      dueAt
    }
  }
}
    `) as unknown as TypedDocumentString<InvoicesQuery, InvoicesQueryVariables>;
export const PlanChangeDocument = new TypedDocumentString(`
    query PlanChange($input: ChangePlanInput!) {
  previewPlanChange(input: $input) {
    timing
    effectiveAt
    dueNowCents
    creditsAdded
    nextInvoiceCents
    featuresLost
    checkoutRequired
  }
}
    `) as unknown as TypedDocumentString<PlanChangeQuery, PlanChangeQueryVariables>;
export const CreateCheckoutSessionDocument = new TypedDocumentString(`
    mutation CreateCheckoutSession($input: CreateCheckoutSessionInput!) {
  createCheckoutSession(input: $input) {
    url
  }
}
    `) as unknown as TypedDocumentString<CreateCheckoutSessionMutation, CreateCheckoutSessionMutationVariables>;
export const CompleteCheckoutDocument = new TypedDocumentString(`
    mutation CompleteCheckout($id: ID!, $sessionId: ID!) {
  completeCheckout(billingEntityId: $id, sessionId: $sessionId) {
    ...SubscriptionState
  }
}
    fragment PlanTerms on Plan {
  code
  name
  priceCents
  credits
  features
  overageAllowed
  overageCostPerCredit
}
fragment SubscriptionState on BillingSubscription {
  id
  status
  quantity
  currentPeriodStart
  currentPeriodEnd
  cancelAtPeriodEnd
  endsAt
  scheduledQuantity
  scheduledAt
  graceEndsAt
  plan {
    ...PlanTerms
  }
  scheduledPlan {
    ...PlanTerms
  }
  pendingPayment {
    hostedUrl
    expiresAt
    quantity
    plan {
      code
      name
    }
  }
  waiting {
    kind
    reason
  }
}`) as unknown as TypedDocumentString<CompleteCheckoutMutation, CompleteCheckoutMutationVariables>;
export const ChangePlanDocument = new TypedDocumentString(`
    mutation ChangePlan($input: ChangePlanInput!) {
  changePlan(input: $input) {
    ...SubscriptionState
  }
}
    fragment PlanTerms on Plan {
  code
  name
  priceCents
  credits
  features
  overageAllowed
  overageCostPerCredit
}
fragment SubscriptionState on BillingSubscription {
  id
  status
  quantity
  currentPeriodStart
  currentPeriodEnd
  cancelAtPeriodEnd
  endsAt
  scheduledQuantity
  scheduledAt
  graceEndsAt
  plan {
    ...PlanTerms
  }
  scheduledPlan {
    ...PlanTerms
  }
  pendingPayment {
    hostedUrl
    expiresAt
    quantity
    plan {
      code
      name
    }
  }
  waiting {
    kind
    reason
  }
}`) as unknown as TypedDocumentString<ChangePlanMutation, ChangePlanMutationVariables>;
export const CancelSubscriptionDocument = new TypedDocumentString(`
    mutation CancelSubscription($input: BillingEntityInput!) {
  cancelSubscription(input: $input) {
    ...SubscriptionState
  }
}
    fragment PlanTerms on Plan {
  code
  name
  priceCents
  credits
  features
  overageAllowed
  overageCostPerCredit
}
fragment SubscriptionState on BillingSubscription {
  id
  status
  quantity
  currentPeriodStart
  currentPeriodEnd
  cancelAtPeriodEnd
  endsAt
  scheduledQuantity
  scheduledAt
  graceEndsAt
  plan {
    ...PlanTerms
  }
  scheduledPlan {
    ...PlanTerms
  }
  pendingPayment {
    hostedUrl
    expiresAt
    quantity
    plan {
      code
      name
    }
  }
  waiting {
    kind
    reason
  }
}`) as unknown as TypedDocumentString<CancelSubscriptionMutation, CancelSubscriptionMutationVariables>;
export const ResumeSubscriptionDocument = new TypedDocumentString(`
    mutation ResumeSubscription($input: BillingEntityInput!) {
  resumeSubscription(input: $input) {
    ...SubscriptionState
  }
}
    fragment PlanTerms on Plan {
  code
  name
  priceCents
  credits
  features
  overageAllowed
  overageCostPerCredit
}
fragment SubscriptionState on BillingSubscription {
  id
  status
  quantity
  currentPeriodStart
  currentPeriodEnd
  cancelAtPeriodEnd
  endsAt
  scheduledQuantity
  scheduledAt
  graceEndsAt
  plan {
    ...PlanTerms
  }
  scheduledPlan {
    ...PlanTerms
  }
  pendingPayment {
    hostedUrl
    expiresAt
    quantity
    plan {
      code
      name
    }
  }
  waiting {
    kind
    reason
  }
}`) as unknown as TypedDocumentString<ResumeSubscriptionMutation, ResumeSubscriptionMutationVariables>;
export const SetOveragePolicyDocument = new TypedDocumentString(`
    mutation SetOveragePolicy($input: SetOveragePolicyInput!) {
  setOveragePolicy(input: $input) {
    enabled
    cap
  }
}
    `) as unknown as TypedDocumentString<SetOveragePolicyMutation, SetOveragePolicyMutationVariables>;
export const CreateBillingPortalSessionDocument = new TypedDocumentString(`
    mutation CreateBillingPortalSession($input: CreateBillingPortalSessionInput!) {
  createBillingPortalSession(input: $input) {
    url
  }
}
    `) as unknown as TypedDocumentString<CreateBillingPortalSessionMutation, CreateBillingPortalSessionMutationVariables>;
export const UsageSummaryDocument = new TypedDocumentString(`
    query UsageSummary($id: ID!, $from: DateTime!, $to: DateTime!, $interval: UsageInterval!, $timeZone: String!, $groupBy: [UsageDimension!]!, $filter: UsageSummaryFilter) {
  billingEntity(id: $id) {
    id
    usageSummary(
      from: $from
      to: $to
      interval: $interval
      timeZone: $timeZone
      groupBy: $groupBy
      filter: $filter
    ) {
      start
      credits
      overage
      quantity
      records
      model
      otherModels
      feature
      resource
      billingMode
      user {
        id
        name
        externalId
      }
      apiKey {
        id
        name
      }
      organization {
        id
        name
        externalId
      }
    }
  }
}
    `) as unknown as TypedDocumentString<UsageSummaryQuery, UsageSummaryQueryVariables>;
export const UsageRecordsDocument = new TypedDocumentString(`
    query UsageRecords($id: ID!, $filter: UsageFilter, $after: String) {
  billingEntity(id: $id) {
    id
    usage(first: 50, after: $after, filter: $filter) {
      edges {
        cursor
        node {
          ...UsageRow
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
}
    fragment UsageRow on UsageRecord {
  id
  occurredAt
  resource
  quantity
  model
  feature
  billingMode
  credits
  overage
  refundedCredits
  user {
    id
    name
  }
  apiKey {
    id
    name
  }
}`) as unknown as TypedDocumentString<UsageRecordsQuery, UsageRecordsQueryVariables>;
export const ReceiptDocument = new TypedDocumentString(`
    query Receipt($id: ID!, $recordId: ID!) {
  billingEntity(id: $id) {
    id
    usageRecord(id: $recordId) {
      ...UsageRow
      recordedAt
      carriedBefore
      carriedAfter
      owed
      refundedAt
      rate {
        resource
        units
        credits
        costPerCredit
      }
      draws {
        credits
        grant {
          id
          source
          reason
          expiresAt
        }
      }
      billingEntity {
        id
        name
      }
      organization {
        id
        name
      }
      ledgerEntry {
        id
        sequence
        kind
        reservation {
          id
          status
          credits
          releasedCredits
        }
      }
    }
  }
}
    fragment UsageRow on UsageRecord {
  id
  occurredAt
  resource
  quantity
  model
  feature
  billingMode
  credits
  overage
  refundedCredits
  user {
    id
    name
  }
  apiKey {
    id
    name
  }
}`) as unknown as TypedDocumentString<ReceiptQuery, ReceiptQueryVariables>;
export const ExportUsageDocument = new TypedDocumentString(`
    mutation ExportUsage($input: CreateExportInput!) {
  createExport(input: $input) {
    url
    expiresAt
  }
}
    `) as unknown as TypedDocumentString<ExportUsageMutation, ExportUsageMutationVariables>;
export const UsageRecordedDocument = new TypedDocumentString(`
    subscription UsageRecorded($id: ID!, $after: String) {
  usageRecorded(billingEntityId: $id, after: $after) {
    cursor
    hasGap
    skipped
    records {
      ...UsageRow
    }
  }
}
    fragment UsageRow on UsageRecord {
  id
  occurredAt
  resource
  quantity
  model
  feature
  billingMode
  credits
  overage
  refundedCredits
  user {
    id
    name
  }
  apiKey {
    id
    name
  }
}`) as unknown as TypedDocumentString<UsageRecordedSubscription, UsageRecordedSubscriptionVariables>;