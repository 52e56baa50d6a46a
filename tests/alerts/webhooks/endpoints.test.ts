import { SEALED_API_KEYS } from '../../../src/api-keys/api-key.ts';
import { SEALED_WEBHOOK_SECRETS } from '../../../src/alerts/webhooks/secrets.ts';
import { auditInto } from '../../../src/billing-entities/audit-log.ts';
import { Database } from '../../../src/db/database.ts';
import { createLog } from '../../../src/kernel/log.ts';
import { rewrapAll } from '../../../src/secrets/rewrapping.ts';
import { placesOf } from '../../api-keys/secrets-at-rest.ts';
import { waitFor } from '../../support/wait-for.ts';
import { ok, type Received, status } from './receiver.ts';
import { HOUR_MS, isSignedBy, MINUTE_MS, verified, WebhookWorld } from './world.ts';

const OLD = [{ id: 'k1', key: Buffer.alloc(32, 7) }];
const NEW = [{ id: 'k2', key: Buffer.alloc(32, 8) }, ...OLD];

let world: WebhookWorld;
const logged: string[] = [];

beforeEach(async () => {
  logged.length = 0;
  world = await WebhookWorld.open({
    log: createLog({ level: 'trace', destination: { write: (line: string) => void logged.push(line) } }),
  });
});

afterEach(() => world.close());

describe('a rotation', () => {
  it('lets both secrets sign for a day, so that a receiver that knows either goes on', async () => {
    const person = await world.hooked();
    const { secret } = await world.services.webhookEndpoints.rotate(person.principal, person.id);
    const fresh = secret as string;
    await world.test(person);
    await world.send();
    const during = person.receiver.received[0] as Received;
    expect(during.headers['webhook-signature']?.split(' ')).toHaveLength(2);
    expect(verified(during, fresh)).toEqual(verified(during, person.secret));
    await world.after(24 * HOUR_MS - 1);
    await world.test(person);
    await world.send();
    await world.after(1);
    await world.test(person);
    await world.send();
    const [, before, after] = person.receiver.received as [Received, Received, Received];
    expect([isSignedBy(before, person.secret), isSignedBy(before, fresh)]).toEqual([true, true]);
    expect([isSignedBy(after, person.secret), isSignedBy(after, fresh)]).toEqual([false, true]);
  });

  it('that follows another ends the oldest secret, and needs an endpoint', async () => {
    const person = await world.hooked();
    const { webhookEndpoints } = world.services;
    const second = (await webhookEndpoints.rotate(person.principal, person.id)).secret as string;
    const third = (await webhookEndpoints.rotate(person.principal, person.id)).secret as string;
    await world.test(person);
    await world.send();
    const [received] = person.receiver.received as [Received];
    expect([person.secret, second, third].map((secret) => isSignedBy(received, secret))).toEqual([false, true, true]);
    const other = await world.installation.person(0n);
    await expect(webhookEndpoints.rotate(other.principal, other.id)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await world.actions(person)).toEqual([
      'webhook.test',
      'webhook.rotateSecret',
      'webhook.rotateSecret',
      'webhook.set',
    ]);
  });
});

