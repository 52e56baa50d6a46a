/** One transaction, from two sides: the EntityManager and whole SQL on one connection; and what becomes of it when the database goes away. */
import { LockMode } from '@mikro-orm/postgresql';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { ApiKeyRow } from '../../src/api-keys/api-key.entity.ts';
import { BillingEntityRow } from '../../src/billing-entities/billing-entity.entity.ts';
import { Database } from '../../src/db/database.ts';
import { columnsOf } from '../../src/db/columns.ts';
import { insertUnlessThere, type Rows } from '../../src/db/rows.ts';
import { openRows } from '../../src/persistence/orm.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let testDatabase: TestDatabase;
let database: Database;
let rows: Rows;
let admin: pg.Pool;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = new Database(testDatabase.url, { max: 3, onIdleError: () => undefined });
  rows = await openRows(database);
  admin = new pg.Pool({ connectionString: testDatabase.adminUrl, max: 1 });
  admin.on('error', () => undefined);
});

afterAll(async () => {
  await Promise.all([database.end(), admin.end()]);
  await testDatabase.drop();
});

const person = (name = 'Ann') => ({
  billingEntityId: uuidv7(),
  type: 'USER' as const,
  externalId: uuidv7(),
  name,
  createdAt: new Date('2026-03-10T12:00:00.123Z'),
  suspendedAt: null,
  suspensionReason: null,
  visibility: null,
});

const find = ({ billingEntityId }: { billingEntityId: string }) =>
  rows.read((em) => em.findOne(BillingEntityRow, { billingEntityId }));

it('what the EntityManager writes is seen by whole SQL before the commit, and by nobody else', async () => {
  const ann = person();
  await rows.transaction(async ({ em, client }) => {
    await em.insert(BillingEntityRow, ann);
    const { rows: seen } = await client.query('select name from billing_entity where billing_entity_id = $1', [
      ann.billingEntityId,
    ]);
    expect(seen).toEqual([{ name: 'Ann' }]);
    await client.query('update billing_entity set name = $2 where billing_entity_id = $1', [
      ann.billingEntityId,
      'Bea',
    ]);
    expect(await em.findOne(BillingEntityRow, { billingEntityId: ann.billingEntityId })).toMatchObject({ name: 'Bea' });
    expect(await find(ann)).toBeNull();
  });
  expect(await find(ann)).toMatchObject({ ...ann, name: 'Bea' });
});

it('what was refused leaves nothing behind, on either side, and a sound connection', async () => {
  const ann = person();
  const refused = rows.transaction(async ({ em, client }) => {
    await em.insert(BillingEntityRow, ann);
    await client.query('update billing_entity set name = $2 where billing_entity_id = $1', [
      ann.billingEntityId,
      'Bea',
    ]);
    throw new Error('no');
  });
  await expect(refused).rejects.toThrow('no');
  expect(await find(ann)).toBeNull();
});

it('an object that was changed is not saved, and each read is a new one', async () => {
  const ann = person();
  await rows.transaction(async ({ em, client }) => {
    await em.insert(BillingEntityRow, ann);
    const read = () => em.findOneOrFail(BillingEntityRow, { billingEntityId: ann.billingEntityId });
    const row = await read();
    row.name = 'Bea';
    expect(await read()).toMatchObject({ name: 'Ann' });
    await client.query('update billing_entity set name = $2 where billing_entity_id = $1', [
      ann.billingEntityId,
      'Cid',
    ]);
    expect(await read()).toMatchObject({ name: 'Cid' });
    await em.nativeUpdate(BillingEntityRow, { billingEntityId: ann.billingEntityId }, { name: 'Ann' });
  });
  expect(await find(ann)).toMatchObject({ name: 'Ann' });
});

