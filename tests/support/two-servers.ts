import type { Client } from 'graphql-ws';
import type { TestApp } from './app.ts';
import { Bench } from './bench.ts';
import type { TestDatabase } from './database.ts';
import { socketClient } from './live-client.ts';
import { type Ask, asker, Clients } from './organizations.ts';

/** Two servers of one installation. */
export interface TwoServers {
  readonly database: TestDatabase;
  readonly one: TestApp;
  readonly two: TestApp;
  /** Of each in turns: what is asked often is asked of both. */
  url(): string;
  /** Asks both, in turns. */
  readonly ask: Ask;
  readonly clients: Clients;
  /** A socket to each of them, which is closed before they stop. */
  sockets(token: string): Client[];
  /** Stops both, and drops their database. */
  stop(): Promise<void>;
}

export async function startTwoServers(): Promise<TwoServers> {
  const bench = await Bench.open();
  const one = await bench.server();
  const two = await bench.server();
  let turn = 0;
  const url = (): string => ((turn += 1) % 2 === 0 ? one : two).url;
  const ask = asker(url);
  return {
    database: bench.database,
    one,
    two,
    url,
    ask,
    clients: await Clients.open(ask),
    sockets: (token) =>
      [one, two].map(({ socketUrl }) => {
        const socket = socketClient(socketUrl, token);
        bench.onClose(async () => socket.dispose());
        return socket;
      }),
    stop: () => bench.close(),
  };
}
