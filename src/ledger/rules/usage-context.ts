/** Use, and what holds of those whom it names besides the payer at the moment when it is decided. */
import type { Rate } from '../../plans/rates.ts';
import type { BillingMode, UsedBy } from './attribution.ts';
import type { UseCounter } from './spend-limits.ts';

/** A quantity of a resource, at the rate of this moment. */
export interface UsageLine {
  /** Units of the resource, ≥ 0. */
  readonly quantity: bigint;
  readonly rate: Rate;
  /** What did the work, such as a model's name. No price hangs on it. null or absent: it is not named. */
  readonly model?: string | null;
}

/** Use of one or more resources, by somebody, somewhere, on a key or on none. */
export interface Use extends UsedBy {
  readonly lines: readonly UsageLine[];
  /** Counts for use on no key; a key has its own mode (rule 19). */
  readonly billingMode: BillingMode;
  /** A feature that the payer's plan must grant; null: none. */
  readonly feature: string | null;
  /** External id by which the caller named the organization; null or absent: it was implied. */
  readonly namedOrganization?: string | null;
}

/** Use, with the account that it is charged to. */
export interface ChargedUse extends Use {
  readonly billingEntityId: string;
}

/** The state, at the moment of deciding, of those whom use names besides the payer. */
export interface UsageContext {
  /** The user or the organization is suspended (rule 18). */
  readonly suspended: boolean;
  /** Visibility of the named organization, which says who pays; null: there is no such organization. */
  readonly visibility: OrganizationVisibility | null;
  /** External id of that organization; null or absent: there is no such organization. */
  readonly organizationExternalId?: string | null;
  /** Membership of the user in the organization whose pool pays; null: there is none. */
  readonly membership: (Limited & { readonly status: 'ACTIVE' | 'SUSPENDED' }) | null;
  /** true: the user is an ACTIVE member of the public organization whose key the use runs on, and so one of whom it may name. */
  readonly isNamedByOwnKey?: boolean;
  /** State of the named API key; null: there is no such key. */
  readonly apiKey:
    | (Limited & { readonly status: 'ACTIVE' | 'EXPIRED' | 'REVOKED'; readonly billingMode: BillingMode })
    | null;
}

/** A credit limit in a period of the payer, and the counter that counts against it (rule 17). */
interface Limited {
  /** null: no limit. */
  readonly creditLimit: bigint | null;
  /** undefined: nothing was ever counted. */
  readonly counter: UseCounter | undefined;
}

/** PRIVATE: the organization's pool pays. PUBLIC: each user pays alone. */
export type OrganizationVisibility = 'PRIVATE' | 'PUBLIC';

/** The context of use that names nobody besides the payer. */
export const NO_CONTEXT: UsageContext = { suspended: false, visibility: null, membership: null, apiKey: null };
