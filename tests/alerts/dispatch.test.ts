/** From the ledger's outbox to mails and webhooks: once, whatever happens between. */
import { AlertDispatch } from '../../src/alerts/dispatch.ts';
import type { AlertChannel, AlertPreference } from '../../src/ledger/rules/alert-preferences.ts';
import { Database } from '../../src/db/database.ts';
import type { Rows } from '../../src/db/rows.ts';
import { createLog } from '../../src/kernel/log.ts';
import { openRows } from '../../src/persistence/orm.ts';
import { type Person, SERVICE } from '../support/installation.ts';
import { type Hooked, WebhookWorld } from './webhooks/world.ts';

let world: WebhookWorld;
let database: Database;
let rows: Rows;

beforeEach(async () => {
  const mail = { smtpUrl: null, from: { name: 'Acme AI', address: 'billing@acme.example' } };
  world = await WebhookWorld.open({ mail });
  const { installation } = world;
  database = new Database(installation.database.url, { max: 8, onIdleError: () => undefined });
  installation.bench.onClose(() => database.end());
  rows = await openRows(database);
  // Whoever raises an alert here dies before it is sent on.
  await installation.one.alertDispatch.stop();
});

afterEach(() => world.close());

/** A threshold at each of these credits left. */
const thresholds = (remaining: readonly number[], channels: readonly AlertChannel[]): AlertPreference[] =>
  remaining.map((each) => ({ type: 'WARNING', perMille: null, remaining: BigInt(each), channels, enabled: true }));

const EVERYWHERE = ['IN_APP', 'EMAIL', 'WEBHOOK'] as const;

/** Somebody with 100 credits, a receiver and an address, who wants to hear of each of these credits left. */
async function listener(remaining: readonly number[], channels: readonly AlertChannel[] = EVERYWHERE): Promise<Hooked> {
  const { one } = world.installation;
  const person = await world.hooked();
  await forgetTheirMaking(person);
  await one.mail.tokenEmails.note(person.id, { address: `${person.externalId}@example.com`, verified: true });
  const preferences = thresholds(remaining, channels);
  await one.alertPreferences.set({
    billingEntityId: person.id,
    preferences,
    emails: null,
    principal: person.principal,
  });
  return person;
}

/** Their trial was taken, which used all up, and credits were given: that is not what these tests are about. */
async function forgetTheirMaking({ id }: Person): Promise<void> {
  await database.query('delete from undelivered_alert where billing_entity_id = $1', [id]);
}

/** Uses credits, through the process that dies afterwards. */
async function use(person: Person, credits: bigint): Promise<void> {
  const { installation } = world;
  const { kind } = await installation.one.consumption.consume(SERVICE, installation.use(person, Number(credits) * 10));
  expect(kind).toBe('success');
}

async function waiting({ id }: Person): Promise<number> {
  const sql = 'select count(*)::int as count from undelivered_alert where billing_entity_id = $1';
  return (await database.query<{ count: number }>(sql, [id])).rows[0]?.count ?? 0;
}

/** The messages that wait to be mailed, in order. */
async function mailed({ id }: Person): Promise<string[]> {
  const sql = `select content ->> 'message' as message from mail_item where billing_entity_id = $1 order by created_at, number`;
  return (await database.query<{ message: string }>(sql, [id])).rows.map(({ message }) => message);
}

interface Sent {
  readonly type: string;
  readonly data: { readonly message: string; readonly remaining: number };
}

/** What the receiver was sent, in order. */
async function received(person: Hooked): Promise<Sent[]> {
  await world.installation.two.webhookSender.run();
  return person.receiver.received.map(({ body }) => JSON.parse(body.toString()) as Sent);
}

it('an alert whose process died is sent on once by the next one, though several look for it at once', async () => {
  const person = await listener([90, 80, 70]);
  await use(person, 35n);
  expect(await waiting(person)).toBe(3);
  const { two } = world.installation;
  const another = new AlertDispatch({
    ...{ database, rows, log: createLog({ level: 'silent' }) },
    ...{ deliveries: two.webhookDeliveries, endpoints: two.webhookEndpoints, mails: two.mail.mails },
    onMailsQueued: () => undefined,
  });
  await Promise.all([two.alertDispatch.run(), another.run(), two.alertDispatch.run(), another.run()]);
  expect(await waiting(person)).toBe(0);
  const sent = await received(person);
  expect(sent.map(({ data }) => data.remaining)).toEqual([90, 80, 70]);
  expect(await mailed(person)).toEqual(sent.map(({ data }) => data.message));
  await two.alertDispatch.run();
  expect(await received(person)).toHaveLength(3);
  expect(await mailed(person)).toHaveLength(3);
});

