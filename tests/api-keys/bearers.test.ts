/** Keys as clients meet them: over HTTP and WebSocket, on two processes of one installation. */
import pg from 'pg';
import { WebSocket } from 'ws';
import { send, type TestApp, tokenOf } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { Events, socketClient } from '../support/live-client.ts';
import { waitFor } from '../support/wait-for.ts';
import { placesOf } from './secrets-at-rest.ts';

const THEIRS = 'sk-proj-hunter2hunter2hunter2';

let bench: Bench;
let one: TestApp;
let two: TestApp;
let service: string;
let operator: string;
let people = 0;
const logged: string[] = [];

beforeAll(async () => {
  bench = await Bench.open();
  const options = { env: { LOG_LEVEL: 'trace' }, logged };
  one = await bench.server(options);
  two = await bench.server(options);
  service = await tokenOf('platform', { scope: 'billing:usage' });
  operator = await tokenOf('root', { scope: 'billing:operator' });
});

afterAll(() => bench.close());

const CREATE = /* GraphQL */ `
  mutation ($input: CreateApiKeyInput!) {
    createApiKey(input: $input) {
      secret
      apiKey {
        id
        name
        type
        provider
        billingMode
        hint
        status
        creditLimit
        usedThisPeriod
        createdBy
        lastUsedAt
        expiresAt
        revokedAt
        billingEntity {
          name
        }
      }
    }
  }
`;
const REVOKE = 'mutation ($id: ID!) { revokeApiKey(id: $id) { id status revokedAt } }';
const ROTATE = 'mutation ($input: RotateApiKeyInput!) { rotateApiKey(input: $input) { secret apiKey { hint } } }';
const SECRET =
  'mutation ($input: ProviderSecretInput!) { providerSecret(input: $input) { secret cacheUntil apiKey { id } } }';
const CONSUME = `mutation ($input: ConsumeCreditsInput!) {
  consumeCredits(input: $input) { __typename ... on ConsumeCreditsSuccess { credits } ... on UsageRefused { reason } }
}`;
const SUSPEND =
  'mutation ($id: ID!) { suspendBillingEntity(input: { billingEntityId: $id }, reason: "abuse") { status } }';
const BALANCE = 'subscription ($id: ID!) { balanceUpdated(billingEntityId: $id) { available version } }';
const USE = 'subscription ($id: ID!) { usageRecorded(billingEntityId: $id) { skipped } }';
const ME = '{ viewer { kind subject user { id } actsFor { id externalId } apiKey { id name } } }';

interface Person {
  readonly token: string;
  readonly id: string;
  readonly subject: string;
}

async function newcomer(): Promise<Person> {
  const subject = `person-${(people += 1)}`;
  const token = await tokenOf(subject);
  const { data } = await send(one.url, token, '{ viewer { user { id } } }');
  return { subject, token, id: (data as never as { viewer: { user: { id: string } } }).viewer.user.id };
}

interface Created {
  readonly secret: string;
  readonly apiKey: Record<string, unknown> & { readonly id: string };
}

async function create(person: Person, input: Record<string, unknown> = {}): Promise<Created> {
  const { data, errors } = await send(one.url, person.token, CREATE, {
    input: { billingEntityId: person.id, name: 'mine', type: 'PLATFORM', provider: 'OPENAI', ...input },
  });
  expect(errors).toEqual([]);
  return (data as never as { createApiKey: Created }).createApiKey;
}

/** A socket of this bearer, and the code that it is closed with. */
async function open(url: string, token: string): Promise<{ socket: WebSocket; closed: Promise<number> }> {
  const socket = new WebSocket(url, 'graphql-transport-ws');
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('open', () => {
      socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } }));
    });
    socket.once('message', () => resolve());
    socket.once('close', () => resolve());
  });
  return { socket, closed };
}

