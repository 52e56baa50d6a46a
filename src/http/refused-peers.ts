import { RateLimiterMemory } from 'rate-limiter-flexible';
import { Refusal } from '../kernel/refusal.ts';

export interface RefusedPeersOptions {
  /** Refusals that a peer may cause within the window; 0: as many as it likes. */
  readonly most: number;
  readonly windowSeconds: number;
}

/**
 * Counts refused tokens and keys by the address that they came from. Whoever caused too many is not listened to any more
 * until the window is over: their tokens are neither verified nor looked up. The address is that of the connection; behind
 * a proxy or a shared exit everybody there has one, which is why tokens that were found good before never come here.
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

  /** One more was refused. */
  async count(peer: string | undefined): Promise<void> {
    await this.#limiter?.penalty(peer ?? '');
  }
}