it('what fails in the middle leaves nothing half done, and keeps nobody else waiting', async () => {
  const [unlucky, other] = [await listener([90, 80]), await listener([90])];
  await use(unlucky, 25n);
  await use(other, 25n);
  const { two } = world.installation;
  let failures = 0;
  const broken = new AlertDispatch({
    ...{ database, rows, log: createLog({ level: 'silent' }) },
    ...{ deliveries: two.webhookDeliveries, endpoints: two.webhookEndpoints },
    mails: {
      enqueueNotice: (notice, transaction) => two.mail.mails.enqueueNotice(notice, transaction),
      async enqueue(alert, transaction) {
        if (alert.billingEntityId === unlucky.id && alert.remaining === 80n) {
          failures += 1;
          throw new Error('the process dies here');
        }
        await two.mail.mails.enqueue(alert, transaction);
      },
    },
    onMailsQueued: () => undefined,
  });
  await broken.run();
  expect(failures).toBe(1);
  expect(await waiting(unlucky)).toBe(2);
  expect(await mailed(unlucky)).toEqual([]);
  expect(await received(unlucky)).toEqual([]);
  expect(await received(other)).toHaveLength(1);
  await two.alertDispatch.run();
  expect((await received(unlucky)).map(({ data }) => data.remaining)).toEqual([90, 80]);
  expect(await mailed(unlucky)).toHaveLength(2);
  expect(await received(other)).toHaveLength(1);
});

it.each([
  [['IN_APP'], 0, 0],
  [['EMAIL'], 1, 0],
  [['WEBHOOK'], 0, 1],
  [EVERYWHERE, 1, 1],
] as const)('an alert with the channels %j is mailed %i times and sent %i times', async (channels, mails, webhooks) => {
  const person = await listener([90], channels);
  await use(person, 25n);
  await world.installation.two.alertDispatch.run();
  expect(await mailed(person)).toHaveLength(mails);
  expect(await received(person)).toHaveLength(webhooks);
  expect(await waiting(person)).toBe(0);
});

it('more alerts than one transaction takes are all sent on, in order', async () => {
  const person = await listener([90]);
  const { two } = world.installation;
  for (let turn = 0; turn < 5; turn += 1) {
    const remaining = Array.from({ length: 50 }, (_, at) => 4_000 - turn * 60 - at);
    if (turn === 0) await world.installation.grant(person.id, 3_950n);
    const preferences = thresholds(remaining, ['WEBHOOK']);
    await two.alertPreferences.set({
      billingEntityId: person.id,
      preferences,
      emails: null,
      principal: person.principal,
    });
    await use(person, turn === 0 ? 100n : 60n);
  }
  const count = await waiting(person);
  expect(count).toBeGreaterThan(200);
  await two.alertDispatch.run();
  expect(await waiting(person)).toBe(0);
  const left = (await received(person)).map(({ data }) => data.remaining);
  expect(left).toHaveLength(count);
  expect(left).toEqual(left.toSorted((a, b) => b - a));
});

it('who has no endpoint and no address loses nothing that others need: the alert stays in the list', async () => {
  const { installation } = world;
  const person = await installation.person(100n);
  await forgetTheirMaking(person);
  const preferences = thresholds([90], EVERYWHERE);
  await installation.one.alertPreferences.set({
    billingEntityId: person.id,
    preferences,
    emails: null,
    principal: person.principal,
  });
  await use(person, 20n);
  await installation.two.alertDispatch.run();
  expect(await waiting(person)).toBe(0);
  const page = await installation.two.alerts.list(person.id, { first: 10, after: null }, { onlyMemberId: null });
  expect(page.edges.map(({ node }) => node.remaining)).toEqual([90n, null, null]);
});

it('that an endpoint was disabled is mailed once to whom alerts are mailed', async () => {
  const person = await listener([]);
  const { one, two } = world.installation;
  person.receiver.answer = (response) => response.writeHead(410).end();
  await world.test(person);
  await one.webhookSender.run();
  expect((await one.webhookEndpoints.byId(person.id))?.enabled).toBe(false);
  await Promise.all([two.alertDispatch.run(), two.alertDispatch.run()]);
  const told = await mailed(person);
  expect(told).toHaveLength(1);
  expect(told[0]).toMatch(/was disabled/);
});
