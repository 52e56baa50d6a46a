import { Events, socketClient } from '../support/live-client.ts';
import { send, type TestApp, tokenOf } from '../support/app.ts';
import { BALANCE, BATCH, Newcomers, tokens } from './newcomers.ts';

let people: Newcomers;
let one: TestApp;
let two: TestApp;
let service: string;

beforeAll(async () => {
  people = await Newcomers.open();
  ({ one, two, service } = people);
});

afterAll(() => people.close());

describe('live balances', () => {
  it('come at once, then rise, at most ten a second, on either process, and the last one always', async () => {
    const { id, token, subject } = await people.newcomer();
    const clients = [socketClient(one.socketUrl, token), socketClient(two.socketUrl, token)];
    interface Balance {
      available: number;
      used: number;
      version: number;
    }
    const streams = clients.map((client) => new Events<Balance>(client, BALANCE, { id }));
    for (const stream of streams) {
      expect(await stream.first(() => true)).toEqual({ available: 10_000, used: 0, version: 1 });
    }
    const startedAt = performance.now();
    for (let round = 0; round < 30; round += 1) {
      await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          people.consume(service, { idempotencyKey: `l${round}-${index}`, userExternalId: subject, lines: tokens(10) }),
        ),
      );
    }
    for (const stream of streams) {
      await stream.first((balance) => balance.used === 300);
      const seconds = (performance.now() - startedAt) / 1_000;
      const versions = stream.all.map((balance) => balance.version);
      expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
      expect(stream.all.length).toBeLessThanOrEqual(2 + Math.ceil(seconds * 10));
      expect(stream.all.at(-1)).toEqual({ available: 9_700, used: 300, version: 301 });
      await stream.stop();
    }
    for (const client of clients) await client.dispose();
  });

  it('show records as they come, newest first, and how many more there were', async () => {
    const { id, token, subject } = await people.newcomer();
    const client = socketClient(two.socketUrl, token);
    interface Usage {
      records: { quantity: number }[];
      skipped: number;
    }
    const usage = new Events<Usage>(
      client,
      `subscription ($id: ID!) { usageRecorded(billingEntityId: $id) { records { quantity } skipped } }`,
      { id },
    );
    const balance = new Events<{ version: number }>(client, BALANCE, { id });
    await balance.first(() => true);
    const inputs = Array.from({ length: 50 }, (_, index) => ({
      idempotencyKey: `u${index}`,
      userExternalId: subject,
      lines: tokens(index),
    }));
    await send(one.url, service, BATCH, { inputs });
    const seen = (): number => usage.all.reduce((sum, event) => sum + event.records.length + event.skipped, 0);
    await usage.first(() => seen() === 50);
    expect(usage.all.at(-1)?.records[0]).toEqual({ quantity: 49 });
    for (const { records } of usage.all) expect(records.length).toBeLessThanOrEqual(20);
    await Promise.all([usage.stop(), balance.stop()]);
    await client.dispose();
  });

  it('are not for strangers', async () => {
    const [mine, other] = [await people.newcomer(), await people.newcomer()];
    const client = socketClient(one.socketUrl, mine.token);
    const stream = new Events(client, BALANCE, { id: other.id });
    await expect(stream.first(() => true)).rejects.toThrow('NOT_FOUND');
    await client.dispose();
  });

  it('end when the token does', async () => {
    const { id, subject } = await people.newcomer();
    const client = socketClient(one.socketUrl, await tokenOf(subject, { expiresInSeconds: 2 }));
    const closed = new Promise<{ code: number }>((resolve) =>
      client.on('closed', (event) => resolve(event as { code: number })),
    );
    const stream = new Events(client, BALANCE, { id });
    await stream.first(() => true);
    expect((await closed).code).toBeGreaterThanOrEqual(4400);
    await client.dispose();
  });
});
