/** Signing in at an identity provider: `/sign-in` leads there, and `/sign-in/callback` takes people back. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../config/config.ts';
import { BoundedCache } from '../kernel/bounded-cache.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import { answer } from './answers.ts';
import type { IdentityProvider, Transaction } from './identity-provider.ts';
import { searchOf } from './paths.ts';
import { answerPage } from './plain-page.ts';
import { returnPathOf } from './return-to.ts';
import { SealedCookie } from './sealed-cookies.ts';
import type { Identity, Sessions } from './sessions.ts';

export interface SignInElsewhereOptions {
  readonly provider: IdentityProvider;
  readonly sessions: Sessions;
  readonly config: Pick<Config, 'mode' | 'publicUrl' | 'signIn'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** The time that somebody may take at the provider's. */
const LIFETIME_SECONDS = 600;
/** Returns are remembered, so that none works twice: some fifty thousand of them. */
const RETURNS_BYTES = 16 * 1_048_576;

export class SignInElsewhere {
  readonly #options: SignInElsewhereOptions;
  readonly #cookie: SealedCookie;
  readonly #returned = new BoundedCache<true>({ bytes: RETURNS_BYTES });

  constructor(options: SignInElsewhereOptions) {
    const { config, clock } = options;
    this.#options = options;
    this.#cookie = new SealedCookie({ name: 'tollgate-sign-in', secrets: config.signIn.secrets, config, clock });
  }

  /** Leads to the provider. The browser keeps, sealed, what it must come back with and where it goes then. */
  async leave(request: FastifyRequest, reply: FastifyReply, returnTo: string): Promise<FastifyReply> {
    const { provider, log } = this.#options;
    const begun = await provider.begin().catch((error: unknown) => {
      log.error(reasonOf(error), 'the identity provider cannot be asked about itself');
      return null;
    });
    if (begun === null) {
      const body = '<p>The identity provider does not answer. Please <a href="/sign-in">try again</a> in a minute.</p>';
      return answerPage(reply, 503, { title: 'Nobody can sign in at the moment', body });
    }
    const sealed = await this.#cookie.seal({ ...begun.transaction, returnTo }, LIFETIME_SECONDS);
    return answer(reply, 303, 'text/plain; charset=utf-8', '', {
      location: begun.location.href,
      'set-cookie': this.#cookie.toSet(request.headers.host, sealed, LIFETIME_SECONDS),
    });
  }

  /** Takes back whom the provider sends, once: the session begins, or a page says that it did not. */
  async comeBack(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { sessions } = this.#options;
    const { host } = request.headers;
    const forget = this.#cookie.toClear(host);
    const begun = await this.#transactionOf(request);
    const identity = begun && (await this.#identityOf(searchOf(request.url), begun.transaction));
    if (begun === null || identity === null) {
      void reply.header('set-cookie', forget);
      const body = `<p>The way back from the identity provider was not one that began here a few minutes ago, or the provider refused.
Nothing was changed. <a href="/sign-in">Sign in again</a></p>`;
      return answerPage(reply, 400, { title: 'Signing in did not work', body });
    }
    await sessions.endReplaced(request.headers);
    void reply.header('set-cookie', [forget, await sessions.begin(identity, host)]);
    return answer(reply, 303, 'text/plain; charset=utf-8', '', { location: begun.returnTo });
  }

  async #transactionOf({ headers }: FastifyRequest): Promise<{ transaction: Transaction; returnTo: string } | null> {
    const sealed = this.#cookie.read(headers);
    const claims = sealed === null ? null : await this.#cookie.open(sealed);
    if (claims === null) return null;
    const { state, nonce, verifier, returnTo } = claims as Partial<Record<string, unknown>>;
    if (typeof state !== 'string' || typeof nonce !== 'string' || typeof verifier !== 'string') return null;
    // A provider should not take a code twice; this process does not even ask.
    if (this.#returned.has(state)) return null;
    this.#returned.set(state, true);
    return {
      transaction: { state, nonce, verifier },
      returnTo: returnPathOf(typeof returnTo === 'string' ? returnTo : null),
    };
  }

  async #identityOf(query: string, transaction: Transaction): Promise<Identity | null> {
    const { provider, log } = this.#options;
    try {
      return await provider.finish(query, transaction);
    } catch (error) {
      log.warn(reasonOf(error), 'somebody came back from the identity provider and was not signed in');
      return null;
    }
  }
}

/** What went wrong, without what libraries add to it: that can be a code or a token. */
function reasonOf(error: unknown): { reason: string; code?: unknown } {
  if (!(error instanceof Error)) return { reason: String(error) };
  return { reason: error.message, ...('code' in error && { code: error.code }) };
}
