/** The road from a server to Stripe, on which a call can be stopped for good: on its way there, or its answer on the way back. */
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** There: Stripe never hears of it. Back: Stripe has done it, and nobody is told. */
export type Lost = 'there' | 'back';

export interface Call {
  readonly method: string;
  readonly path: string;
  /** Its parameters, as they are sent. */
  readonly form: string;
}

interface Stop {
  readonly matches: (call: Call) => boolean;
  readonly lost: Lost;
  readonly reached: () => void;
}

export class StripeRoad {
  /** Every call so far. */
  readonly calls: Call[] = [];
  readonly #server: Server;
  readonly #target: URL;
  readonly #stops: Stop[] = [];

  private constructor(target: URL) {
    this.#target = target;
    this.#server = createServer((from, to) => void this.#pass(from, to).catch(() => to.destroy()));
  }

  static async open(emulator: { readonly url: string }): Promise<StripeRoad> {
    const road = new StripeRoad(new URL(emulator.url));
    await new Promise<void>((resolve) => road.#server.listen(0, '127.0.0.1', resolve));
    return road;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Stops one call that matches. Resolves when it is stopped: what was done until then is done. */
  stop(lost: Lost, matches: (call: Call) => boolean): Promise<void> {
    return new Promise((reached) => this.#stops.push({ matches, lost, reached }));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #pass(from: IncomingMessage, to: ServerResponse): Promise<void> {
    const url = new URL(from.url ?? '/', this.#target);
    const body = await text(from);
    const call = { method: from.method ?? 'GET', path: url.pathname, form: body === '' ? url.search.slice(1) : body };
    this.calls.push(call);
    const index = this.#stops.findIndex((stop) => stop.matches(call));
    const [stop] = index === -1 ? [] : this.#stops.splice(index, 1);
    if (stop?.lost === 'there') {
      stop.reached();
      return;
    }
    const answer = await this.#ask(url, { from, body });
    if (stop?.lost === 'back') {
      stop.reached();
      return;
    }
    to.writeHead(answer.status, answer.headers).end(answer.body);
  }

  #ask(
    url: URL,
    { from, body }: { readonly from: IncomingMessage; readonly body: string },
  ): Promise<{ status: number; headers: IncomingMessage['headers']; body: string }> {
    return new Promise((resolve, reject) => {
      const on = request(url, { method: from.method, headers: { ...from.headers, connection: 'close' } }, (answer) => {
        text(answer)
          .then((got) => resolve({ status: answer.statusCode ?? 500, headers: answer.headers, body: got }))
          .catch(reject);
      });
      on.on('error', reject);
      on.end(body);
    });
  }
}
