import { createHash, randomUUID } from 'node:crypto';
import type { JWTPayload } from 'jose';
import type { Principal } from '../billing-entities/principal.ts';
import type { Config } from '../config/config.ts';
import { BoundedCache, bytesOf } from '../kernel/bounded-cache.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import { Refusal } from '../kernel/refusal.ts';
import type { Scheduler } from '../kernel/scheduler.ts';
import type { OriginCheck } from './origins.ts';
import { OPERATOR_SCOPE, type PrincipalOf } from './principals.ts';
import { SealedCookie, type SealedClaims } from './sealed-cookies.ts';
import { type EndedSessionStore, SessionEnds } from './session-ends.ts';

/** A person as whoever signed them in describes them. The names are those of the claims of a token. */
export interface Identity {
  readonly sub: string;
  readonly name?: string | undefined;
  readonly email?: string | undefined;
  readonly email_verified?: boolean | undefined;
  /** External ids of organizations that they administer. */
  readonly organizations?: readonly string[] | undefined;
  readonly isOperator: boolean;
}

/** Whose session it is and until when, for whoever shows it. */
export interface Session {
  readonly name: string | null;
  readonly isOperator: boolean;
  readonly expiresAt: Date;
}

/** The headers of a request that decide what becomes of its cookie. */
export interface CookieHeaders {
  readonly cookie?: string | undefined;
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
  readonly 'x-tollgate-csrf'?: string | readonly string[] | undefined;
}

export interface SessionsOptions {
  readonly config: Pick<Config, 'mode' | 'publicUrl' | 'signIn'> & {
    readonly auth: Pick<Config['auth'], 'organizationClaim'>;
  };
  readonly isOwnPage: OriginCheck;
  readonly principalOf: PrincipalOf;
  readonly ended: EndedSessionStore;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly log: Log;
}

/** A working day, after which the identity provider is asked again who somebody is and what they may do. */
const LIFETIME_SECONDS = 12 * 3600;
/** An operator may do everything, and only the provider knows when they no longer may: so it is asked each hour. */
const OPERATOR_LIFETIME_SECONDS = 3600;
/** Browsers keep cookies of 4096 bytes. So much JSON, encrypted and written in base64, leaves room for the name. */
const MOST_JSON_BYTES = 2_700;

/** A thousand sessions of the longest claims, or several of ordinary ones. */
const KNOWN_BYTES = 16 * 1_048_576;

/** A session that was opened, with what it stands for. */
interface Known {
  readonly id: string;
  readonly expiresAt: Date;
  readonly claims: SealedClaims;
  /** Made at first use; null: not yet, or it failed. */
  principal: Promise<Principal> | null;
}

/** The principal, which is made later, repeats the claims. */
function sizeOfKnown({ claims }: Known): number {
  return 500 + 2 * bytesOf(claims);
}

