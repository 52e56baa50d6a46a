/** Where the credits of the naive account come from, and go back to. */

/** Credits that came at once. */
export interface ModelGrant {
  /** null: a refund made it, and only the core knows what it is called. */
  readonly id: string | null;
  /** They are made one after the other. */
  readonly serial: number;
  readonly priority: number;
  readonly paid: boolean;
  readonly from: number;
  readonly until: number;
  readonly madeAt: number;
  left: bigint;
}

/** Credits that came from one place. */
export interface ModelDraw {
  readonly from: ModelGrant | 'overage' | 'owed';
  credits: bigint;
}

/** A charged line: where its credits came from, in order. A refund takes them off the end again. */
export interface ModelRecord {
  readonly at: number;
  readonly draws: ModelDraw[];
  isRefunded: boolean;
}

/** Takes the first so many credits off the front. */
export function split(draws: ModelDraw[], credits: bigint): ModelDraw[] {
  const own: ModelDraw[] = [];
  for (let missing = credits; missing > 0n;) {
    const first = draws[0] as ModelDraw;
    const taken = first.credits < missing ? first.credits : missing;
    own.push({ from: first.from, credits: taken });
    first.credits -= taken;
    missing -= taken;
    if (first.credits === 0n) draws.shift();
  }
  return own.filter((draw) => draw.credits > 0n);
}

/** All of them together. */
export function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n);
}

/** The quotient, rounded up. */
export function ceil(numerator: bigint, denominator: bigint): bigint {
  return (numerator + denominator - 1n) / denominator;
}
