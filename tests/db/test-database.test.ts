import { Client } from 'pg';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let databases: TestDatabase[];

beforeAll(async () => {
  databases = await Promise.all(Array.from({ length: 4 }, () => createTestDatabase()));
});

afterAll(async () => {
  await Promise.all(databases.map((database) => database.drop()));
});

test('databases cloned at the same time are separate', async () => {
  for (const [index, { url }] of databases.entries()) {
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query('CREATE TABLE mark AS SELECT $1::int AS number', [index]);
    await client.end();
  }
  const urls = new Set(databases.map(({ url }) => url));
  expect(urls.size).toBe(4);
});

test('dropping ends the sessions that are left', async () => {
  const database = await createTestDatabase();
  const client = new Client({ connectionString: database.url });
  const ended = new Promise((resolve) => client.on('error', resolve));
  await client.connect();
  await database.drop();
  await expect(ended).resolves.toMatchObject({ message: expect.any(String) });
});
