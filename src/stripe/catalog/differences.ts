import type { StripeClient } from '../account/client.ts';

/** Collects what differs in Stripe's account and, where the order is to repair, mends it. */
export class Differences {
  readonly #repair: boolean;
  readonly #lines: string[] = [];

  constructor({ repair }: { readonly repair: boolean }) {
    this.#repair = repair;
  }

  /** Lines, one for each thing that differs or was changed. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Adds a difference that only people can resolve. */
  add(line: string): void {
    this.#lines.push(line);
  }

  /**
   * Runs `mend` where the order is to repair, and otherwise only adds the difference.
   * @param words.differs says what is wrong, for whoever only compares
   * @param words.mended says what was changed
   * @returns what `mend` made; null: everything was left as it is
   */
  async mend<T>(
    { differs, mended }: { readonly differs: string; readonly mended: string },
    mend: () => Promise<T>,
  ): Promise<T | null> {
    if (!this.#repair) {
      this.#lines.push(differs);
      return null;
    }
    const result = await mend();
    this.#lines.push(mended);
    return result;
  }
}

/** The account that is surveyed, and the list that differences go to. */
export interface Surveying {
  readonly stripe: StripeClient;
  readonly differences: Differences;
}
