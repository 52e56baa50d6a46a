import type { IncomingMessage } from 'node:http';
import { isIPv4 } from 'node:net';

interface Options {
  /** The address that it listens on. */
  readonly host: string;
  /** The address for browsers, if it is not the one that it listens on. */
  readonly publicUrl: string | null;
}

/**
 * Decides which requests are served. The emulator asks nobody who they are, and pays with a click: so a page of somebody else must
 * neither reach it under a name that leads here, nor send one of its forms.
 */
export class Visitors {
  readonly #host: string;
  readonly #publicUrl: URL | null;

  constructor({ host, publicUrl }: Options) {
    this.#host = host;
    this.#publicUrl = publicUrl === null ? null : new URL(publicUrl);
  }

  /** A sentence that says why this request is refused. Null: it is served. */
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

/**
 * True for a Host header that names this machine and nothing else: `localhost`, names below it, 127.0.0.0/8 and `[::1]`, with
 * any port. Nobody's name server can make another name of one of them.
 */
function isLoopbackHost(host: string): boolean {
  const [, name = ''] = /^(\[[\da-f:]+\]|[^:]+)(?::\d{1,5})?$/i.exec(host) ?? [];
  return /^([a-z\d-]+\.)*localhost$/i.test(name) || name === '[::1]' || (isIPv4(name) && name.startsWith('127.'));
}
