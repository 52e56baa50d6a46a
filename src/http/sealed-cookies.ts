/** Cookies that only this installation can read and write: encrypted and authenticated, for a limited time. */
import { hkdfSync } from 'node:crypto';
import { parseCookie, stringifySetCookie } from 'cookie';
import { EncryptJWT, errors, jwtDecrypt, type JWTPayload } from 'jose';
import type { Config } from '../config/config.ts';
import type { Clock } from '../kernel/clock.ts';
import { isLoopbackHost } from '../kernel/loopback.ts';

export interface SealedCookieOptions {
  /** Also separates the keys of one kind of cookie from those of another: none is read as the other. */
  readonly name: string;
  /** Newest first: the first one seals, and all of them open. */
  readonly secrets: readonly string[];
  readonly config: Pick<Config, 'mode' | 'publicUrl'>;
  readonly clock: Clock;
}

/** The claims of a cookie that was opened, with the instant at which they end, in seconds. */
export type SealedClaims = JWTPayload & { readonly exp: number };

/** One kind of cookie. No script sees it, and no other site's form or script sends it; links and redirects to us do. */
export class SealedCookie {
  readonly #options: SealedCookieOptions;
  readonly #keys: readonly Uint8Array[];

  constructor(options: SealedCookieOptions) {
    this.#options = options;
    this.#keys = options.secrets.map(
      (secret) => new Uint8Array(hkdfSync('sha256', secret, '', `tollgate cookie ${options.name}`, 32)),
    );
  }

  /** False: there is no secret, and so no such cookie. */
  get isPossible(): boolean {
    return this.#keys.length > 0;
  }

  /** Seals claims for so many seconds. */
  async seal(claims: JWTPayload, lifetimeSeconds: number): Promise<string> {
    const [newest] = this.#keys;
    if (newest === undefined) throw new Error('no secret seals cookies');
    return new EncryptJWT({ ...claims, exp: this.#nowSeconds() + lifetimeSeconds })
      .setProtectedHeader(this.#header())
      .encrypt(newest);
  }

  /** The claims; null: it was sealed by somebody else, or tampered with, or its time is over. */
  async open(sealed: string): Promise<SealedClaims | null> {
    for (const key of this.#keys) {
      try {
        const { payload } = await jwtDecrypt(sealed, key, {
          keyManagementAlgorithms: ['dir'],
          contentEncryptionAlgorithms: ['A256GCM'],
          requiredClaims: ['exp'],
          currentDate: this.#options.clock.now(),
        });
        return payload as SealedClaims;
      } catch (error) {
        if (!(error instanceof errors.JOSEError)) throw error;
      }
    }
    return null;
  }

  /** The sealed text in a Cookie header; null: it has none. */
  read(headers: { readonly cookie?: string | undefined; readonly host?: string | undefined }): string | null {
    if (headers.cookie === undefined) return null;
    return parseCookie(headers.cookie)[this.#nameFor(headers.host)] ?? null;
  }

  /** The Set-Cookie header that sets it. */
  toSet(host: string | undefined, sealed: string, lifetimeSeconds: number): string {
    return stringifySetCookie({
      name: this.#nameFor(host),
      value: sealed,
      maxAge: lifetimeSeconds,
      path: '/',
      httpOnly: true,
      sameSite: 'lax',
      secure: this.#isSecure(host),
    });
  }

  /** The Set-Cookie header that takes it away. */
  toClear(host: string | undefined): string {
    return this.toSet(host, '', 0);
  }

  #header(): { alg: 'dir'; enc: 'A256GCM' } {
    return { alg: 'dir', enc: 'A256GCM' };
  }

  #nowSeconds(): number {
    return Math.floor(this.#options.clock.now().getTime() / 1000);
  }

  /** With the prefix, browsers take it from this host alone: no neighbour in the domain can put one of theirs in its place. */
  #nameFor(host: string | undefined): string {
    return `${this.#isSecure(host) ? '__Host-' : ''}${this.#options.name}`;
  }

  #isSecure(host: string | undefined): boolean {
    const { publicUrl, mode } = this.#options.config;
    if (publicUrl !== null) return publicUrl.protocol === 'https:' || !isLoopbackHost(publicUrl.host);
    return mode === 'production' || host === undefined || !isLoopbackHost(host);
  }
}
