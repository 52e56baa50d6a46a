import pg from 'pg';
import { Exclusive } from '../../src/db/advisory-lock.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let one: Exclusive;
let other: Exclusive;

beforeAll(async () => {
  database = await createTestDatabase();
  [one, other] = [1, 2].map(() => new Exclusive(database.url, { max: 2, onIdleError: () => undefined })) as [
    Exclusive,
    Exclusive,
  ];
});

afterAll(async () => {
  await Promise.all([one.end(), other.end()]);
  await database.drop();
});

/** Ends the sessions that hold a lock, as a restart of the database would. */
async function cutOff(): Promise<void> {
  const client = new pg.Client({ connectionString: database.adminUrl });
  await client.connect();
  await client.query(`select pg_terminate_backend(pid) from pg_locks
    where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`);
  await client.end();
}

describe('a lock', () => {
  it('is held by one at a time, on whatever process, and by the next one when that has ended', async () => {
    let inside = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 10 }, () => [one.run('a', work), other.run('a', work)]).flat());
    expect(most).toBe(1);
  });

  it('says that it is held, until whoever holds it is cut off from the database; then another one may have it', async () => {
    await one.run('a', async (lock) => {
      await lock.check();
      expect(await other.tryRun('a', async () => 'had')).toBeNull();
      await cutOff();
      await expect(lock.check()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      expect(await other.tryRun('a', async () => 'had')).toBe('had');
    });
    expect(await one.run('a', async () => 'again')).toBe('again');
  });
});
