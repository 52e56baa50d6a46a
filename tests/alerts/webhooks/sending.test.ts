import { Refusal } from '../../../src/kernel/refusal.ts';
import { placesOf } from '../../api-keys/secrets-at-rest.ts';
import { waitFor } from '../../support/wait-for.ts';
import { ok, status } from './receiver.ts';
import { HOUR_MS, isSignedBy, MINUTE_MS, SECOND_MS, verified, WebhookWorld } from './world.ts';

let world: WebhookWorld;

beforeEach(async () => {
  world = await WebhookWorld.open();
});

afterEach(() => world.close());

describe('a test', () => {
  it('arrives, signed so that the reference library verifies it, and tells how the account stands', async () => {
    const person = await world.hooked();
    const bytes = Buffer.from(person.secret.replace(/^whsec_/, ''), 'base64').length;
    expect([person.secret.startsWith('whsec_'), bytes >= 24 && bytes <= 64]).toEqual([true, true]);
    const id = await world.test(person);
    await world.send();
    const [received] = person.receiver.received;
    if (received === undefined) throw new Error('nothing arrived');
    expect(received.headers).toMatchObject({ 'webhook-id': id, 'content-type': 'application/json' });
    const at = world.installation.clock.now().toISOString();
    expect(verified(received, person.secret)).toEqual({
      type: 'webhook.test',
      timestamp: at,
      data: {
        ...{ id, billingEntityId: person.id, type: 'WARNING', level: 0.8, remaining: null },
        ...{ message: expect.stringContaining('test') as string, usedRatio: 0, available: 100, member: null },
        ...{ createdAt: at, acknowledgedAt: null },
      },
    });
    const altered = Buffer.concat([received.body, Buffer.from(' ')]);
    expect(() => verified({ ...received, body: altered }, person.secret)).toThrow(/signature/);
    expect(await world.newest(person)).toMatchObject({
      ...{ eventType: 'webhook.test', status: 'DELIVERED', attempts: 1, responseStatus: 204, error: null },
      ...{ nextAttemptAt: null, deliveredAt: world.installation.clock.now() },
    });
  });

  it('needs an endpoint that is enabled', async () => {
    const person = await world.installation.person(0n);
    await expect(world.test(person)).rejects.toMatchObject({ code: 'CONFLICT' });
    const gone = await world.hooked(status(410));
    await world.test(gone);
    await world.send();
    await expect(world.test(gone)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('is refused while a hundred wait', async () => {
    const person = await world.hooked();
    for (let each = 0; each < 100; each += 1) await world.test(person);
    await expect(world.test(person)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    await world.send();
    expect(new Set(person.receiver.ids).size).toBe(100);
    await world.test(person);
  });
});

describe('an event', () => {
  const event = (billingEntityId: string) => ({
    ...{ billingEntityId, eventType: 'alert.raised' as const, at: new Date('2026-03-10T12:00:00.123Z') },
    data: { id: 'alt_1', message: 'äöü 🙂', available: 9_007_199_254_740_991 },
  });

  it('is queued with the transaction that raised it, and not without it', async () => {
    const person = await world.hooked();
    const { rows, deliveries } = { rows: await openRows(), deliveries: world.services.webhookDeliveries };
    await expect(
      rows.transaction(async (transaction) => {
        await deliveries.enqueue(event(person.id), transaction);
        throw new Refusal('CONFLICT', 'not now');
      }),
    ).rejects.toThrow('not now');
    await world.send();
    expect(await world.deliveries(person)).toEqual([]);
    await rows.transaction((transaction) => deliveries.enqueue(event(person.id), transaction));
    await world.send();
    const [received] = person.receiver.received;
    expect(received?.body.toString()).toBe(
      '{"type":"alert.raised","timestamp":"2026-03-10T12:00:00.123Z","data":{"id":"alt_1","message":"äöü 🙂","available":9007199254740991}}',
    );
    expect(received && isSignedBy(received, person.secret)).toBe(true);
  });

  it('of nobody’s endpoint, or of a disabled one, is queued nowhere', async () => {
    const rows = await openRows();
    const enqueue = (id: string): Promise<unknown> =>
      rows.transaction((transaction) => world.services.webhookDeliveries.enqueue(event(id), transaction));
    const person = await world.installation.person(0n);
    const gone = await world.hooked(status(410));
    await world.test(gone);
    await world.send();
    expect([await enqueue(person.id), await enqueue(gone.id)]).toEqual([null, null]);
  });
});

describe('a receiver that fails', () => {
  it('with 500 for an hour is tried again, with one id and one body, until it takes it', async () => {
    const person = await world.hooked(status(500));
    const id = await world.test(person);
    await world.send();
    const seen: number[] = [person.receiver.received.length];
    for (const pause of [
      4.9 * SECOND_MS,
      0.1 * SECOND_MS,
      299 * SECOND_MS,
      SECOND_MS,
      30 * MINUTE_MS,
      25 * MINUTE_MS,
    ]) {
      await world.after(pause);
      seen.push(person.receiver.received.length);
    }
    expect(seen).toEqual([1, 1, 2, 2, 3, 4, 4]);
    expect(await world.newest(person)).toMatchObject({
      status: 'PENDING',
      attempts: 4,
      responseStatus: 500,
      error: 'it answered 500',
    });
    person.receiver.answer = ok;
    await world.after(2 * HOUR_MS);
    expect(await world.newest(person)).toMatchObject({ status: 'DELIVERED', attempts: 5, error: null });
    expect(new Set(person.receiver.ids)).toEqual(new Set([id]));
    expect(new Set(person.receiver.received.map(({ body }) => body.toString())).size).toBe(1);
    // Each attempt has a time and a signature of its own.
    expect(new Set(person.receiver.received.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(5);
    expect(person.receiver.received.every((received) => isSignedBy(received, person.secret))).toBe(true);
  });

  it('for a day is given up after eight attempts, disabled, and its owners are told once', async () => {
    const person = await world.hooked(status(503));
    await world.test(person);
    await world.send();
    for (let hour = 0; hour < 30; hour += 1) await world.after(HOUR_MS);
    expect(person.receiver.received).toHaveLength(8);
    expect(await world.newest(person)).toMatchObject({ status: 'FAILED', attempts: 8, nextAttemptAt: null });
    const endpoint = await world.services.webhookEndpoints.byId(person.id);
    expect(endpoint).toMatchObject({
      enabled: false,
      disabledReason: expect.stringContaining('it answered 503') as string,
    });
    const notices: unknown[] = [];
    const take = async (notice: unknown): Promise<void> => void notices.push(notice);
    const { one, two } = world.installation;
    const failing = one.webhookEndpoints.takeNotices(() => Promise.reject(new Error('mail is away')));
    await expect(failing).rejects.toThrow('mail is away');
    // Another process finds the same notice while this one takes it, and waits for its lock.
    let other: Promise<number> | undefined;
    const taken = await one.webhookEndpoints.takeNotices(async (notice) => {
      other = two.webhookEndpoints.takeNotices(take);
      await waitFor(isSomebodyWaiting, 'the other process to wait');
      await take(notice);
    });
    expect([taken, await other]).toEqual([1, 0]);
    const { disabledAt, disabledReason } = endpoint as NonNullable<typeof endpoint>;
    expect(notices).toEqual([{ billingEntityId: person.id, url: person.receiver.url, disabledAt, disabledReason }]);

    // The same address again enables it and keeps the secret.
    person.receiver.answer = ok;
    const again = await one.webhookEndpoints.set(person.principal, person.id, person.receiver.url);
    expect(again).toMatchObject({ secret: null, endpoint: { enabled: true, disabledAt: null, disabledReason: null } });
    await world.test(person);
    await world.send();
    expect(isSignedBy(person.receiver.received.at(-1) as never, person.secret)).toBe(true);
    expect(await world.actions(person)).toEqual([
      'webhook.test',
      'webhook.set',
      'webhook.disable',
      'webhook.test',
      'webhook.set',
    ]);
  });

  it('is judged anew once it is enabled again: it has another day', async () => {
    const person = await world.hooked(status(410));
    await world.test(person);
    await world.send();
    person.receiver.answer = status(500);
    world.installation.clock.forwardMs(20 * HOUR_MS);
    await world.services.webhookEndpoints.set(person.principal, person.id, person.receiver.url);
    await world.test(person);
    await world.send();
    // Seven attempts are over, as if all of it had taken less than a day.
    await world.installation.behindItsBack(
      `update webhook_delivery set step = 7, attempts = 7 where status = 'PENDING'`,
    );
    await world.after(5 * HOUR_MS);
    expect(await world.newest(person)).toMatchObject({ status: 'FAILED' });
    expect(await world.services.webhookEndpoints.byId(person.id)).toMatchObject({ enabled: true });
  });

  it('now and then is not disabled', async () => {
    const person = await world.hooked(status(500));
    await world.test(person);
    await world.send();
    for (let hour = 0; hour < 30; hour += 1) {
      person.receiver.answer = status(500);
      await world.after(HOUR_MS);
      if (hour === 12) {
        person.receiver.answer = ok;
        await world.test(person);
        await world.send();
      }
    }
    expect((await world.deliveries(person)).map((each) => each.status).toSorted()).toEqual(['DELIVERED', 'FAILED']);
    expect(await world.services.webhookEndpoints.byId(person.id)).toMatchObject({ enabled: true });
  });

  it('with 410 is disabled at once, and what else was to be sent is given up', async () => {
    const person = await world.hooked(status(500));
    await world.test(person);
    await world.send();
    person.receiver.answer = status(410);
    await world.test(person);
    await world.send();
    expect(await world.services.webhookEndpoints.byId(person.id)).toMatchObject({
      ...{ enabled: false, disabledReason: 'it answered 410 Gone', disabledAt: world.installation.clock.now() },
    });
    expect((await world.deliveries(person)).map(({ status: became, error }) => [became, error])).toEqual([
      ['FAILED', 'it answered 410'],
      ['FAILED', 'the endpoint was disabled'],
    ]);
    await world.after(30 * HOUR_MS);
    expect(person.receiver.received).toHaveLength(2);
  });

  it('by a redirect is not followed, and is tried again', async () => {
    const target = await world.receiver();
    const person = await world.hooked((response) => response.writeHead(302, { location: target.url }).end());
    await world.test(person);
    await world.send();
    expect(await world.newest(person)).toMatchObject({
      ...{ status: 'PENDING', responseStatus: 302, error: 'it answered 302: redirects are not followed' },
    });
    await world.after(5 * SECOND_MS);
    expect([person.receiver.received.length, target.received.length]).toEqual([2, 0]);
  });
});

it('what a receiver answers with is kept nowhere, and told nobody', async () => {
  const words = 'the-receivers-own-words';
  const target = await world.receiver();
  for (const code of [200, 307, 500]) {
    const person = await world.hooked((response) =>
      response.writeHead(code, words, { location: `${target.url}?${words}`, 'x-words': words }).end(words),
    );
    await world.test(person);
    await world.send();
    expect(person.receiver.received).toHaveLength(1);
    expect(JSON.stringify(await world.newest(person))).not.toContain(words);
  }
  expect(await placesOf([words], world.installation.admin)).toEqual([]);
  expect(target.received).toEqual([]);
});

describe('two processes', () => {
  it('send what is due once, whoever comes first', async () => {
    const people = await Promise.all(Array.from({ length: 4 }, () => world.hooked()));
    for (const person of people) for (let each = 0; each < 6; each += 1) await world.test(person);
    const { one, two } = world.installation;
    await Promise.all([one.webhookSender.run(), two.webhookSender.run(), one.webhookSender.run()]);
    for (const person of people) {
      expect(person.receiver.received).toHaveLength(6);
      expect((await world.deliveries(person)).map(({ attempts }) => attempts)).toEqual([1, 1, 1, 1, 1, 1]);
    }
  });

  it('make up for one that died while it sent: the event is sent again under its id', async () => {
    const releases: (() => void)[] = [];
    const person = await world.hooked((response) => {
      const code = releases.length === 0 ? 500 : 204;
      releases.push(() => response.writeHead(code).end());
    });
    const id = await world.test(person);
    const { one, two } = world.installation;
    const first = one.webhookSender.run();
    await waitFor(() => releases.length === 1, 'the first attempt');
    await two.webhookSender.run();
    expect(person.receiver.received).toHaveLength(1);
    world.installation.clock.forwardMs(61 * SECOND_MS);
    const second = two.webhookSender.run();
    await waitFor(() => releases.length === 2, 'the second attempt');
    // What the first one hears at last changes nothing: the delivery is not its own any more.
    releases[0]?.();
    await first;
    expect(await world.newest(person)).toMatchObject({
      status: 'PENDING',
      attempts: 2,
      responseStatus: null,
      error: null,
    });
    releases[1]?.();
    await second;
    expect(person.receiver.ids).toEqual([id, id]);
    expect(await world.newest(person)).toMatchObject({ status: 'DELIVERED', attempts: 2, responseStatus: 204 });
  });

  it('make up for one that was killed while its receiver had the message, once its claim is over', async () => {
    const person = await world.hooked(() => undefined);
    const id = await world.test(person);
    const killed = await world.installation.bench.process();
    await waitFor(() => person.receiver.received.length === 1, 'the message to be under way');
    await killed.kill();
    person.receiver.answer = ok;
    // For all that anybody knows somebody is still at it.
    await world.send();
    expect(person.receiver.received).toHaveLength(1);
    world.installation.clock.set(new Date(Date.now() + 61 * SECOND_MS));
    await Promise.all([world.installation.one, world.installation.two].map(({ webhookSender }) => webhookSender.run()));
    expect(person.receiver.ids).toEqual([id, id]);
    expect(person.receiver.received.every((received) => isSignedBy(received, person.secret))).toBe(true);
    expect(await world.newest(person)).toMatchObject({ status: 'DELIVERED', attempts: 2 });
  }, 180_000);
});

/** True while a connection to this database waits for a lock. */
async function isSomebodyWaiting(): Promise<boolean> {
  const { rows } = await world.installation.admin.query(
    `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return rows.length > 0;
}

async function openRows() {
  const { Database } = await import('../../../src/db/database.ts');
  const { openRows: open } = await import('../../../src/persistence/orm.ts');
  const database = new Database(world.installation.database.url, { max: 2, onIdleError: () => undefined });
  world.installation.bench.onClose(() => database.end());
  return open(database);
}
