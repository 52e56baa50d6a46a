import { createSecretKey } from 'node:crypto';
import { createRemoteJWKSet, type CryptoKey, type FlattenedJWSInput, type JWSHeaderParameters, jwtVerify } from 'jose';
import type { JWTPayload, JWTVerifyOptions } from 'jose';
import type { Clock } from '../kernel/clock.ts';
import type { AuthConfig } from '../config/config.ts';
import type { Log } from '../kernel/log.ts';

/** Verifies one token; rejects with jose's errors. */
export type VerifyToken = (token: string, checks: JWTVerifyOptions) => Promise<JWTPayload>;

/** How old keys behind an address may be before they are fetched again. */
const FRESH_MS = 60_000;
/** While the address does not answer, the last keys serve on for so long: nobody knows of any that they were taken back. */
const STALE_MS = 3_600_000;
/** How long after a failed fetch nobody waits for another. */
const PAUSE_MS = 10_000;

/** What verifies tokens: a shared secret, or the keys behind an address, never older than a minute while it answers. */
export function tokenVerifier(auth: AuthConfig, { clock, log }: { clock: Clock; log: Log }): VerifyToken {
  if (auth.jwksUrl !== null) {
    const keys = new RemoteKeys(auth.jwksUrl, { clock, log });
    return async (token, checks) =>
      (await jwtVerify(token, (header, input) => keys.find(header, input), checks)).payload;
  }
  if (auth.jwtSecret === null) throw new Error('either a JWT secret or a JWKS address must be given');
  const secret = createSecretKey(Buffer.from(auth.jwtSecret));
  return async (token, checks) => (await jwtVerify(token, secret, checks)).payload;
}

class RemoteKeys {
  readonly #keys: ReturnType<typeof createRemoteJWKSet>;
  readonly #clock: Clock;
  readonly #log: Log;
  #fetchedAt: number | null = null;
  #pausedUntil = 0;

  constructor(url: URL, { clock, log }: { clock: Clock; log: Log }) {
    // How old keys may be is ours to say, by the one clock; an unknown key has them fetched at once, once in ten seconds.
    this.#keys = createRemoteJWKSet(url, {
      timeoutDuration: 5000,
      cooldownDuration: 10_000,
      cacheMaxAge: Number.POSITIVE_INFINITY,
    });
    this.#clock = clock;
    this.#log = log;
  }

  async find(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> {
    await this.#refresh();
    return this.#keys(header, token);
  }

  async #refresh(): Promise<void> {
    const now = this.#clock.now().getTime();
    const ageMs = this.#fetchedAt === null ? Number.POSITIVE_INFINITY : now - this.#fetchedAt;
    if (ageMs < FRESH_MS || (ageMs < STALE_MS && now < this.#pausedUntil)) return;
    try {
      await this.#keys.reload();
      this.#fetchedAt = now;
    } catch (error) {
      this.#pausedUntil = now + PAUSE_MS;
      if (ageMs >= STALE_MS) throw error;
      this.#log.warn(
        { err: error },
        'the keys that tokens are verified with cannot be fetched; the last ones serve on',
      );
    }
  }
}
