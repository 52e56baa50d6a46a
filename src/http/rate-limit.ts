import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Principal } from '../billing-entities/principal.ts';
import type { RateLimits } from '../config.ts';
import { Refusal } from '../refusal.ts';

/**
 * Counts one operation of a caller. Anonymous callers are told apart by their address.
 * @throws by rejecting with {@link Refusal} RATE_LIMITED, which says when to try again.
 */
export type RateLimit = (principal: Principal | null, remoteAddress: string | undefined) => Promise<void> | undefined;

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
  return (principal, remoteAddress) => {
    const limiter = limiters[principal?.kind ?? 'ANONYMOUS'];
    return limiter === null ? undefined : take(limiter, principal?.subject ?? remoteAddress ?? '');
  };
}

async function take(limiter: RateLimiterMemory, key: string): Promise<void> {
  try {
    await limiter.consume(key);
  } catch (reason) {
    if (!(reason instanceof RateLimiterRes)) throw reason;
    throw new Refusal('RATE_LIMITED', 'Too many operations: slow down.', {
      retryAfterMs: Math.max(1, reason.msBeforeNext),
    });
  }
}
