/** The ways in which a call can go wrong. */
export type FaultKind =
  /** The socket closes before anything is done. */
  | 'timeout_before_commit'
  /** It is done, and the socket closes without an answer. */
  | 'timeout_after_commit'
  /** 500 before anything is done. */
  | 'error_before_commit'
  /** It is not done, and the answer is 500, again and again for the same key. */
  | 'error_midway'
  /** It is done, and the answer is 500, again and again for the same key. */
  | 'error_after_commit'
  | 'rate_limit'
  /** An answer that is not Stripe's: 404 or 500 whose JSON has no `error`. */
  | 'foreign_404'
  | 'foreign_500'
  /** Stripe understands it, and says no. */
  | 'rejected'
  /** Waits until it is released, then goes on. */
  | 'hold';

export interface FaultRequest {
  readonly kind: FaultKind;
  /** Any, if absent. */
  readonly method?: string;
  /** `*` stands for one segment or its part: `/v1/subscriptions/*`. */
  readonly path: string;
  /** So many matching calls; absent: one. 0: every one until it is cleared. */
  readonly times?: number;
  /** Matching calls that go well before. */
  readonly after?: number;
  /** The reason that Stripe gives with a rejection. */
  readonly code?: string;
}

export interface Fault extends Required<Omit<FaultRequest, 'method' | 'code'>> {
  readonly id: number;
  readonly method: string | null;
  readonly code: string | null;
  /** Calls that it has hit. */
  hits: number;
}

/** Faults that wait for a call to hit. */
export class Faults {
  #faults: (Fault & { passed: number })[] = [];
  #held: (() => void)[] = [];
  #nextId = 1;

  add({ kind, path, times = 1, after = 0, ...named }: FaultRequest): Fault {
    const { method = null, code = null } = named;
    const fault = { id: this.#nextId, kind, method, path, times, after, code, hits: 0, passed: 0 };
    this.#nextId += 1;
    this.#faults.push(fault);
    return fault;
  }

  list(): readonly Fault[] {
    return this.#faults;
  }

  clear(): void {
    this.#faults = [];
    this.release();
  }

  /** The fault that hits this call, which is the first that matches. Null: the call goes well. */
  take(method: string, path: string): Pick<Fault, 'kind' | 'code'> | null {
    for (const fault of this.#faults) {
      if (fault.method !== null && fault.method !== method) continue;
      if (!patternOf(fault.path).test(path) || (fault.times !== 0 && fault.hits >= fault.times)) continue;
      fault.passed += 1;
      if (fault.passed <= fault.after) continue;
      fault.hits += 1;
      return fault;
    }
    return null;
  }

  /** Resolves when held calls may go on. */
  held(): Promise<void> {
    return new Promise((resolve) => this.#held.push(resolve));
  }

  get heldCount(): number {
    return this.#held.length;
  }

  release(): void {
    const held = this.#held;
    this.#held = [];
    for (const go of held) go();
  }
}

function patternOf(path: string): RegExp {
  const escaped = path.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*');
  return new RegExp(`^${escaped}$`);
}