/**
 * Sessions of the portal. Each lives in its browser's cookie alone, and every process that knows the secret knows the
 * session; what is stored is which were ended before their time. A session becomes the very principal that a bearer token
 * with the same claims would be.
 */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #cookie: SealedCookie;
  /** Keyed by the hash of the sealed text. */
  readonly #known = new BoundedCache<Known>({ bytes: KNOWN_BYTES, sizeOf: sizeOfKnown });
  readonly #ends: SessionEnds;

  constructor(options: SessionsOptions) {
    const { config, clock } = options;
    this.#options = options;
    this.#cookie = new SealedCookie({ name: 'tollgate-session', secrets: config.signIn.secrets, config, clock });
    this.#ends = new SessionEnds({ store: options.ended, scheduler: options.scheduler, log: options.log });
  }

  /** False: nobody can sign in, because no secret is configured. */
  get arePossible(): boolean {
    return this.#cookie.isPossible;
  }

  /** The Set-Cookie header that begins the session of this person. */
  async begin(identity: Identity, host: string | undefined): Promise<string> {
    const lifetime = identity.isOperator ? OPERATOR_LIFETIME_SECONDS : LIFETIME_SECONDS;
    return this.#cookie.toSet(host, await this.#cookie.seal(this.#fitting(identity), lifetime), lifetime);
  }

  /** The Set-Cookie header by which the browser forgets its session. */
  toForget(host: string | undefined): string {
    return this.#cookie.toClear(host);
  }

  /**
   * Ends the session that a request shows, with all its copies and sockets: here at once, elsewhere within a second.
   * Rejects with {@link Refusal} UNAVAILABLE when that cannot be kept.
   */
  async end(headers: CookieHeaders): Promise<void> {
    const known = await this.#knownOf(this.#cookie.read(headers));
    if (known !== null) await this.#ends.end(known);
  }

  /** Ends the session that a new one takes the place of: its sockets would go on acting for whoever was there before. */
  async endReplaced(headers: CookieHeaders): Promise<void> {
    await this.end(headers).catch((error: unknown) => {
      this.#options.log.warn({ err: error }, 'a session that was replaced could not be ended');
    });
  }

  /** The session that a request shows, for reading about it; null: it shows none. */
  async shown(headers: CookieHeaders): Promise<Session | null> {
    const sealed = headers.origin === undefined || this.isOwnPage(headers) ? this.#cookie.read(headers) : null;
    const known = await this.#knownOf(sealed);
    if (known === null || (await this.#ends.isEnded(known.id))) return null;
    const { claims, expiresAt } = known;
    const name = typeof claims['name'] === 'string' ? claims['name'] : null;
    return { name, isOperator: claims['operator'] === true, expiresAt };
  }

  /** The sealed session of a request that may act by it: of a page of ours, with the header that no form can send. */
  ofRequest(headers: CookieHeaders): string | null {
    return this.mayAct(headers) ? this.#cookie.read(headers) : null;
  }

  /** The sealed session of a WebSocket's handshake, to which browsers add no header of ours. */
  ofHandshake(headers: CookieHeaders): string | null {
    return this.isOwnPage(headers) ? this.#cookie.read(headers) : null;
  }

  /** True of a page of ours that sends the header: forms cannot, and scripts of other sites must ask before, which fails. */
  mayAct(headers: CookieHeaders): boolean {
    return headers['x-tollgate-csrf'] === '1' && this.isOwnPage(headers);
  }

  isOwnPage({ origin, host }: CookieHeaders): boolean {
    return this.#options.isOwnPage(origin, host);
  }

  /**
   * The principal of a sealed session; null: it is none, or not any more.
   * Rejects with {@link Refusal} UNAVAILABLE when users, or sessions that were ended, cannot be looked up.
   */
  async principalOf(sealed: string): Promise<Principal | null> {
    const known = await this.#knownOf(sealed);
    if (known === null || (await this.#ends.isEnded(known.id))) return null;
    // Requests that arrive together make the principal, and its user, once.
    const making = (known.principal ??= this.#options.principalOf(this.#tokenClaims(known.claims)));
    try {
      return await making;
    } catch (error) {
      if (known.principal === making) known.principal = null;
      if (error instanceof Refusal && error.code === 'UNAUTHENTICATED') return null;
      throw error;
    }
  }

  /** Calls `onEnd` once when a sealed session, whose principal was given out, ends before its time. The answer takes that back. */
  whenEnded(sealed: string, onEnd: () => void): () => void {
    const known = this.#known.get(hashOf(sealed));
    return known === undefined ? () => {} : this.#ends.whenEnded(known.id, onEnd);
  }

  /** Asks nothing more by itself. */
  stop(): void {
    this.#ends.stop();
  }

  /** The session as it was sealed; null: it is none, or its time is over. */
  async #knownOf(sealed: string | null): Promise<Known | null> {
    if (sealed === null) return null;
    const hash = hashOf(sealed);
    let known = this.#known.get(hash);
    if (known === undefined) {
      const claims = await this.#cookie.open(sealed);
      if (claims?.jti === undefined) return null;
      const made = { id: claims.jti, expiresAt: new Date(claims.exp * 1000), claims, principal: null };
      known = this.#known.get(hash) ?? made;
      this.#known.set(hash, known);
    }
    return this.#options.clock.now() < known.expiresAt ? known : null;
  }

  /** The claims that a bearer token of the same person would have. */
  #tokenClaims({ sub, exp, name, email, email_verified, organizations, operator }: SealedClaims): JWTPayload {
    const { organizationClaim } = this.#options.config.auth;
    return {
      ...(organizationClaim !== null && organizations !== undefined && { [organizationClaim]: organizations }),
      ...(sub !== undefined && { sub }),
      exp,
      name,
      email,
      email_verified,
      ...(operator === true && { scope: OPERATOR_SCOPE }),
    };
  }

  /** The claims to seal. What a browser would not keep is left out, beginning with the last organizations. */
  #fitting({ sub, name, email, email_verified, organizations = [], isOperator }: Identity): JWTPayload {
    let claims: JWTPayload = { jti: randomUUID(), sub, operator: isOperator };
    const leftOut: string[] = [];
    const add = (label: string, more: JWTPayload): void => {
      const longer = { ...claims, ...more };
      if (Buffer.byteLength(JSON.stringify(longer)) <= MOST_JSON_BYTES) claims = longer;
      else leftOut.push(label);
    };
    if (email !== undefined) add('email', { email, ...(email_verified !== undefined && { email_verified }) });
    if (name !== undefined) add('name', { name });
    const kept: string[] = [];
    for (const organization of organizations) {
      const before = leftOut.length;
      add('organization', { organizations: [...kept, organization] });
      if (leftOut.length > before) break;
      kept.push(organization);
    }
    if (leftOut.length > 0) {
      this.#options.log.warn(
        { subject: sub, leftOut: leftOut[0] },
        'the claims of a person do not fit into their session',
      );
    }
    return claims;
  }
}

function hashOf(sealed: string): string {
  return createHash('sha256').update(sealed).digest('base64');
}
