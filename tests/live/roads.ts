import { Redis } from 'ioredis';
import { Client } from 'pg';
import { createTestDatabase } from '../support/database.ts';
import { RedisServer } from '../support/redis-server.ts';

/** A road between processes, as the tests need it: used, cut, and abused. */
export interface Road {
  readonly databaseUrl: string;
  readonly redisUrl: string | null;
  /** Cuts the connections of all processes that listen, or send, or both. */
  cut(side: 'listen' | 'send' | 'both'): Promise<void>;
  /** Lets nobody connect (connections that exist stay), or everybody again. */
  block(blocked: boolean): Promise<void>;
  /** Sends any text to all who listen. */
  inject(text: string): Promise<void>;
  close(): Promise<void>;
}

/** PostgreSQL's LISTEN and NOTIFY, in a database of its own. */
export async function postgresRoad(): Promise<Road> {
  const database = await createTestDatabase();
  const admin = new Client({ connectionString: database.url });
  await admin.connect();
  const name = new URL(database.url).pathname.slice(1);
  // A database cannot be closed from inside.
  const outside = new Client({ connectionString: new URL('/postgres', database.url).href });
  await outside.connect();
  return {
    databaseUrl: database.url,
    redisUrl: null,
    cut: async (side) => {
      await admin.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name LIKE $2',
        [name, side === 'both' ? 'tollgate live %' : `tollgate live ${side}`],
      );
    },
    block: async (blocked) => {
      await outside.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS ${!blocked}`);
    },
    inject: async (text) => {
      await admin.query("SELECT pg_notify('tollgate_balance', $1)", [text]);
    },
    close: async () => {
      await Promise.all([admin.end(), outside.end()]);
      await database.drop();
    },
  };
}

/** Redis, on a server of its own. */
export async function redisRoad(): Promise<Road> {
  const server = await RedisServer.start();
  const redisUrl = server.url;
  const admin = new Redis(redisUrl);
  const [, maxClients = '10000'] = await admin.config('GET', 'maxclients');
  const kill = (type: 'pubsub' | 'normal') => admin.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
  return {
    databaseUrl: 'postgresql://unused.invalid/unused',
    redisUrl,
    cut: async (side) => {
      if (side !== 'send') await kill('pubsub');
      if (side !== 'listen') await kill('normal');
    },
    block: async (blocked) => {
      await admin.config('SET', 'maxclients', blocked ? '1' : maxClients);
    },
    inject: async (text) => {
      await admin.publish('tollgate_balance', text);
    },
    close: async () => {
      await admin.quit();
      await server.stop();
    },
  };
}
