import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

/** A graphql-ws client with this token; the socket opens with the first operation. */
export function socketClient(socketUrl: string, token: string): Client {
  return createClient({
    url: socketUrl,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    connectionParams: { authorization: `Bearer ${token}` },
  });
}

interface Result {
  readonly data?: unknown;
  readonly errors?: unknown;
}

/** A subscription's events so far, and the means to wait for one. */
export class Events<T> {
  readonly all: T[] = [];
  readonly ended: Promise<void>;
  readonly #iterator: AsyncIterableIterator<Result>;
  #wake: () => void = () => undefined;
  #failure: Error | undefined;

  constructor(client: Client, query: string, variables: Record<string, unknown>) {
    this.#iterator = client.iterate({ query, variables }) as AsyncIterableIterator<Result>;
    this.ended = this.#read();
  }

  /** The first event, now or to come, that fits. */
  async first(fits: (event: T) => boolean): Promise<T> {
    for (let next = 0; ;) {
      for (; next < this.all.length; next += 1) if (fits(this.all[next] as T)) return this.all[next] as T;
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async stop(): Promise<void> {
    await this.#iterator.return?.();
    await this.ended;
  }

  async #read(): Promise<void> {
    try {
      for await (const { data, errors } of this.#iterator) {
        if (errors) throw new Error(JSON.stringify(errors));
        this.all.push(Object.values(data as Record<string, T>)[0] as T);
        this.#wake();
      }
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(JSON.stringify(error));
    }
    this.#failure ??= new Error('the subscription ended');
    this.#wake();
  }
}
