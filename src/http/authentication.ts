import { createHash } from 'node:crypto';
import { errors } from 'jose';
import type { JWTPayload } from 'jose';
import { KEY_NAMESPACE } from '../api-keys/key-format.ts';
import type { Principal } from '../billing-entities/principal.ts';
import { BoundedCache } from '../kernel/bounded-cache.ts';
import type { Clock } from '../kernel/clock.ts';
import type { AuthConfig } from '../config/config.ts';
import type { Log } from '../kernel/log.ts';
import { Refusal } from '../kernel/refusal.ts';
import { createPrincipals, type EnsureUser, type PrincipalOf } from './principals.ts';
import { RefusedPeers, type RefusedPeersOptions } from './refused-peers.ts';
import { tokenVerifier, type VerifyToken } from './token-keys.ts';

export interface AuthenticatorOptions {
  /** `jwtSecret` or `jwksUrl` must be set; in local mode the caller fills the secret in. */
  readonly auth: AuthConfig;
  readonly ensureUser: EnsureUser;
  /** Finds the principal of one of our own keys. Rejects with UNAUTHENTICATED, or UNAVAILABLE. */
  readonly authenticateKey: (key: string) => Promise<Principal>;
  /** The number of refused tokens and keys after which a peer is no longer listened to; absent: there is no limit. */
  readonly refusedPeers?: RefusedPeersOptions;
  readonly clock: Clock;
  readonly log: Log;
}

/** Turns what clients present into principals. */
export interface Authenticator {
  /**
   * The principal of an Authorization header; null without one: resolvers decide what an anonymous caller may.
   * A token that was verified before is answered at once, without a promise. One that an identity provider's key signed is
   * verified again after two minutes.
   * Refusals are counted for `peer`, the address that the token came from; absent: they are not counted.
   * @throws or rejects with {@link Refusal} UNAUTHENTICATED, RATE_LIMITED when the peer was refused too often, or
   *   UNAVAILABLE when keys or users cannot be looked up.
   */
  authenticate(authorization: string | undefined, peer?: string): Promise<Principal> | Principal | null;
}

const longestToken = 8192;
/** Some twenty thousand tokens, and as many keys; a token with a long list of claims takes the place of several. */
const rememberedTokensBytes = 16 * 1_048_576;
const goodKeysBytes = 5 * 1_048_576;
/** Some two hundred tokens, each with its text. */
const recentBytes = 524_288;
/** A token ends within this time, plus the age that keys may have, after its key left the address: three minutes in all. */
const rememberedMs = 120_000;
const symmetric = ['HS256', 'HS384', 'HS512'];
const asymmetric = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

/** Bearer tokens verified by a shared secret or by the keys behind a JWKS address, and our own keys, which the domain knows. */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  return new TokenAuthenticator(options);
}

