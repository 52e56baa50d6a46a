import { createHash, createSecretKey } from 'node:crypto';
import { createRemoteJWKSet, errors, jwtVerify } from 'jose';
import type { JWTPayload, JWTVerifyGetKey, JWTVerifyOptions } from 'jose';
import { LRUCache } from 'lru-cache';
import { KEY_NAMESPACE } from '../api-keys/key-format.ts';
import type { OperatorPrincipal, Principal, ServicePrincipal, UserPrincipal } from '../billing-entities/principal.ts';
import type { Clock } from '../clock.ts';
import type { AuthConfig } from '../config.ts';
import type { Log } from '../log.ts';
import { Refusal } from '../refusal.ts';
import { isStorableText } from '../storable-text.ts';

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
  readonly clock: Clock;
  readonly log: Log;
}

/** Turns what clients present into principals. */
export interface Authenticator {
  /**
   * The principal of an Authorization header; null without one: resolvers decide what an anonymous caller may.
   * Tokens that were verified before are answered at once, without a promise.
   * @throws or rejects with {@link Refusal} UNAUTHENTICATED, or UNAVAILABLE when keys or users cannot be looked up.
   */
  authenticate(authorization: string | undefined): Promise<Principal> | Principal | null;
}

const longestToken = 8192;
const longestSubject = 255;
/** An external id, and how many of them one token may claim; what is beyond is not claimed. */
const longestOrganization = 255;
const mostOrganizations = 256;
const rememberedTokens = 20_000;
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
  readonly #verify: (token: string, checks: JWTVerifyOptions) => Promise<JWTPayload>;
  /** By the hash of the token, so that a dump of memory holds few of them. */
  readonly #known = new LRUCache<string, Principal>({ max: rememberedTokens });
  /** Requests that come together with the same new token verify it, and make its user, once. */
  readonly #underWay = new Map<string, Promise<Principal>>();
  /** Hashing costs more than a look-up; the few tokens in use now are found by themselves. */
  readonly #recent = new LRUCache<string, Principal>({ max: 256 });

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#verify = verifierOf(options.auth);
  }

  authenticate(authorization: string | undefined): Promise<Principal> | Principal | null {
    if (authorization === undefined) return null;
    const recent = this.#recent.get(authorization);
    if (recent !== undefined) return this.#unexpired(recent);
    const token = /^Bearer +([\w.~+/=-]+) *$/i.exec(authorization)?.[1];
    if (token === undefined) {
      throw new Refusal('UNAUTHENTICATED', 'The Authorization header must be: Bearer, a space, the token.');
    }
    if (token.length > longestToken) throw new Refusal('UNAUTHENTICATED', 'The token is too long.');
    // Never remembered: a revocation holds at once.
    if (token.startsWith(KEY_NAMESPACE)) return this.#options.authenticateKey(token);
    const hash = createHash('sha256').update(token).digest('base64');
    const known = this.#known.get(hash);
    if (known !== undefined) {
      const principal = this.#unexpired(known);
      this.#recent.set(authorization, principal);
      return principal;
    }
    return this.#once(hash, token);
  }

  #unexpired(principal: Principal): Principal {
    if (this.#options.clock.now() >= principal.expiresAt) {
      throw new Refusal('UNAUTHENTICATED', 'The token has expired.');
    }
    return principal;
  }

  #once(hash: string, token: string): Promise<Principal> {
    const running = this.#underWay.get(hash);
    if (running !== undefined) return running;
    const verification = this.#principalOf(token)
      .then((principal) => {
        this.#known.set(hash, principal);
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
    if (typeof subject !== 'string' || subject === '' || subject.length > longestSubject || typeof exp !== 'number') {
      throw new Refusal('UNAUTHENTICATED', `The token's sub must have 1 to ${longestSubject} characters.`);
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

function verifierOf(auth: AuthConfig): (token: string, checks: JWTVerifyOptions) => Promise<JWTPayload> {
  if (auth.jwksUrl !== null) {
    const keys: JWTVerifyGetKey = createRemoteJWKSet(auth.jwksUrl, { timeoutDuration: 5000, cooldownDuration: 10_000 });
    return async (token, checks) => (await jwtVerify(token, keys, checks)).payload;
  }
  if (auth.jwtSecret === null) throw new Error('either a JWT secret or a JWKS address must be given');
  const secret = createSecretKey(Buffer.from(auth.jwtSecret));
  return async (token, checks) => (await jwtVerify(token, secret, checks)).payload;
}

/** The organizations that a claim names, as a text or a list of texts. What could be no external id names none. */
function organizationsIn(claim: unknown): string[] {
  const values: unknown[] = Array.isArray(claim) ? claim : [claim];
  return values
    .filter((value) => typeof value === 'string')
    .filter((text) => text !== '' && text.length <= longestOrganization && isStorableText(text))
    .slice(0, mostOrganizations);
}

function textClaim(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, 255) : undefined;
}
