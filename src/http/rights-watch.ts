import type { ApiKeyPrincipal } from '../billing-entities/principal.ts';
import type { Rights, Watch } from '../graphql/request/rights.ts';
import type { Scheduler } from '../live/scheduler.ts';
import type { Log } from '../kernel/log.ts';
import { closeCodes, type SocketSession } from './socket-session.ts';
import type { Start } from './starts.ts';

export interface RightsWatchOptions {
  readonly rights: Rights;
  readonly sessions: ReadonlySet<SocketSession>;
  readonly scheduler: Scheduler;
  readonly log: Log;
}

/** Twice within the second that is promised, with room for a slow database. */
const INTERVAL_MS = 400;

/**
 * Ends what rests on rights that are gone: subscriptions of entities that may no longer be seen or are suspended, and
 * sockets of keys that were revoked. It asks the database for all that this process has open together, a few times a
 * second, so that it holds on every process without messages between them; where nothing is open, nothing is asked.
 */
export class RightsWatch {
  readonly #options: RightsWatchOptions;
  #cancel: (() => void) | null = null;
  #isStopped = false;

  constructor(options: RightsWatchOptions) {
    this.#options = options;
  }

  /** A session has opened. */
  start(): void {
    if (this.#isStopped) return;
    this.#cancel ??= this.#options.scheduler.after(INTERVAL_MS, () => void this.#tick());
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  async #tick(): Promise<void> {
    try {
      await this.check();
    } catch (error) {
      // Nothing new is shown while the database is away; it is asked again.
      this.#options.log.warn({ err: error }, 'rights of open sockets could not be checked');
    }
    this.#cancel = null;
    if (this.#options.sessions.size > 0) this.start();
  }

  /** Checks everything that is open, once. */
  async check(): Promise<void> {
    await Promise.all([this.#checkKeys(), this.#checkSubscriptions()]);
  }

  async #checkKeys(): Promise<void> {
    const sessions = new Map<ApiKeyPrincipal, SocketSession>();
    for (const session of this.#options.sessions) {
      if (session.principal?.kind === 'API_KEY') sessions.set(session.principal, session);
    }
    if (sessions.size === 0) return;
    const good = await this.#options.rights.goodAmong([...sessions.keys()]);
    for (const [bearer, session] of sessions) {
      if (!good.has(bearer)) session.close(closeCodes.forbidden, 'The API key is not valid any more');
    }
  }

  async #checkSubscriptions(): Promise<void> {
    const starts = new Map<Watch, Start>();
    for (const session of this.#options.sessions) {
      for (const [watch, start] of session.starts.watched()) starts.set(watch, start);
    }
    if (starts.size === 0) return;
    for (const watch of await this.#options.rights.endedAmong([...starts.keys()])) starts.get(watch)?.end();
  }
}