class TokenAuthenticator implements Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #verify: VerifyToken;
  readonly #principalFrom: PrincipalOf;
  readonly #refused: RefusedPeers;
  /** Keyed by the hash of the token, so that a dump of memory holds few tokens. */
  readonly #known = new BoundedCache<Known>({ bytes: rememberedTokensBytes });
  /** Hashes of our own keys that were valid: each use is looked up, but refusals of the peer do not keep them out. */
  readonly #goodKeys = new BoundedCache<true>({ bytes: goodKeysBytes });
  /** Requests that arrive together with the same new token verify it, and create its user, once. */
  readonly #underWay = new Map<string, Promise<Principal>>();
  /** Hashing costs more than a look-up, so the few tokens in use now are found by their own text. */
  readonly #recent = new BoundedCache<Known>({ bytes: recentBytes });

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#verify = tokenVerifier(options.auth, options);
    const { auth, ensureUser } = options;
    this.#principalFrom = createPrincipals({ organizationClaim: auth.organizationClaim, ensureUser });
    this.#refused = new RefusedPeers(options.refusedPeers ?? { most: 0, windowSeconds: 1 });
  }

  authenticate(authorization: string | undefined, peer?: string): Promise<Principal> | Principal | null {
    if (authorization === undefined) return null;
    const recent = this.#recent.get(authorization);
    if (recent !== undefined && this.#isFresh(recent)) return this.#unexpired(recent);
    const token = /^Bearer +([\w.~+/=-]+) *$/i.exec(authorization)?.[1];
    if (token === undefined || token.length > longestToken) {
      const message =
        token === undefined
          ? 'The Authorization header must be: Bearer, a space, the token.'
          : 'The token is too long.';
      return this.#counting(peer, { wasGood: false }, () => Promise.reject(new Refusal('UNAUTHENTICATED', message)));
    }
    const hash = createHash('sha256').update(token).digest('base64');
    if (token.startsWith(KEY_NAMESPACE)) return this.#ofKey(token, hash, peer);
    const known = this.#known.get(hash);
    if (known !== undefined && this.#isFresh(known)) {
      const principal = this.#unexpired(known);
      this.#recent.set(authorization, known);
      return principal;
    }
    return this.#counting(peer, { wasGood: known !== undefined }, async () => {
      try {
        return await this.#once(hash, token);
      } catch (error) {
        if (isRefused(error)) {
          this.#known.delete(hash);
          this.#recent.delete(authorization);
        }
        throw error;
      }
    });
  }

  /** A key's principal is never remembered, so that a revocation takes effect at once. */
  #ofKey(key: string, hash: string, peer: string | undefined): Promise<Principal> {
    return this.#counting(peer, { wasGood: this.#goodKeys.has(hash) }, async () => {
      try {
        const principal = await this.#options.authenticateKey(key);
        this.#goodKeys.set(hash, true);
        return principal;
      } catch (error) {
        if (isRefused(error)) this.#goodKeys.delete(hash);
        throw error;
      }
    });
  }

  /** Identifies the caller, unless the peer was refused too often. A token that was valid before is never held up by that. */
  async #counting(
    peer: string | undefined,
    { wasGood }: { wasGood: boolean },
    find: () => Promise<Principal>,
  ): Promise<Principal> {
    if (peer !== undefined && !wasGood) await this.#refused.check(peer);
    try {
      return await find();
    } catch (error) {
      if (peer !== undefined && isRefused(error)) await this.#refused.count(peer);
      throw error;
    }
  }

  /** A token that a secret verified stays valid; a key may have left its address since. */
  #isFresh({ verifiedAt }: Known): boolean {
    return this.#options.auth.jwksUrl === null || this.#options.clock.now().getTime() - verifiedAt < rememberedMs;
  }

  #unexpired({ principal }: Known): Principal {
    if (this.#options.clock.now() >= principal.expiresAt) {
      throw new Refusal('UNAUTHENTICATED', 'The token has expired.');
    }
    return principal;
  }

  #once(hash: string, token: string): Promise<Principal> {
    const running = this.#underWay.get(hash);
    if (running !== undefined) return running;
    const verifiedAt = this.#options.clock.now().getTime();
    const verification = this.#principalOf(token)
      .then((principal) => {
        this.#known.set(hash, { principal, verifiedAt });
        return principal;
      })
      .finally(() => this.#underWay.delete(hash));
    this.#underWay.set(hash, verification);
    return verification;
  }

  async #principalOf(token: string): Promise<Principal> {
    const { auth, clock } = this.#options;
    let claims: JWTPayload;
    try {
      claims = await this.#verify(token, {
        algorithms: auth.jwksUrl === null ? symmetric : asymmetric,
        requiredClaims: ['sub', 'exp'],
        currentDate: clock.now(),
        ...(auth.issuer === null ? {} : { issuer: auth.issuer }),
        ...(auth.audience === null ? {} : { audience: auth.audience }),
      });
    } catch (error) {
      throw this.#refusalFor(error);
    }
    return this.#principalFrom(claims);
  }

  /** A token that fails is the caller's fault. Keys that cannot be fetched are not, and a retry may help. */
  #refusalFor(error: unknown): Refusal {
    if (error instanceof errors.JWTExpired) return new Refusal('UNAUTHENTICATED', 'The token has expired.');
    const isAboutToken =
      error instanceof errors.JWTClaimValidationFailed ||
      error instanceof errors.JWTInvalid ||
      error instanceof errors.JWSInvalid ||
      error instanceof errors.JWSSignatureVerificationFailed ||
      error instanceof errors.JOSEAlgNotAllowed ||
      error instanceof errors.JOSENotSupported ||
      error instanceof errors.JWKSNoMatchingKey ||
      error instanceof errors.JWKSMultipleMatchingKeys;
    if (isAboutToken || this.#options.auth.jwksUrl === null) {
      return new Refusal('UNAUTHENTICATED', 'The token is not valid.', { cause: error });
    }
    this.#options.log.warn({ err: error }, 'the keys that tokens are verified with cannot be fetched');
    return new Refusal('UNAVAILABLE', 'Tokens cannot be verified at the moment.', { retryAfterMs: 1000, cause: error });
  }
}

interface Known {
  readonly principal: Principal;
  /** By the clock, in milliseconds. */
  readonly verifiedAt: number;
}

function isRefused(error: unknown): boolean {
  return error instanceof Refusal && error.code === 'UNAUTHENTICATED';
}
