/** Whom use is counted for, and how it is billed. */
export type BillingMode = 'FULL' | 'COMPUTE_ONLY';

/** Names an API key, which belongs to whoever pays or uses. */
export interface ApiKeyRef {
  readonly billingEntityId: string;
  readonly id: string;
}

/** Who used it, where, and on which key. null: nobody, nowhere, none. */
export interface UsedBy {
  readonly userId: string | null;
  readonly organizationId: string | null;
  readonly apiKey: ApiKeyRef | null;
}
