import type { Scheduler } from '../kernel/scheduler.ts';

export interface AllowanceOptions {
  readonly most: number;
  readonly windowMs: number;
  readonly scheduler: Pick<Scheduler, 'nowMs'>;
}

/** An amount that one caller may use up within each window. */
export class Allowance {
  readonly #options: AllowanceOptions;
  #windowEndsAtMs = Number.NEGATIVE_INFINITY;
  #taken = 0;

  constructor(options: AllowanceOptions) {
    this.#options = options;
  }

  /** Takes one; false: there is none left. */
  take(): boolean {
    const { most, windowMs, scheduler } = this.#options;
    const nowMs = scheduler.nowMs();
    if (nowMs >= this.#windowEndsAtMs) {
      this.#windowEndsAtMs = nowMs + windowMs;
      this.#taken = 0;
    }
    this.#taken += 1;
    return this.#taken <= most;
  }
}
