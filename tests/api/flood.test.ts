/** What others feel when one caller sends very much: full batches, one after another, by one person. */
import { send, type TestApp, tokenOf } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { type Answer, asker, Clients, CONSUME } from '../support/organizations.ts';
import { SocketClient } from '../support/edges.ts';

const BATCH = `mutation ($inputs: [ConsumeCreditsInput!]!) { consumeCreditsBatch(inputs: $inputs) {
  __typename ... on UsageRejected { code }
} }`;

let bench: Bench;
let app: TestApp;
let clients: Clients;

async function open(env: Record<string, string>): Promise<void> {
  bench = await Bench.open();
  app = await bench.server({ env });
  clients = await Clients.open(asker(() => app.url));
}

async function close(): Promise<void> {
  await app.stop();
  await bench.close();
}

let keys = 0;

function items(count: number): object[] {
  return Array.from({ length: count }, () => ({
    idempotencyKey: `item-${(keys += 1)}`,
    lines: [{ resource: 'AI_TOKENS', quantity: 1 }],
  }));
}

interface Item {
  readonly __typename: string;
  readonly code?: string;
}

describe('without rate limits', () => {
  beforeAll(() => open({ RATE_LIMIT_USER: '0', LEDGER_MAX_QUEUED: '1500', LEDGER_LANES: '1' }));
  afterAll(close);

  it('thirty full batches of one person’s refuse that person alone, and no item is left without an answer', async () => {
    const flooder = await clients.user(10_000);
    const others = await Promise.all(Array.from({ length: 4 }, () => clients.user(10_000)));
    const flooding = { isOver: false };
    const flood = Promise.all(
      // Five at a time: what one machine can send.
      Array.from({ length: 5 }, async () => {
        const came: Item[] = [];
        for (let batch = 0; batch < 6; batch++) {
          const { data, errors } = await send(app.url, flooder.token, BATCH, { inputs: items(1000) });
          expect(errors).toEqual([]);
          came.push(...(data as unknown as { consumeCreditsBatch: Item[] }).consumeCreditsBatch);
        }
        return came;
      }),
    ).finally(() => (flooding.isOver = true));
    const answers: unknown[] = [];
    await Promise.all(
      others.map(async ({ token }) => {
        while (!flooding.isOver) {
          const { data, errors } = await send(app.url, token, CONSUME, { input: items(1)[0] });
          answers.push(errors[0]?.message ?? (data as unknown as { consumeCredits: Answer }).consumeCredits.__typename);
        }
      }),
    );
    const came = (await flood).flat();
    expect(came).toHaveLength(30_000);
    // That the database answers late is the machine's doing; that there was no room would be the flooder's.
    expect(answers).not.toContain('too many commands are waiting');
    expect(answers.filter((answer) => answer === 'ConsumeCreditsSuccess').length).toBeGreaterThan(10);
    // It was a flood: not all of it had room.
    const refused = came.filter(({ code }) => code === 'UNAVAILABLE').length;
    expect(refused).toBeGreaterThan(0);
    expect(came.filter(({ __typename }) => __typename === 'ConsumeCreditsSuccess')).toHaveLength(30_000 - refused);
  }, 240_000);
});

describe('with rate limits', () => {
  beforeAll(() => open({ RATE_LIMIT_USER: '50', RATE_LIMIT_WINDOW_SECONDS: '3600' }));
  afterAll(close);

  it('items count, on both roads: a batch beyond what is left is refused whole, and takes nothing', async () => {
    const { token, id } = await clients.user(10_000);
    // One operation was for the person’s id.
    const kindOf = async (count: number): Promise<unknown> => {
      const { status, data, errors } = await send(app.url, token, BATCH, { inputs: items(count) });
      return data === null ? [status, errors[0]?.extensions['code'], errors[0]?.extensions['retryable']] : status;
    };
    expect(await kindOf(20)).toBe(200);
    expect(await kindOf(20)).toBe(200);
    const refused = [429, 'RATE_LIMITED', true];
    expect(await kindOf(20)).toEqual(refused);
    expect(await kindOf(9)).toEqual(refused);
    // Each refused one counted as an operation, of 50: 1 + 20 + 20 + 1 + 1.
    const socket = await new SocketClient(app.socketUrl).connect(token);
    const onSocket = async (query: string, variables?: Record<string, unknown>): Promise<unknown> => {
      const { type, payload } = await socket.run(query, variables);
      return type === 'error' ? payload[0].extensions.code : type;
    };
    expect(await onSocket(BATCH, { inputs: items(8) })).toBe('RATE_LIMITED');
    expect(await onSocket(BATCH, { inputs: items(6) })).toBe('next');
    expect(await onSocket('{ viewer { kind } }')).toBe('RATE_LIMITED');
    await socket.close();
    const used = await send(
      app.url,
      clients.operator,
      'query ($id: ID!) { billingEntity(id: $id) { usageSummary(from: "2020-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z", interval: TOTAL) { records } } }',
      { id },
    );
    expect(used.data).toMatchObject({ billingEntity: { usageSummary: [{ records: 46 }] } });
  });

  it('so do commands of one document, and a full batch has room where nothing else was', async () => {
    const document = `mutation (${Array.from({ length: 30 }, (_, at) => `$i${at}: ConsumeCreditsInput!`).join(' ')}) {
      ${Array.from({ length: 30 }, (_, at) => `a${at}: consumeCredits(input: $i${at}) { __typename }`).join(' ')} }`;
    const { token } = await clients.user(0);
    const inputs = (): object => Object.fromEntries(items(30).map((item, at) => [`i${at}`, item]));
    expect((await send(app.url, token, document, inputs() as Record<string, unknown>)).status).toBe(200);
    const again = await send(app.url, token, document, inputs() as Record<string, unknown>);
    expect([again.status, again.errors[0]?.extensions['code']]).toEqual([429, 'RATE_LIMITED']);
    expect(again.errors[0]?.extensions['retryAfterMs']).toBeGreaterThan(0);

    // Larger than a whole window: it takes all of one, and is not refused for ever.
    const fresh = clients.next('fresh');
    const freshToken = await tokenOf(fresh);
    expect((await send(app.url, freshToken, BATCH, { inputs: items(1000) })).status).toBe(200);
    expect((await send(app.url, freshToken, '{ viewer { kind } }')).status).toBe(429);
  });
});
