/** FULL charges all lines. COMPUTE_ONLY charges no AI_TOKENS (rule 19). */
export type BillingMode = 'FULL' | 'COMPUTE_ONLY';

/** Names an API key, which belongs to the payer, to the user, or to the public organization whose member is the payer. */
export interface ApiKeyRef {
  readonly billingEntityId: string;
  readonly id: string;
}

/** The user, the organization and the API key of use. null: no user, no organization, no key. */
export interface UsedBy {
  readonly userId: string | null;
  readonly organizationId: string | null;
  readonly apiKey: ApiKeyRef | null;
}
