/** What each client library is tried with: a server that can be restarted, and an owner who uses something out of their pool. */
import type { Client, ClientOptions } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { TestApp } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { type Answer, type Ask, asker, Clients, CONSUME, tokensFor } from '../support/organizations.ts';
import { Guide } from './guide.ts';

type SocketTo = (url: string, token: () => Promise<string>, options?: Partial<ClientOptions>) => Client;

export class Stage {
  readonly guide: Guide;
  readonly organization: { readonly id: string; readonly externalId: string; readonly owner: string };
  readonly #bench: Bench;
  readonly #clients: Clients;
  readonly #ask: Ask;
  readonly #socketTo: SocketTo;
  #app: TestApp;

  private constructor(parts: {
    bench: Bench;
    app: TestApp;
    guide: Guide;
    clients: Clients;
    organization: Stage['organization'];
    socketTo: SocketTo;
  }) {
    this.#bench = parts.bench;
    this.#app = parts.app;
    this.#clients = parts.clients;
    this.#ask = asker(() => this.url);
    this.#socketTo = parts.socketTo;
    this.guide = parts.guide;
    this.organization = parts.organization;
  }

  static async open(): Promise<Stage> {
    const bench = await Bench.open();
    const app = await bench.server();
    const clients = await Clients.open(asker(() => app.url));
    const guide = await Guide.open();
    const { socketTo } = await guide.module<{ socketTo: SocketTo }>('socket.mjs');
    const organization = await clients.organization('PRIVATE', 1_000);
    return new Stage({ bench, app, guide, clients, organization, socketTo });
  }

  get url(): string {
    return this.#app.url;
  }

  readonly token = (): Promise<string> => Promise.resolve(this.organization.owner);

  /** The guide's socket, which tries again at once. */
  socket(): Client {
    return this.#socketTo(this.#app.socketUrl, this.token, {
      webSocketImpl: WebSocket,
      retryWait: () => new Promise((resolve) => setTimeout(resolve, 20)),
    });
  }

  /** Takes so many credits out of the pool, by its owner. */
  async use(credits: number): Promise<Answer> {
    const { externalId } = this.organization;
    const input = {
      idempotencyKey: this.#clients.next(),
      userExternalId: `${externalId}-owner`,
      organizationExternalId: externalId,
      lines: tokensFor(credits),
    };
    return this.#ask(this.#clients.service, CONSUME, { input });
  }

  /** The server stops as it does for a new release, and another one begins at its address. */
  async restart(): Promise<void> {
    const port = String(this.#app.port);
    await this.#app.stop();
    this.#app = await this.#bench.server({ env: { PORT: port } });
  }

  async close(): Promise<void> {
    await this.guide.close();
    await this.#bench.close();
  }
}
