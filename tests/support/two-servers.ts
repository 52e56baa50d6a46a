import { startTestApp, type TestApp } from './app.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
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
  const database = await createTestDatabase();
  const one = await startTestApp(database.url);
  const two = await startTestApp(database.url);
  let turn = 0;
  const url = (): string => ((turn += 1) % 2 === 0 ? one : two).url;
  const ask = asker(url);
  return {
    database,
    one,
    two,
    url,
    ask,
    clients: await Clients.open(ask),
    async stop() {
      await Promise.all([one.stop(), two.stop()]);
      await database.drop();
    },
  };
}
