import { createHash } from 'node:crypto';
import { errors } from 'jose';
import type { JWTPayload } from 'jose';
import { LRUCache } from 'lru-cache';
import { KEY_NAMESPACE } from '../api-keys/key-format.ts';
import type { OperatorPrincipal, Principal, ServicePrincipal, UserPrincipal } from '../billing-entities/principal.ts';
import type { Clock } from '../kernel/clock.ts';
import type { AuthConfig } from '../config/config.ts';
import type { Log } from '../kernel/log.ts';
import { Refusal } from '../kernel/refusal.ts';
import { isStorableText } from '../kernel/text.ts';
import { RefusedPeers, type RefusedPeersOptions } from './refused-peers.ts';
import { tokenVerifier, type VerifyToken } from './token-keys.ts';

/** A person as their token describes them. Makes their billing entity on first sight. */
export type EnsureUser = (user: {
  externalId: string;
  name?: string;
  /** `verified` is false where the token says that nobody checked the address. */
  email?: { address: string; verified: boolean };
}) => Promise<{ billingEntityId: string }>;

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
const longestSubject = 255;
const longestName = 255;
/** The length of an external id, and how many of them one token may claim; the rest is ignored. */
const longestOrganization = 255;
const mostOrganizations = 256;
const rememberedTokens = 20_000;
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
  readonly #refused: RefusedPeers;
  /** Keyed by the hash of the token, so that a dump of memory holds few tokens. */
  readonly #known = new LRUCache<string, Known>({ max: rememberedTokens });
  /** Hashes of our own keys that were valid: each use is looked up, but refusals of the peer do not keep them out. */
  readonly #goodKeys = new LRUCache<string, true>({ max: rememberedTokens });
  /** Requests that arrive together with the same new token verify it, and create its user, once. */
  readonly #underWay = new Map<string, Promise<Principal>>();
  /** Hashing costs more than a look-up, so the few tokens in use now are found by their own text. */
  readonly #recent = new LRUCache<string, Known>({ max: 256 });

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#verify = tokenVerifier(options.auth, options);
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
    const { auth, clock, ensureUser } = this.#options;
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
    const { sub: subject, exp } = claims;
    // Everything that is stored about the caller names them by it.
    const isSubject =
      typeof subject === 'string' && subject !== '' && subject.length <= longestSubject && isStorableText(subject);
    if (!isSubject || typeof exp !== 'number') {
      throw new Refusal(
        'UNAUTHENTICATED',
        `The token's sub must have 1 to ${longestSubject} characters of well-formed text.`,
      );
    }
    // An exp that no Date can hold means never.
    const bearer = { subject, expiresAt: new Date(Math.min(exp * 1000, 8.64e15)) };
    const scopes = typeof claims['scope'] === 'string' ? claims['scope'].split(' ') : [];
    if (scopes.includes('billing:operator')) return { kind: 'OPERATOR', ...bearer } satisfies OperatorPrincipal;
    if (scopes.includes('billing:usage')) return { kind: 'SERVICE', ...bearer } satisfies ServicePrincipal;
    const name = textClaim(claims['name']);
    const email = emailIn(claims);
    const { billingEntityId } = await ensureUser({
      externalId: subject,
      ...(name === undefined ? {} : { name }),
      ...(email === undefined ? {} : { email }),
    });
    const claim = auth.organizationClaim;
    const claimedOrganizations = claim !== null && Object.hasOwn(claims, claim) ? organizationsIn(claims[claim]) : [];
    return {
      kind: 'USER',
      billingEntityId,
      ...(email?.verified === true && { email: email.address }),
      ...(claimedOrganizations.length > 0 && { claimedOrganizations }),
      ...bearer,
    } satisfies UserPrincipal;
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

/** A text claim as the database can store it: without characters that it cannot hold, and cut to its length. */
function textClaim(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const kept = value.replaceAll('\0', '').toWellFormed().slice(0, longestName);
  // The cut may have split a character.
  const text = (kept.isWellFormed() ? kept : kept.slice(0, -1)).trim();
  return text === '' ? undefined : text;
}

/**
 * The address that a token names (OpenID Connect: `email`, `email_verified`). Without a word about it, the identity provider
 * vouches for what it signs; some providers write `true` as a text.
 */
function emailIn({ email, email_verified: verified }: JWTPayload): { address: string; verified: boolean } | undefined {
  const address = textClaim(email);
  if (address === undefined) return undefined;
  return { address, verified: verified === undefined || verified === true || verified === 'true' };
}

/** The organizations that a claim names, as a text or a list of texts. Texts that cannot be external ids are ignored. */
function organizationsIn(claim: unknown): string[] {
  const values: unknown[] = Array.isArray(claim) ? claim : [claim];
  return values
    .filter((value) => typeof value === 'string')
    .filter((text) => text !== '' && text.length <= longestOrganization && isStorableText(text))
    .slice(0, mostOrganizations);
}
