/**
 * One POST to a receiver that nobody here knows. It is bounded in time and in bytes, follows no redirect, and goes only to
 * an address that may be connected to: the names' answers are checked before the connection, and the connection's own peer
 * again before a byte is sent, so that a name which answers otherwise the second time leads nowhere.
 */
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { isLoopbackHost } from '../../kernel/loopback.ts';
import type { Scheduler } from '../../kernel/scheduler.ts';
import { hostOf, mayConnect, portOf } from './endpoint-url.ts';
import type { AttemptResult } from './schedule.ts';

export interface Posted {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Sends one request. `signal` breaks it off, and the promise is then rejected with the signal's reason. */
export type Post = (posted: Posted, signal: AbortSignal) => Promise<AttemptResult>;

/** The addresses that a name has now. It is rejected where it has none. */
export type Resolve = (name: string) => Promise<readonly string[]>;

export interface PostOptions {
  /** This machine may be connected to. */
  readonly allowLoopback: boolean;
  /** The time until the connection stands, TLS included. */
  readonly connectMs: number;
  /** The time until everything is over. */
  readonly totalMs: number;
  readonly scheduler: Scheduler;
  readonly resolve?: Resolve;
  /** Opens the connection; the machine's own unless said otherwise. */
  readonly connect?: typeof connectTcp;
  /** Authorities that are trusted instead of the usual ones, in PEM. */
  readonly ca?: readonly string[];
}

/** Bytes of an answer that are read, so that a receiver can finish its sentence; what it says is not kept. */
const MOST_ANSWER_BYTES = 64 * 1024;
const MOST_HEADER_BYTES = 16 * 1024;

/** A failure in words for the customer. It holds nothing but words of ours and an error code. */
class AttemptFailure extends Error {
  override readonly name = 'AttemptFailure';
}

export function createPost(options: PostOptions): Post {
  return async (posted, signal) => {
    const attempt = new Attempt(options, posted, signal);
    try {
      return { kind: 'answered', status: await attempt.run() };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof AttemptFailure) return { kind: 'failed', error: error.message };
      throw error;
    } finally {
      attempt.end();
    }
  };
}

/** Asks the name servers, not the machine's resolver: that one works in a few threads which a slow name would hold. */
const resolveByServers: Resolve = async (name) => {
  if (isLoopbackHost(name)) return ['127.0.0.1', '::1'];
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
  const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  if (addresses.length > 0) return addresses;
  throw answers.find((answer) => answer.status === 'rejected')?.reason ?? new Error('no address');
};

/** The step that is being taken, in words that a failure of it begins with. */
type Phase = 'its name has no address' | 'no connection' | 'no TLS connection' | 'no answer';

class Attempt {
  readonly #options: PostOptions;
  readonly #posted: Posted;
  /** Aborts when the attempt has to end: its time is over, or somebody else says so. */
  readonly #over = new AbortController();
  readonly #endings: (() => void)[] = [];
  #phase: Phase = 'its name has no address';
  #socket: Socket | null = null;

  constructor(options: PostOptions, posted: Posted, signal: AbortSignal) {
    this.#options = options;
    this.#posted = posted;
    const breakOff = (): void => this.#over.abort(signal.reason);
    signal.addEventListener('abort', breakOff, { once: true });
    this.#endings.push(() => signal.removeEventListener('abort', breakOff));
    if (signal.aborted) breakOff();
  }

  /** The status that was answered. @throws AttemptFailure */
  async run(): Promise<number> {
    const { connectMs, totalMs } = this.#options;
    this.#endings.push(this.#endsAfter(totalMs, `no answer within ${totalMs / 1_000} s`));
    const connected = this.#endsAfter(connectMs, `no connection within ${connectMs / 1_000} s`);
    this.#endings.push(connected);
    try {
      const socket = await this.#connect();
      connected();
      this.#phase = 'no answer';
      const response = await this.#answer(socket);
      await this.#readSome(response);
      return response.statusCode ?? 0;
    } catch (error) {
      const reason: unknown = this.#over.signal.aborted ? this.#over.signal.reason : error;
      throw reason instanceof AttemptFailure ? reason : new AttemptFailure(`${this.#phase}${codeOf(reason)}`);
    }
  }

