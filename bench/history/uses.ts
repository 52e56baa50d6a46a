/** What people do all year, drawn from a seed: the same for everybody who fills as far. */
import { type Resource } from '../../src/plans/rates.ts';

/** One use, as a platform would report it. */
export interface Use {
  /** Which of the people of the account. */
  readonly person: number;
  readonly feature: string | null;
  /** The model that did the work of all lines. */
  readonly model: string;
  readonly lines: readonly { readonly resource: Resource; readonly quantity: bigint }[];
  readonly metadata: Readonly<Record<string, unknown>>;
  /** How long before it was reported, in milliseconds. */
  readonly ageMs: number;
  /** Credits were reserved first, and are settled by it. */
  readonly reserved: boolean;
  /** It went wrong: its first line is refunded later. */
  readonly failed: boolean;
}

/** Used once in some fifty thousand uses. */
export const RARE_FEATURE = 'voice_preview';
/** What a paid plan would grant. */
export const FEATURES: readonly string[] = ['basic_chatflows', 'all_chatflows', RARE_FEATURE];

const HOUR_MS = 3_600_000;
const MODELS = ['small-1', 'medium-2', 'large-1', 'large-2-thinking'];

/** Numbers that look random, 0 ≤ x < 1, always the same after the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A use by one of so many people, reported within `spanMs` of when it happened; one in a hundred up to two days late. */
export function drawUse(random: () => number, { people, spanMs }: { people: number; spanMs: number }): Use {
  const below = (limit: number): number => Math.floor(random() * limit);
  const input = { resource: 'AI_TOKENS', quantity: BigInt(200 + below(6_000)) } as const;
  const output = { resource: 'AI_TOKENS', quantity: BigInt(20 + below(1_500)) } as const;
  const compute = { resource: 'COMPUTE', quantity: BigInt(300 + below(45_000)) } as const;
  const lines = [[input], [input, compute], [input, output, compute]][below(3)] as Use['lines'];
  const use = {
    // The first of them work more than the last.
    person: Math.min(below(people), below(people)),
    feature: featureAt(random()),
    lines,
    metadata: {
      chatflow: `flow-${below(40)}`,
      model: MODELS[below(MODELS.length)] as string,
      run: `run-${below(2 ** 31).toString(36)}`,
      cached: random() < 0.2,
    },
    ageMs: below(random() < 0.01 ? 48 * HOUR_MS : spanMs),
    reserved: random() < 0.005,
    failed: random() < 0.002,
  };
  return { ...use, model: use.metadata.model };
}

function featureAt(share: number): string | null {
  if (share < 0.000_02) return RARE_FEATURE;
  if (share < 0.45) return 'basic_chatflows';
  return share < 0.7 ? 'all_chatflows' : null;
}
