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
  email?: string;
}) => Promise<{ billingEntityId: string }>;

export interface AuthenticatorOptions {
  /** `jwtSecret` or `jwksUrl` must be set; in local mode the caller fills the secret in. */
  readonly auth: AuthConfig;
  readonly ensureUser: EnsureUser;
  /** Whom one of our own keys acts for. Rejects with UNAUTHENTICATED, or UNAVAILABLE. */
  readonly authenticateKey: (key: string) => Promise<Principal>;
  /** How many tokens and keys of one peer may be refused before it is not listened to; absent: any number. */
  readonly refusedPeers?: RefusedPeersOptions;
  readonly clock: Clock;
  readonly log: Log;
}

/** Turns what clients present into principals. */
export interface Authenticator {
  /**
   * The principal of an Authorization header; null without one: resolvers decide what an anonymous caller may.
   * Tokens that were verified before are answered at once, without a promise; those of an identity provider's keys for two
   * minutes, after which they are verified again.
   * `peer` is the address that it came from, whose refusals are counted; absent: nobody's.
   * @throws or rejects with {@link Refusal} UNAUTHENTICATED, RATE_LIMITED when the peer was refused too often, or
   *   UNAVAILABLE when keys or users cannot be looked up.
   */
  authenticate(authorization: string | undefined, peer?: string): Promise<Principal> | Principal | null;
}

const longestToken = 8192;
const longestSubject = 255;
const longestName = 255;
/** An external id, and how many of them one token may claim; what is beyond is not claimed. */
const longestOrganization = 255;
const mostOrganizations = 256;
const rememberedTokens = 20_000;
/** A token whose key left the address ends within this and the age that keys may have: three minutes in all. */
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
  /** By the hash of the token, so that a dump of memory holds few of them. */
  readonly #known = new LRUCache<string, Known>({ max: rememberedTokens });
  /** Hashes of our own keys that were good: they are looked up each time, but no peer's refusals keep them out. */
  readonly #goodKeys = new LRUCache<string, true>({ max: rememberedTokens });
  /** Requests that come together with the same new token verify it, and make its user, once. */
  readonly #underWay = new Map<string, Promise<Principal>>();
  /** Hashing costs more than a look-up; the few tokens in use now are found by themselves. */
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

  /** A key's principal is never remembered: a revocation holds at once. */
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

  /** Finds out who it is, unless too much from there was refused; what was good before is not held up by that. */
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

  /** What a secret verified stays true; a key may have left its address. */
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
    // Whoever it is, they are named by it in what is kept.
    const isSubject =
      typeof subject === 'string' && subject !== '' && subject.length <= longestSubject && isStorableText(subject);
    if (!isSubject || typeof exp !== 'number') {
      throw new Refusal(
        'UNAUTHENTICATED',
        `The token's sub must have 1 to ${longestSubject} characters of well-formed text.`,
      );
    }
    // An exp beyond what a Date can hold is as good as never.
    const bearer = { subject, expiresAt: new Date(Math.min(exp * 1000, 8.64e15)) };
    const scopes = typeof claims['scope'] === 'string' ? claims['scope'].split(' ') : [];
    if (scopes.includes('billing:operator')) return { kind: 'OPERATOR', ...bearer } satisfies OperatorPrincipal;
    if (scopes.includes('billing:usage')) return { kind: 'SERVICE', ...bearer } satisfies ServicePrincipal;
    const name = textClaim(claims['name']);
    const email = textClaim(claims['email']);
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
      ...(claimedOrganizations.length > 0 && { claimedOrganizations }),
      ...bearer,
    } satisfies UserPrincipal;
  }

  /** A token that fails is the caller's fault; keys that cannot be fetched are not, and trying again may help. */
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

/** What of a text claim can be kept: without what the database has no place for, and not beyond its length. */
function textClaim(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const kept = value.replaceAll('\0', '').toWellFormed().slice(0, longestName);
  // The cut may have gone through the middle of a character.
  const text = (kept.isWellFormed() ? kept : kept.slice(0, -1)).trim();
  return text === '' ? undefined : text;
}

/** The organizations that a claim names, as a text or a list of texts. What could be no external id names none. */
function organizationsIn(claim: unknown): string[] {
  const values: unknown[] = Array.isArray(claim) ? claim : [claim];
  return values
    .filter((value) => typeof value === 'string')
    .filter((text) => text !== '' && text.length <= longestOrganization && isStorableText(text))
    .slice(0, mostOrganizations);
}
