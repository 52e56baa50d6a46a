/** A metered resource. Units: AI_TOKENS one token, COMPUTE one millisecond. */
export type Resource = 'AI_TOKENS' | 'COMPUTE';

/** `units` of the resource cost `credits` whole credits (rule 1). */
export interface Rate {
  readonly resource: Resource;
  readonly units: bigint;
  readonly credits: bigint;
}

/** The one table of rates (rule 1). A further resource is one more row here and one more enum value. */
export const RATES: Readonly<Record<Resource, Rate>> = {
  AI_TOKENS: { resource: 'AI_TOKENS', units: 1000n, credits: 100n },
  COMPUTE: { resource: 'COMPUTE', units: 60_000n, credits: 50n },
};

/** The price of one credit in US dollars, an exact decimal (rule 1). */
export const COST_PER_CREDIT_USD = '0.00004';
