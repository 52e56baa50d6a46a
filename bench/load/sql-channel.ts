import { Client } from 'pg';
import type { Channel } from './channel.ts';
import type { SqlTransport } from './spec.ts';

/** A connection of its own that runs one prepared statement over and over, as pgbench does with `-M prepared`. */
export async function openSqlChannel({ databaseUrl, statement }: SqlTransport): Promise<Channel> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  return {
    send: async () => {
      const { rowCount } = await client.query({ name: 'statement', text: statement });
      return `rows: ${rowCount}`;
    },
    close: () => void client.end(),
  };
}