describe('the address', () => {
  it('set again changes nothing; another one gets a secret of its own, and what waits goes there', async () => {
    const person = await world.hooked(status(500));
    const { webhookEndpoints } = world.services;
    expect(await webhookEndpoints.set(person.principal, person.id, person.receiver.url)).toMatchObject({
      secret: null,
    });
    expect(await webhookEndpoints.set(person.principal, person.id, undefined)).toMatchObject({ secret: null });
    await world.test(person);
    await world.send();
    const other = await world.receiver();
    const { secret } = await webhookEndpoints.set(person.principal, person.id, other.url);
    expect(secret).not.toBe(person.secret);
    await world.after(5_000);
    const [received] = other.received as [Received];
    expect([isSignedBy(received, secret as string), isSignedBy(received, person.secret)]).toEqual([true, false]);
    expect(person.receiver.ids).toEqual(other.ids);
    expect(await world.actions(person)).toEqual(['webhook.set', 'webhook.test', 'webhook.set']);
  });

  it('removed takes the secret along, and what waits is given up', async () => {
    const person = await world.hooked(status(500));
    await world.test(person);
    await world.send();
    const { webhookEndpoints } = world.services;
    const gone = { endpoint: null, secret: null };
    expect(await webhookEndpoints.set(person.principal, person.id, null)).toEqual(gone);
    expect(await webhookEndpoints.set(person.principal, person.id, null)).toEqual(gone);
    expect(await webhookEndpoints.byId(person.id)).toBeNull();
    await world.after(HOUR_MS);
    expect(person.receiver.received).toHaveLength(1);
    expect(await world.newest(person)).toMatchObject({ status: 'FAILED', error: 'the endpoint was removed' });
    const { secret } = await webhookEndpoints.set(person.principal, person.id, person.receiver.url);
    expect([secret === null, secret === person.secret]).toEqual([false, false]);
  });

  it('set by many at once has one secret, which one of them was shown', async () => {
    const receiver = await world.receiver();
    const person = await world.installation.person(0n);
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        world.installation.either(index).webhookEndpoints.set(person.principal, person.id, receiver.url),
      ),
    );
    const secrets = answers.flatMap(({ secret }) => (secret === null ? [] : [secret]));
    expect(secrets).toHaveLength(1);
    await world.test(person);
    await world.send();
    expect(isSignedBy(receiver.received[0] as Received, secrets[0] as string)).toBe(true);
  });

  it('changed while an attempt is under way is not blamed for what the one before did', async () => {
    let release = (): void => undefined;
    const person = await world.hooked((response) => {
      release = () => response.writeHead(410).end();
    });
    await world.test(person);
    const sending = world.send();
    await waitFor(() => person.receiver.received.length === 1, 'the attempt');
    const other = await world.receiver();
    await world.services.webhookEndpoints.set(person.principal, person.id, other.url);
    release();
    await sending;
    expect(await world.services.webhookEndpoints.byId(person.id)).toMatchObject({ enabled: true });
    await world.after(5_000);
    expect(other.ids).toEqual(person.receiver.ids);
  });
});