it('a row that is locked by the EntityManager is locked for whole SQL of others', async () => {
  const ann = person();
  await rows.transaction(({ em }) => em.insert(BillingEntityRow, ann));
  await rows.transaction(async ({ em }) => {
    const { billingEntityId } = ann;
    await em.findOne(BillingEntityRow, { billingEntityId }, { lockMode: LockMode.PESSIMISTIC_WRITE });
    const others = await database.query(
      'select name from billing_entity where billing_entity_id = $1 for update skip locked',
      [billingEntityId],
    );
    expect(others.rows).toEqual([]);
  });
});

it('is on disk before it is answered, whatever the server’s default', async () => {
  const told = await rows.transaction(({ client }) => client.query('show synchronous_commit'));
  expect(told.rows).toEqual([{ synchronous_commit: 'on' }]);
});

it('runs again on a new EntityManager when its connection is cut midway, and is done once', async () => {
  const ann = person();
  let runs = 0;
  await rows.transaction(async ({ em, client }) => {
    runs += 1;
    await em.insert(BillingEntityRow, ann);
    const [{ pid }] = (await client.query('select pg_backend_pid() as pid')).rows as [{ pid: number }];
    if (runs === 1) await admin.query('select pg_terminate_backend($1)', [pid]);
    await em.nativeUpdate(BillingEntityRow, { billingEntityId: ann.billingEntityId }, { name: 'Bea' });
  });
  expect(runs).toBe(2);
  expect(await find(ann)).toMatchObject({ name: 'Bea' });
});

it('every value comes back as it went in: instants, amounts, bytes, text that looks like SQL', async () => {
  const key = {
    billingEntityId: uuidv7(),
    id: uuidv7(),
    name: `it's ? a "name" \\ $1 '); drop table api_key; --`,
    type: 'CUSTOM' as const,
    provider: 'OPENAI' as const,
    billingMode: 'FULL' as const,
    hint: 'sk-…',
    keyEncryptionKey: 'k1',
    wrappedDataKey: Buffer.from([0, 39, 92, 255]),
    ciphertext: Buffer.from('\\x00?', 'utf8'),
    secretHash: null,
    formerSecretHash: null,
    formerSecretUntil: null,
    creditLimit: 2n ** 53n + 1n,
    createdBy: 'user:a',
    createdAt: new Date('2026-03-10T12:00:00.123Z'),
    lastUsedAt: null,
    expiresAt: null,
    revokedAt: null,
  };
  const where = { billingEntityId: key.billingEntityId, id: key.id };
  await rows.transaction(({ em }) => em.insert(ApiKeyRow, key));
  expect({ ...(await rows.read((em) => em.findOne(ApiKeyRow, where, { fields: Object.keys(key) as never }))) }).toEqual(
    key,
  );
  const { rows: whole } = await database.query(
    `select ${columnsOf(ApiKeyRow, 'a', Object.keys(key) as never)} from api_key a where a.billing_entity_id = $1`,
    [key.billingEntityId],
  );
  expect(whole).toEqual([key]);
});

it('what belongs to a secret is read by nobody who does not name it', async () => {
  const { rows: columns } = await database.query(`select ${columnsOf(ApiKeyRow, 'a')} from api_key a`);
  const [row] = await rows.read((em) => em.findAll(ApiKeyRow));
  for (const seen of [columns[0], { ...row }]) {
    expect(seen).toMatchObject({ hint: 'sk-…' });
    expect(Object.values(seen as object).filter((value) => value instanceof Buffer)).toEqual([]);
  }
});

it('a row that is there already is left as it is, and its second writer is told', async () => {
  const ann = person();
  const insert = (name: string) =>
    rows.transaction(({ em }) => insertUnlessThere(em, BillingEntityRow, { ...ann, name }));
  expect([await insert('Ann'), await insert('Bea')]).toEqual([true, false]);
  expect(await find(ann)).toMatchObject(ann);
});

it('rows are counted as numbers', async () => {
  const people = [person(), person()];
  await rows.transaction(({ em }) => em.insertMany(BillingEntityRow, people));
  const billingEntityId = { $in: people.map((each) => each.billingEntityId) };
  expect(await rows.read((em) => em.count(BillingEntityRow, { billingEntityId }))).toBe(2);
});
