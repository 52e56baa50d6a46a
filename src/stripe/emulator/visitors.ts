import type { IncomingMessage } from 'node:http';
import { isLoopbackHost } from '../../kernel/loopback.ts';

interface Options {
  /** Where it listens. */
  readonly host: string;
  /** How browsers reach it, if not as it listens. */
  readonly publicUrl: string | null;
}

/**
 * Whom the emulator serves. It asks nobody who they are, and pays with a click: so a page of somebody else must neither reach it
 * under a name that it made lead here, nor send one of its forms.
 */
export class Visitors {
  readonly #host: string;
  readonly #publicUrl: URL | null;

  constructor({ host, publicUrl }: Options) {
    this.#host = host;
    this.#publicUrl = publicUrl === null ? null : new URL(publicUrl);
  }

  /** Why this request is not served, in words; null: it is. */
  refusal({ method, headers }: IncomingMessage): string | null {
    if (!this.#isOurs(headers.host)) return 'The emulator answers under the names of this machine only.';
    if (method === 'GET' || method === 'HEAD' || this.#isFromHere(headers)) return null;
    return 'The emulator takes this from its own pages only.';
  }

  #isOurs(host = ''): boolean {
    const name = host.toLowerCase().replace(/:\d{1,5}$/, '');
    const isNamed = !['0.0.0.0', '::'].includes(this.#host) && name === this.#host.toLowerCase();
    return isLoopbackHost(host) || isNamed || name === this.#publicUrl?.hostname;
  }

  /** Browsers always say where a form comes from; who says nothing is a program, such as the SDK or the CLI. */
  #isFromHere({ origin, host, 'sec-fetch-site': site }: IncomingMessage['headers']): boolean {
    if (site !== undefined && site !== 'same-origin') return false;
    return origin === undefined || origin === `http://${host}` || origin === this.#publicUrl?.origin;
  }
}