describe('a resend', () => {
  it('of what was delivered bears the id and the body of before, in a round of its own', async () => {
    const person = await world.hooked();
    const id = await world.test(person);
    await world.send();
    person.receiver.answer = status(500);
    const { webhookDeliveries } = world.services;
    const resent = await webhookDeliveries.resend(person.principal, await world.newest(person));
    expect(resent).toMatchObject({ status: 'PENDING', attempts: 1, deliveredAt: null });
    await world.send();
    for (let hour = 0; hour < 30; hour += 1) await world.after(HOUR_MS);
    expect(await world.newest(person)).toMatchObject({ status: 'FAILED', attempts: 9 });
    expect(new Set(person.receiver.ids)).toEqual(new Set([id]));
    expect(new Set(person.receiver.received.map(({ body }) => body.toString())).size).toBe(1);
    await expect(webhookDeliveries.resend(person.principal, await world.newest(person))).rejects.toMatchObject({
      code: 'CONFLICT',
    });
  });

  it('of what waits is made at once, and of what is under way not at the same time', async () => {
    const person = await world.hooked(status(500));
    await world.test(person);
    await world.send();
    await world.after(5_000);
    await world.services.webhookDeliveries.resend(person.principal, await world.newest(person));
    let release = (): void => undefined;
    person.receiver.answer = (response) => {
      release = () => response.writeHead(204).end();
    };
    const sending = world.send();
    await waitFor(() => person.receiver.received.length === 3, 'the attempt');
    const { one, two } = world.installation;
    await two.webhookDeliveries.resend(person.principal, await world.newest(person));
    await two.webhookSender.run();
    expect(person.receiver.received).toHaveLength(3);
    release();
    await sending;
    await one.webhookSender.run();
    expect(await world.newest(person)).toMatchObject({ status: 'DELIVERED', attempts: 3 });
  });

  it('of what was given up while an attempt is under way follows that attempt', async () => {
    let release = (): void => undefined;
    const person = await world.hooked((response) => {
      release = () => response.writeHead(500).end();
    });
    await world.test(person);
    const sending = world.send();
    await waitFor(() => person.receiver.received.length === 1, 'the attempt');
    const { webhookEndpoints, webhookDeliveries } = world.services;
    await webhookEndpoints.set(person.principal, person.id, null);
    await webhookEndpoints.set(person.principal, person.id, person.receiver.url);
    await webhookDeliveries.resend(person.principal, await world.newest(person));
    person.receiver.answer = ok;
    await world.installation.two.webhookSender.run();
    expect(person.receiver.received).toHaveLength(1);
    release();
    await sending;
    expect(person.receiver.received).toHaveLength(2);
    expect(await world.newest(person)).toMatchObject({ status: 'DELIVERED', attempts: 2 });
  });

  it('of what is not there, or of somebody else, is NOT_FOUND', async () => {
    const [one, other] = [await world.hooked(), await world.hooked()];
    await world.test(one);
    const { id } = await world.newest(one);
    const resend = world.services.webhookDeliveries.resend(other.principal, { billingEntityId: other.id, id });
    await expect(resend).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('fairness', () => {
  it('receivers that hang keep no other one waiting', async () => {
    await world.close();
    world = await WebhookWorld.open({ webhooks: { allowLoopback: true, random: () => 0, places: 1 } });
    const releases: (() => void)[] = [];
    const hanging = await Promise.all(
      Array.from({ length: 3 }, () =>
        world.hooked((response) => void releases.push(() => response.writeHead(500).end())),
      ),
    );
    for (const person of hanging) await world.test(person);
    const sender = world.services.webhookSender;
    const all = sender.run();
    for (let each = 1; each <= 3; each += 1) {
      await waitFor(() => releases.length === each, 'the next of those that hang');
      releases[each - 1]?.();
    }
    await all;
    // From now on they are known to fail, and have the other place.
    world.installation.clock.forwardMs(5_000);
    const sound = await world.hooked();
    const more = sender.run();
    await waitFor(() => releases.length === 4, 'one that hangs to be tried again');
    await world.test(sound);
    const sent = sender.run();
    await waitFor(() => sound.receiver.received.length === 1, 'the sound one');
    expect(releases).toHaveLength(4);
    for (let each = 4; each <= 6; each += 1) {
      await waitFor(() => releases.length === each, 'the rest');
      releases[each - 1]?.();
    }
    await Promise.all([more, sent]);
  });
});

describe('secrets', () => {
  it('are nowhere in the database nor in the log, and move to a new key', async () => {
    const person = await world.hooked();
    const second = (await world.services.webhookEndpoints.rotate(person.principal, person.id)).secret as string;
    await world.test(person);
    await world.send();
    const bytes = [person.secret, second].map((secret) => Buffer.from(secret.slice('whsec_'.length), 'base64'));
    expect(await placesOf([person.secret, second, ...bytes], world.installation.admin)).toEqual([]);
    expect(
      logged.filter((line) => line.includes('whsec_') || [person.secret, second].some((each) => line.includes(each))),
    ).toEqual([]);

    const database = new Database(world.installation.database.url, { max: 2, onIdleError: () => undefined });
    world.installation.bench.onClose(() => database.end());
    const tables = [SEALED_API_KEYS, SEALED_WEBHOOK_SECRETS];
    const log = createLog({ level: 'silent' });
    const audit = auditInto(world.installation.clock);
    const rotated = await rewrapAll({ tables, database, encryptionKeys: NEW, audit, log });
    expect(rotated).toEqual({ rewrapped: 2, unreadable: [], remaining: 0 });
    const after = await world.installation.bench.services({
      ...{ clock: world.installation.clock, encryptionKeys: NEW.slice(0, 1) },
    });
    await world.test(person);
    await after.webhookSender.run();
    expect(verified(person.receiver.received[1] as Received, second)).toMatchObject({ type: 'webhook.test' });
  });

  it('that do not open send nothing, and say so', async () => {
    const person = await world.hooked();
    await world.installation.behindItsBack(`update webhook_secret set ciphertext = wrapped_data_key`);
    await world.test(person);
    await world.send();
    expect(person.receiver.received).toEqual([]);
    expect(await world.newest(person)).toMatchObject({
      status: 'PENDING',
      error: 'the secret cannot be opened: rotate it',
    });
    const { secret } = await world.services.webhookEndpoints.rotate(person.principal, person.id);
    await world.after(MINUTE_MS);
    expect(isSignedBy(person.receiver.received[0] as Received, secret as string)).toBe(true);
  });
});

it('deliveries are forgotten after thirty days, but for those that wait', async () => {
  const person = await world.hooked();
  await world.test(person);
  await world.send();
  await world.test(person);
  const { clock, one } = world.installation;
  clock.forwardMs(30 * 24 * HOUR_MS);
  await one.webhookDeliveries.prune();
  expect(await world.deliveries(person)).toHaveLength(2);
  clock.forwardMs(1);
  await one.webhookDeliveries.prune();
  expect((await world.deliveries(person)).map(({ status: became }) => became)).toEqual(['PENDING']);
});
