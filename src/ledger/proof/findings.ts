/** The findings of a verification, in words. */

export interface Verification {
  readonly consistent: boolean;
  readonly entriesChecked: bigint;
  readonly throughSequence: bigint;
  readonly problemCount: bigint;
  /** The first hundred. */
  readonly problems: readonly string[];
}

/** A row as it was read: whether it still has its checksum; null when it was written before there were any. */
export interface Stored<T> {
  readonly row: T;
  readonly intact: boolean | null;
}

const MAX_PROBLEMS = 100;

/** The problems of one account, as they are found. */
export class Findings {
  readonly #problems: string[] = [];
  #count = 0n;
  readonly #checksummedFrom: bigint;

  /** @param checksummedFrom sequence of the first entry whose rows have checksums */
  constructor(checksummedFrom: bigint) {
    this.#checksummedFrom = checksummedFrom;
  }

  /** Rows that were written with an entry before the first checksummed one may have no checksum, all others have theirs. */
  intact(name: string, { intact }: Stored<unknown>, writtenWith: bigint): void {
    if (intact === false) this.problem(`${name} was altered after it was written: its checksum differs`);
    if (intact === null && writtenWith >= this.#checksummedFrom) this.problem(`${name} has lost its checksum`);
  }

  expect(what: string, stored: bigint | string, rebuilt: bigint | string): void {
    if (stored !== rebuilt) this.problem(`${what} is ${stored}, the ledger says ${rebuilt}`);
  }

  problem(problem: string): void {
    this.#count += 1n;
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(problem);
  }

  /** The findings so far. */
  result({ entries, sequence }: { readonly entries: bigint; readonly sequence: bigint }): Verification {
    return {
      consistent: this.#count === 0n,
      entriesChecked: entries,
      throughSequence: sequence,
      problemCount: this.#count,
      problems: this.#problems,
    };
  }
}

/** The spelling of whatever the database holds there: an instant, never, or one that has no end. */
export function instant(at: Date | null): string {
  if (at === null) return 'never';
  return at instanceof Date ? at.toISOString() : String(at);
}
