import { RateLimiterMemory } from 'rate-limiter-flexible';
import { Refusal } from '../kernel/refusal.ts';

export interface RefusedPeersOptions {
  /** Refusals that a peer may cause within the window; 0: as many as it likes. */
  readonly most: number;
  readonly windowSeconds: number;
}

/**
 * Counts refused tokens and keys by the address that they came from. After too many, the
 * address is not listened to until the window is over: its tokens are neither verified nor looked up. It is the address of
 * the connection. Callers behind one proxy share it, so tokens that were valid before never come here.
 */
export class RefusedPeers {
  readonly #limiter: RateLimiterMemory | null;

  constructor({ most, windowSeconds }: RefusedPeersOptions) {
    this.#limiter =
      most === 0 ? null : new RateLimiterMemory({ keyPrefix: 'REFUSED', points: most, duration: windowSeconds });
  }

  /** @throws Refusal RATE_LIMITED by rejecting, when this peer was refused too often */
  async check(peer: string | undefined): Promise<void> {
    const counted = await this.#limiter?.get(peer ?? '');
    if (counted != null && counted.remainingPoints <= 0) {
      throw new Refusal('RATE_LIMITED', 'Too many tokens from here were refused: wait.', {
        retryAfterMs: Math.max(1, counted.msBeforeNext),
      });
    }
  }

  /** Counts one more refusal. */
  async count(peer: string | undefined): Promise<void> {
    await this.#limiter?.penalty(peer ?? '');
  }
}