describe('an API key', () => {
  it('is made by who owns the account, consumes for it alone, and is shown as who it is', async () => {
    const [person, stranger] = [await newcomer(), await newcomer()];
    const { secret, apiKey } = await create(person, { creditLimit: 500 });
    expect(apiKey).toEqual({
      id: expect.stringMatching(/^key_[\w-]{43}$/) as string,
      name: 'mine',
      type: 'PLATFORM',
      provider: 'OPENAI',
      billingMode: 'FULL',
      hint: `tg_live_…${secret.slice(-4)}`,
      status: 'ACTIVE',
      creditLimit: 500,
      usedThisPeriod: 0,
      createdBy: `user:${person.subject}`,
      lastUsedAt: null,
      expiresAt: null,
      revokedAt: null,
      billingEntity: { name: person.subject },
    });
    expect((await send(two.url, secret, ME)).data).toEqual({
      viewer: {
        kind: 'API_KEY',
        subject: apiKey.id,
        user: null,
        actsFor: { id: person.id, externalId: person.subject },
        apiKey: { id: apiKey.id, name: 'mine' },
      },
    });
    const lines = [{ resource: 'AI_TOKENS', quantity: 1000 }];
    const consumed = await send(two.url, secret, CONSUME, { input: { idempotencyKey: 'k', lines } });
    expect(consumed).toMatchObject({ data: { consumeCredits: { credits: 100 } }, errors: [] });
    const others = { idempotencyKey: 'k2', lines, userExternalId: stranger.subject };
    expect((await send(two.url, secret, CONSUME, { input: others })).errors).toMatchObject([
      { extensions: { code: 'NOT_FOUND' } },
    ]);
    const seen = await send(
      one.url,
      secret,
      'query ($mine: ID!, $other: ID!) { mine: billingEntity(id: $mine) { name apiKeys { edges { cursor } } ledger { edges { cursor } } } other: billingEntity(id: $other) { name } }',
      { mine: person.id, other: stranger.id },
    );
    expect(seen.data).toEqual({ mine: { name: person.subject, apiKeys: null, ledger: null }, other: null });
    const exported = 'mutation ($id: ID!) { createExport(input: { billingEntityId: $id, kind: USAGE }) { url } }';
    expect((await send(one.url, secret, exported, { id: person.id })).errors).toMatchObject([
      { extensions: { code: 'FORBIDDEN' } },
    ]);
  });

  it('stands in its account’s pages, and in nobody else’s', async () => {
    const [person, stranger] = [await newcomer(), await newcomer()];
    const { apiKey } = await create(person);
    const PAGE = `query ($id: ID!, $key: ID!) { billingEntity(id: $id) {
      apiKeys(includeRevoked: true) { edges { node { id usedThisPeriod } } } apiKey(id: $key) { id }
    } }`;
    expect((await send(two.url, person.token, PAGE, { id: person.id, key: apiKey.id })).data).toEqual({
      billingEntity: {
        apiKeys: { edges: [{ node: { id: apiKey.id, usedThisPeriod: 0 } }] },
        apiKey: { id: apiKey.id },
      },
    });
    for (const key of [apiKey.id, 'key_nonsense', '']) {
      expect((await send(two.url, stranger.token, PAGE, { id: stranger.id, key })).data).toEqual({
        billingEntity: { apiKeys: { edges: [] }, apiKey: null },
      });
    }
    expect((await send(two.url, service, PAGE, { id: person.id, key: apiKey.id })).data).toEqual({
      billingEntity: { apiKeys: null, apiKey: null },
    });
  });

  it('of a customer is fetched by services, and a mistaken one is refused without being repeated', async () => {
    const person = await newcomer();
    const { apiKey, secret } = await create(person, { type: 'CUSTOM', secret: THEIRS });
    expect({ secret, billingMode: apiKey['billingMode'], hint: apiKey['hint'] }).toEqual({
      secret: null,
      billingMode: 'COMPUTE_ONLY',
      hint: 'sk-proj-…ter2',
    });
    const input = { provider: 'OPENAI', userExternalId: person.subject };
    expect((await send(two.url, service, SECRET, { input })).data).toMatchObject({
      providerSecret: { secret: THEIRS, apiKey: { id: apiKey.id } },
    });
    for (const token of [person.token, operator]) {
      expect((await send(two.url, token, SECRET, { input })).errors).toMatchObject([
        { extensions: { code: 'FORBIDDEN' } },
      ]);
    }
    // Wrong for the domain, and wrong for GraphQL, which likes to repeat what it could not read.
    for (const wrong of [{ provider: 'ANTHROPIC' }, { name: undefined }, { type: 'OTHER' }, { creditLimit: '5' }]) {
      const given = {
        billingEntityId: person.id,
        name: 'n',
        type: 'CUSTOM',
        provider: 'OPENAI',
        secret: THEIRS,
        ...wrong,
      };
      const { errors } = await send(one.url, person.token, CREATE, { input: given });
      expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
      expect(JSON.stringify(errors)).not.toContain('hunter2');
    }
  });

  it('that was revoked is refused at the very next request on the other process, for one message with all that are wrong', async () => {
    const person = await newcomer();
    const { secret, apiKey } = await create(person);
    expect((await send(two.url, secret, ME)).errors).toEqual([]);
    const first = await send(one.url, person.token, REVOKE, { id: apiKey.id });
    const refused = await send(two.url, secret, ME);
    expect(refused).toMatchObject({ status: 401, errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
    for (const wrong of [`${secret}A`, 'tg_live_nonsense', 'tg_nonsense']) {
      const { status, errors } = await send(two.url, wrong, ME);
      expect({ status, errors }).toEqual({ status: refused.status, errors: refused.errors });
    }
    expect((await send(two.url, person.token, REVOKE, { id: apiKey.id })).data).toEqual(first.data);
  });
});

describe('an open socket', () => {
  it('of a key closes with 4403 within a second of its revocation, on the other process; nobody else’s does', async () => {
    const person = await newcomer();
    const [revoked, kept] = [await create(person), await create(person)];
    const [dying, living, users] = await Promise.all([
      open(two.socketUrl, revoked.secret),
      open(two.socketUrl, kept.secret),
      open(two.socketUrl, person.token),
    ]);
    await send(one.url, person.token, REVOKE, { id: revoked.apiKey.id });
    expect(await dying.closed).toBe(4403);
    expect([living.socket.readyState, users.socket.readyState]).toEqual([WebSocket.OPEN, WebSocket.OPEN]);
    living.socket.close();
    users.socket.close();
    expect(await (await open(two.socketUrl, revoked.secret)).closed).toBe(4403);
  });

  it('of a secret that was rotated away closes too, and one within its overlap stays', async () => {
    const person = await newcomer();
    const { secret, apiKey } = await create(person);
    const rotate = async (overlapSeconds: number): Promise<string> => {
      const { data } = await send(one.url, person.token, ROTATE, { input: { id: apiKey.id, overlapSeconds } });
      return (data as never as { rotateApiKey: { secret: string } }).rotateApiKey.secret;
    };
    const oldest = await open(two.socketUrl, secret);
    const second = await rotate(3_600);
    const former = await open(two.socketUrl, second);
    await rotate(3_600);
    expect(await oldest.closed).toBe(4403);
    expect(former.socket.readyState).toBe(WebSocket.OPEN);
    await rotate(0);
    expect(await former.closed).toBe(4403);
  });

  it('of a key closes when its time is moved nearer and comes', async () => {
    const person = await newcomer();
    const { secret, apiKey } = await create(person);
    const { closed } = await open(two.socketUrl, secret);
    const UPDATE = 'mutation ($input: UpdateApiKeyInput!) { updateApiKey(input: $input) { expiresAt } }';
    const expiresAt = new Date(Date.now() + 2_000).toISOString();
    await send(one.url, person.token, UPDATE, { input: { id: apiKey.id, expiresAt } });
    expect(await closed).toBe(4403);
  });
});

describe('a subscription', () => {
  it('is completed when its entity is suspended, for whoever watches it; the socket and others go on', async () => {
    const [person, other] = [await newcomer(), await newcomer()];
    const { secret } = await create(person);
    const clients = [person.token, secret, operator].map((token) => socketClient(two.socketUrl, token));
    const ending = clients.flatMap((client) =>
      [BALANCE, USE].map((query) => new Events(client, query, { id: person.id })),
    );
    const [, , operators] = clients;
    const staying = new Events<{ version: number }>(operators as never, BALANCE, { id: other.id });
    await Promise.all(
      [staying, ...ending.filter((_, index) => index % 2 === 0)].map((events) => events.first(() => true)),
    );
    expect((await send(one.url, operator, SUSPEND, { id: person.id })).errors).toEqual([]);
    await Promise.all(ending.map(({ ended }) => ended));
    const before = staying.all.length;
    await send(one.url, other.token, CONSUME, {
      input: { idempotencyKey: 'k', lines: [{ resource: 'AI_TOKENS', quantity: 10 }] },
    });
    await waitFor(() => staying.all.length > before, 'an event of the other account');
    // Who opens one on a suspended entity may: it is the change that ends what was open.
    const again = new Events(operators as never, BALANCE, { id: person.id });
    await again.first(() => true);
    await Promise.all([again.stop(), staying.stop()]);
    for (const client of clients) await client.dispose();
  });

  it('costs no more statements to watch than two, however many are open', async () => {
    const person = await newcomer();
    const { secret } = await create(person);
    const clients = [person.token, secret].map((token) => socketClient(two.socketUrl, token));
    const events = clients.flatMap((client) =>
      Array.from({ length: 20 }, () => new Events(client, BALANCE, { id: person.id })),
    );
    await Promise.all(events.map((each) => each.first(() => true)));
    const statements = await statementsUntil(
      (texts) => texts.filter((text) => text.includes('from api_key')).length >= 4,
    );
    const checks = statements.filter((text) => text.includes('from api_key')).length;
    const entities = statements.filter((text) => text.includes('"billing_entity"')).length;
    expect(entities).toBeLessThanOrEqual(checks + 1);
    await Promise.all(events.map((each) => each.stop()));
    for (const client of clients) await client.dispose();
  });
});

/** What this process's connections were sent until enough was seen. */
async function statementsUntil(isEnough: (texts: readonly string[]) => boolean): Promise<string[]> {
  const texts: string[] = [];
  const { query } = pg.Client.prototype;
  pg.Client.prototype.query = function noted(this: pg.Client, ...args: unknown[]): unknown {
    const [first] = args;
    texts.push(typeof first === 'string' ? first : String((first as { text?: string }).text));
    return Reflect.apply(query, this, args);
  } as typeof query;
  try {
    await waitFor(() => isEnough(texts), 'enough statements');
  } finally {
    pg.Client.prototype.query = query;
  }
  return texts;
}

test('nothing secret is in the database or in the logs of all this, at their most talkative', async () => {
  const person = await newcomer();
  const issued = [await create(person), await create(person, { type: 'CUSTOM', secret: THEIRS })];
  const secrets = [...issued.map(({ secret }) => secret).filter((secret) => secret !== null), THEIRS];
  await send(one.url, issued[0]?.secret as string, ME);
  await send(one.url, service, SECRET, { input: { provider: 'OPENAI', userExternalId: person.subject } });
  await send(one.url, `${issued[0]?.secret}x`, ME);
  const pool = new pg.Pool({ connectionString: bench.database.adminUrl, max: 1 });
  pool.on('error', () => undefined);
  try {
    expect(await placesOf(secrets, pool)).toEqual([]);
  } finally {
    await pool.end();
  }
  const text = logged.join('');
  expect(text).toContain('"path":"/graphql"');
  expect(text).not.toContain('hunter2');
  expect(text).not.toMatch(/tg_live_/);
});