  /** Lets go of everything. */
  end(): void {
    for (const ending of this.#endings) ending();
    this.#socket?.destroy();
  }

  #endsAfter(delayMs: number, why: string): () => void {
    return this.#options.scheduler.after(delayMs, () => this.#over.abort(new AttemptFailure(why)));
  }

  async #connect(): Promise<Socket> {
    const { url } = this.#posted;
    const host = hostOf(url);
    const { resolve = resolveByServers, connect = connectTcp, ca } = this.#options;
    const addresses = isIP(host) === 0 ? await this.#unlessOver(resolve(host)) : [host];
    const allowed = addresses.filter((address) => this.#may(address));
    if (allowed.length === 0) throw new AttemptFailure('its address is not a public one');
    this.#phase = 'no connection';
    // An address in place of a name is connected to as it is; a name only through what was just checked.
    const tcp = connect({ host, port: portOf(url), lookup: giving(allowed), autoSelectFamily: true });
    this.#hold(tcp);
    await once(tcp, 'connect', { signal: this.#over.signal });
    if (!this.#may(tcp.remoteAddress ?? '')) throw new AttemptFailure('its address is not a public one');
    if (url.protocol === 'http:') return tcp;
    this.#phase = 'no TLS connection';
    const tls = connectTls({
      ...{ socket: tcp, host, ALPNProtocols: ['http/1.1'] },
      ...(isIP(host) === 0 && { servername: host }),
      ...(ca && { ca: [...ca] }),
    });
    this.#hold(tls);
    await once(tls, 'secureConnect', { signal: this.#over.signal });
    return tls;
  }

  async #answer(socket: Socket): Promise<IncomingMessage> {
    const { url, headers, body } = this.#posted;
    const request: ClientRequest = httpRequest({
      ...{ method: 'POST', host: url.hostname, port: portOf(url), path: `${url.pathname}${url.search}` },
      headers: { ...headers, host: url.host, 'content-length': String(body.length) },
      ...{ maxHeaderSize: MOST_HEADER_BYTES, createConnection: () => socket, signal: this.#over.signal },
    });
    // One that ends without an answer, such as an upgrade that nobody asked for, is a failure at once and not after a while.
    request.once('close', () => this.#over.abort(new AttemptFailure('the connection ended without an answer')));
    request.on('error', () => undefined);
    request.end(body);
    const [response] = (await once(request, 'response', { signal: this.#over.signal })) as [IncomingMessage];
    return response;
  }

  /** The status is the answer. What follows it is read as far as it is short, so that a receiver is not cut off in its work. */
  async #readSome(response: IncomingMessage): Promise<void> {
    let bytes = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > MOST_ANSWER_BYTES) return;
      }
    } catch {
      // It was cut off, or took too long.
    }
  }

  #may(address: string): boolean {
    return mayConnect(address, this.#posted.url, this.#options);
  }

  #hold(socket: Socket): void {
    this.#socket = socket;
    // Errors are awaited where they matter; one that comes later must not end the process.
    socket.on('error', () => undefined);
  }

  /** Waits for what knows no signal. */
  async #unlessOver<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#over;
    const over = new AbortController();
    const aborted = once(signal, 'abort', { signal: over.signal }).then((): never => {
      throw signal.reason;
    });
    aborted.catch(() => undefined);
    work.catch(() => undefined);
    try {
      signal.throwIfAborted();
      return await Promise.race([work, aborted]);
    } finally {
      over.abort();
    }
  }
}

/** A lookup that gives these addresses, whatever it is asked for. */
function giving(addresses: readonly string[]): LookupFunction {
  const known = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_name, options, callback) => {
    const [first] = known;
    if (options.all === true || first === undefined) callback(null, known);
    else callback(null, first.address, first.family);
  };
}

/** An error's code, in parentheses; empty where it has none. Messages are left out, because they may quote what was sent. */
function codeOf(error: unknown): string {
  const code: unknown = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z][A-Z\d_]{1,60}$/.test(code) ? ` (${code})` : '';
}
