import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Principal } from '../billing-entities/principal.ts';
import type { RateLimits } from '../config/limits.ts';
import { Refusal } from '../kernel/refusal.ts';

/**
 * Counts operations of a caller. Anonymous callers are told apart by their address.
 * @throws by rejecting with {@link Refusal} RATE_LIMITED, which says when to try again.
 */
export interface RateLimit {
  /** One operation, of which nothing is known yet. */
  (principal: Principal | null, remoteAddress: string | undefined): Promise<void> | undefined;
  /**
   * That the operation just counted is worth so many: the rest is counted, or nothing of it. What is worth more than a
   * window holds takes the whole of one, so that the largest batch is never refused for ever.
   */
  weigh(principal: Principal | null, remoteAddress: string | undefined, operations: number): Promise<void> | undefined;
}

/** Limits of this process alone: an installation of n replicas admits up to n times as much. */
export function createRateLimit(limits: RateLimits): RateLimit {
  const limiterOf = (kind: string, points: number): RateLimiterMemory | null =>
    points === 0 ? null : new RateLimiterMemory({ keyPrefix: kind, points, duration: limits.windowSeconds });
  const limiters: Readonly<Record<Principal['kind'] | 'ANONYMOUS', RateLimiterMemory | null>> = {
    USER: limiterOf('USER', limits.user),
    API_KEY: limiterOf('API_KEY', limits.apiKey),
    SERVICE: limiterOf('SERVICE', limits.service),
    OPERATOR: limiterOf('OPERATOR', limits.operator),
    ANONYMOUS: limiterOf('ANONYMOUS', limits.anonymous),
  };
  const limiterFor = (principal: Principal | null): RateLimiterMemory | null =>
    limiters[principal?.kind ?? 'ANONYMOUS'];
  const keyOf = (principal: Principal | null, remoteAddress: string | undefined): string =>
    principal?.subject ?? remoteAddress ?? '';
  const count = (principal: Principal | null, remoteAddress: string | undefined): Promise<void> | undefined => {
    const limiter = limiterFor(principal);
    return limiter === null ? undefined : take(limiter, keyOf(principal, remoteAddress), 1);
  };
  return Object.assign(count, {
    weigh(principal: Principal | null, remoteAddress: string | undefined, operations: number) {
      const limiter = limiterFor(principal);
      if (limiter === null || operations <= 1) return undefined;
      return take(limiter, keyOf(principal, remoteAddress), Math.min(operations, limiter.points) - 1);
    },
  });
}

async function take(limiter: RateLimiterMemory, key: string, operations: number): Promise<void> {
  try {
    await limiter.consume(key, operations);
  } catch (reason) {
    if (!(reason instanceof RateLimiterRes)) throw reason;
    // Of many that were refused together none was begun: they take nothing from what is left.
    if (operations > 1) await limiter.reward(key, operations);
    throw new Refusal('RATE_LIMITED', 'Too many operations: slow down.', {
      retryAfterMs: Math.max(1, reason.msBeforeNext),
    });
  }
}
