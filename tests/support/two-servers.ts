import type { TestApp } from './app.ts';
import { Bench } from './bench.ts';
import type { TestDatabase } from './database.ts';
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
    stop: () => bench.close(),
  };
}
