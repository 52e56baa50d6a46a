/** Metadata is stored as it was sent, or refused: however it comes, and whatever reading it would lose. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { Principal } from '../../src/billing-entities/principal.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { DomainServices } from '../../src/services.ts';
import { send, type TestApp, tokenOf } from '../support/app.ts';
import { Bench } from '../support/bench.ts';

const SHOWN = '__typename ... on ConsumeCreditsSuccess { replayed records { metadata } }';
const BY_VARIABLE = `mutation ($input: ConsumeCreditsInput!) { consumeCredits(input: $input) { ${SHOWN} } }`;
const LINES = '[{"resource":"AI_TOKENS","quantity":50}]';
const NUMBER_LOST = 'is a number that would not come back as it was sent: send it as a string';
const SENT_TWICE = 'was sent more than once in one object: send it once';

interface Answer {
  readonly text: string;
  readonly code: unknown;
  readonly message: unknown;
  readonly metadata: unknown;
  readonly replayed: unknown;
}

let bench: Bench;
let app: TestApp;
let token: string;
let userId: string;
/** The domain on the same database. What is sent to it was read from JSON already, as by the releases before. */
let before: DomainServices;
let socket: WebSocket;
const waiting = new Map<string, (answer: Answer) => void>();
let made = 0;
const next = (): string => `sent-${(made += 1)}`;

beforeAll(async () => {
  bench = await Bench.open();
  app = await bench.server();
  before = await bench.services({ clock: systemClock });
  token = await tokenOf('precise');
  const { data } = await send(app.url, token, '{ viewer { user { id } } }');
  userId = (data as never as { viewer: { user: { id: string } } }).viewer.user.id;
  socket = new WebSocket(app.socketUrl, 'graphql-transport-ws');
  await once(socket, 'open');
  socket.on('message', (bytes: Buffer) => {
    const text = bytes.toString();
    const { id = 'init', type, payload } = JSON.parse(text) as { id?: string; type: string; payload: never };
    if (type === 'complete') return;
    waiting.get(id)?.(answerOf(text, type === 'error' ? { errors: payload } : (payload ?? {})));
  });
  await told('init', `{"type":"connection_init","payload":{"authorization":"${token}"}}`);
});

afterAll(async () => {
  socket.terminate();
  await bench.close();
});

interface Result {
  readonly data?: { readonly consumeCredits?: { replayed?: boolean; records?: { metadata: unknown }[] } } | null;
  readonly errors?: readonly { readonly message: string; readonly extensions: { readonly code: string } }[];
}

function answerOf(text: string, { data, errors }: Result): Answer {
  const { replayed, records } = data?.consumeCredits ?? {};
  const [error] = errors ?? [];
  return { text, code: error?.extensions.code, message: error?.message, metadata: records?.[0]?.metadata, replayed };
}

function told(id: string, message: string): Promise<Answer> {
  return new Promise((resolve) => {
    waiting.set(id, resolve);
    socket.send(message);
  });
}

async function post(body: string | Buffer): Promise<Answer> {
  const response = await fetch(app.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body,
  });
  const text = await response.text();
  return answerOf(text, JSON.parse(text) as Result);
}

const bodyOf = (query: string, variables: string): string =>
  `{"query":${JSON.stringify(query)},"variables":${variables}}`;
const inputOf = (metadata: string, key: string): string =>
  `{"idempotencyKey":"${key}","lines":${LINES},"metadata":${metadata}}`;
const literalOf = (json: string): string => json.replaceAll(/"(\w+)":/g, '$1:');
const inLiteral = (metadata: string, key: string, variables = ''): string =>
  `mutation ${variables} { consumeCredits(input: { idempotencyKey: "${key}", lines: [{ resource: AI_TOKENS, quantity: 50 }], metadata: ${metadata} }) { ${SHOWN} } }`;

/** Every way that metadata comes, given as JSON. */
const WAYS: Readonly<Record<string, (metadata: string, key?: string) => Promise<Answer>>> = {
  'in a variable over HTTP': (metadata, key = next()) =>
    post(bodyOf(BY_VARIABLE, `{"input":${inputOf(metadata, key)}}`)),
  'in a variable of its own': (metadata, key = next()) =>
    post(bodyOf(inLiteral('$m', key, '($m: JSONObject)'), `{"m":${metadata}}`)),
  'in a variable over a socket': (metadata, key = next()) => {
    const id = next();
    const payload = bodyOf(BY_VARIABLE, `{"input":${inputOf(metadata, key)}}`);
    return told(id, `{"id":"${id}","type":"subscribe","payload":${payload}}`);
  },
  'as a literal over HTTP': (metadata, key = next()) => post(bodyOf(inLiteral(literalOf(metadata), key), '{}')),
  'as a literal over a socket': (metadata, key = next()) => {
    const id = next();
    const payload = bodyOf(inLiteral(literalOf(metadata), key), '{}');
    return told(id, `{"id":"${id}","type":"subscribe","payload":${payload}}`);
  },
  'as the default of a variable': (metadata, key = next()) =>
    post(bodyOf(inLiteral('$m', key, `($m: JSONObject = ${literalOf(metadata)})`), '{}')),
};
const overHttp = (metadata: string, key?: string): Promise<Answer> => sendBy('in a variable over HTTP', metadata, key);
const asLiteral = (metadata: string, key?: string): Promise<Answer> => sendBy('as a literal over HTTP', metadata, key);

function sendBy(way: string, metadata: string, key?: string): Promise<Answer> {
  const by = WAYS[way];
  if (by === undefined) throw new Error(`there is no way ${way}`);
  return by(metadata, key);
}

const KEPT = ['0', '5', '-5', '1.0', '1e2', '0.1', '1.50', '0e5', '0.0', '1e-7', '5e-324', '3.141592653589793']
  .concat(['0.30000000000000004', '9007199254740991', '-9007199254740991', '1500000000000000e-3'])
  .concat(['"1983516295378495150"', '"1e400"', '"-0"']);
const LOST = ['1983516295378495150', '1983516295378495200', '9007199254740992', '-9007199254740993', '1e400', '-1e400']
  .concat(['1e21', '-0', '-0.0', '-0e7', '0.1000000000000000001', '3.14159265358979323846', '1e-400', '-1e-400'])
  .concat(['4.9e-324', '9007199254740991.4', '123456789.123456789']);

describe.each(Object.keys(WAYS))('metadata %s', (way) => {
  it('comes back as it was sent, by value and not by spelling', async () => {
    for (const source of KEPT) {
      const { metadata, code } = await sendBy(way, `{"a":${source},"b":[${source},{"c":${source}}]}`);
      const value: unknown = JSON.parse(source);
      expect({ source, code, metadata }).toEqual({ source, metadata: { a: value, b: [value, { c: value }] } });
    }
  });

  it('is refused where a number would come back as another', async () => {
    for (const source of LOST) {
      const answer = await sendBy(way, `{"a":${source}}`);
      expect({ source, code: answer.code, message: answer.message }).toEqual({
        source,
        code: 'BAD_USER_INPUT',
        message: `metadata.a ${NUMBER_LOST}`,
      });
    }
  });

  it('is refused with the path to the number', async () => {
    const { code, message } = await sendBy(
      way,
      '{"order":{"items":[1,[],{"n":0.5,"id":1983516295378495150}]},"z":1e400}',
    );
    expect([code, message]).toEqual(['BAD_USER_INPUT', `metadata.order.items[2].id ${NUMBER_LOST}`]);
  });

  it('keeps members whose names mean something to the language of the server', async () => {
    const json = '{"__proto__":{"a":1},"constructor":{"prototype":[2]},"toString":"x","b":{"__proto__":null}}';
    const { text, code } = await sendBy(way, json);
    expect(code).toBeUndefined();
    const kept = text.slice(text.indexOf('"metadata":') + '"metadata":'.length);
    for (const part of [
      '"__proto__":{"a":1}',
      '"constructor":{"prototype":[2]}',
      '"toString":"x"',
      '"b":{"__proto__":null}',
    ]) {
      expect(kept).toContain(part);
    }
    expect('a' in {}).toBe(false);
  });
});

it('what was kept is listed as it was sent', async () => {
  const json = `{"all":[${KEPT.join(',')}],"__proto__":{"é😀":"\\u2028"}}`;
  expect(await overHttp(json)).toMatchObject({ replayed: false });
  const { data } = await send(
    app.url,
    token,
    '{ viewer { user { usage(first: 1) { edges { node { metadata } } } } } }',
  );
  const { usage } = (data as never as { viewer: { user: { usage: { edges: { node: object }[] } } } }).viewer.user;
  expect(usage.edges).toEqual([{ node: { metadata: JSON.parse(json) as unknown } }]);
});

it('a refusal charges nothing, and its key is free for what can be kept', async () => {
  const key = next();
  for (const id of ['1983516295378495150', '1983516295378495151']) {
    expect(await overHttp(`{"id":${id}}`, key)).toMatchObject({ code: 'BAD_USER_INPUT' });
  }
  expect(await overHttp('{"id":"1983516295378495150"}', key)).toMatchObject({
    replayed: false,
    metadata: { id: '1983516295378495150' },
  });
  expect(await overHttp('{"id":"1983516295378495151"}', key)).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
});

it('names that are no words are quoted in the path, and long paths are cut', async () => {
  expect(await overHttp('{"a b":{"\\u0022":-0}}')).toMatchObject({
    message: `metadata["a b"]["\\""] ${NUMBER_LOST}`,
  });
  const { message } = await overHttp(`{"${'x'.repeat(3_000)}":-0}`);
  expect(String(message)).toHaveLength(200 + `… ${NUMBER_LOST}`.length);
});

it('spoils nothing else of a batch', async () => {
  const query = `mutation ($inputs: [ConsumeCreditsInput!]!) { consumeCreditsBatch(inputs: $inputs) {
    __typename ... on ConsumeCreditsSuccess { records { metadata } } ... on UsageRejected { code message }
  } }`;
  const items = ['{"id":1}', '{"id":1983516295378495150}', '{"id":1,"id":2}', '{"id":2}'];
  const { text } = await post(bodyOf(query, `{"inputs":[${items.map((each) => inputOf(each, next())).join(',')}]}`));
  const [success, rejected] = ['ConsumeCreditsSuccess', 'UsageRejected'];
  expect(JSON.parse(text)).toEqual({
    data: {
      consumeCreditsBatch: [
        { __typename: success, records: [{ metadata: { id: 1 } }] },
        { __typename: rejected, code: 'BAD_USER_INPUT', message: `metadata.id ${NUMBER_LOST}` },
        { __typename: rejected, code: 'BAD_USER_INPUT', message: `metadata.id ${SENT_TWICE}` },
        { __typename: success, records: [{ metadata: { id: 2 } }] },
      ],
    },
  });
});

describe('a member that is sent twice', () => {
  it.each([
    ['{"a":1,"a":2}', 'metadata.a'],
    ['{"a":1,"b":{"c":[{"d":1,"d":1}]}}', 'metadata.b.c[0].d'],
    ['{"a":1,"\\u0061":1}', 'metadata.a'],
    ['{"a":{"x":1e400},"a":{"x":1}}', 'metadata.a'],
    ['{"a":[1,[2]],"b":0,"a":null}', 'metadata.a'],
    ['{"__proto__":1,"__proto__":2}', 'metadata.__proto__'],
  ])('of %s is refused', async (json, place) => {
    expect(await overHttp(json)).toMatchObject({ code: 'BAD_USER_INPUT', message: `${place} ${SENT_TWICE}` });
    expect(await sendBy('in a variable over a socket', json)).toMatchObject({
      code: 'BAD_USER_INPUT',
      message: `${place} ${SENT_TWICE}`,
    });
  });

  it.each([
    ['the metadata', () => inputOf('{"a":1},"metadata":{"b":1}', next())],
    ['the metadata, at last null', () => inputOf('{"a":1},"metadata":null', next())],
    ['the input', () => `${inputOf('{"a":1}', next())},"input":${inputOf('{"a":2}', next())}`],
  ])('is refused when it is %s', async (_, input) => {
    expect(await post(bodyOf(BY_VARIABLE, `{"input":${input()}}`))).toMatchObject({
      code: 'BAD_USER_INPUT',
      message: `metadata ${SENT_TWICE}`,
    });
  });

  it('is refused in a literal as no GraphQL', async () => {
    expect(await asLiteral('{"a":1,"a":2}')).toMatchObject({ code: 'GRAPHQL_VALIDATION_FAILED' });
  });

  it('is nobody’s business elsewhere', async () => {
    const input = inputOf('{"a":1}', next());
    const variables = `{"x":1983516295378495150,"y":{"a":1,"a":[-0,{"b":1e400}]},"input":${input},"z":{"b":2,"b":3}}`;
    expect(await post(bodyOf(BY_VARIABLE, variables))).toMatchObject({ metadata: { a: 1 } });
    expect(await overHttp('null')).toMatchObject({ metadata: null, replayed: false });
  });
});

it('text that is not UTF-8 is refused, and not kept with other characters', async () => {
  const body = (name: string): string => bodyOf(BY_VARIABLE, `{"input":${inputOf(`{"name":"${name}"}`, next())}}`);
  expect(await post(Buffer.from(body('Müller'), 'latin1'))).toMatchObject({
    code: 'BAD_USER_INPUT',
    message: 'metadata.name is not well-formed UTF-8',
  });
  expect(await post(Buffer.from(body('Müller \ufffd')))).toMatchObject({ metadata: { name: 'Müller \ufffd' } });
});

describe('a variable inside of a literal', () => {
  const inside = (type: string, variables: string): Promise<Answer> =>
    post(bodyOf(inLiteral('{ a: [1, $v] }', next(), `($v: ${type})`), variables));

  it.each([
    ['Float', '{"v":3.14159265358979323846}', 'metadata.a[1]'],
    ['Int', '{"v":1.00000000000000000001}', 'metadata.a[1]'],
    ['ID', '{"v":1983516295378495150}', 'metadata.a[1]'],
    ['JSONObject', '{"v":{"b":[1e400]}}', 'metadata.a[1].b[0]'],
    ['Float = 3.14159265358979323846', '{}', 'metadata.a[1]'],
    ['JSONObject = {b: -0}', '{}', 'metadata.a[1].b'],
  ])('of the type %s, as %s, is refused at its place', async (type, variables, place) => {
    expect(await inside(type, variables)).toMatchObject({ code: 'BAD_USER_INPUT', message: `${place} ${NUMBER_LOST}` });
  });

  it.each([
    ['Float', '{"v":0.5}', 0.5],
    ['ID', '{"v":"1983516295378495150"}', '1983516295378495150'],
    ['ID = 1983516295378495150', '{}', '1983516295378495150'],
    ['JSONObject', '{"v":{"b":1}}', { b: 1 }],
    ['Float = 0.5', '{}', 0.5],
  ])('of the type %s, as %s, is kept', async (type, variables, value) => {
    expect(await inside(type, variables)).toMatchObject({ metadata: { a: [1, value] } });
  });

  it.each([
    ['DateTime', '{"v":"2026-01-31T12:00:00+02:00"}'],
    ['DateTime = "2026-01-31T12:00:00+02:00"', '{}'],
    ['UsageResource', '{"v":"AI_TOKENS"}'],
    ['[BillingEntityInput!]', '{"v":{"billingEntityId":"x"}}'],
  ])('of the type %s, which would be kept as another value, is refused', async (type, variables) => {
    expect(await inside(type, variables)).toMatchObject({
      code: 'BAD_USER_INPUT',
      message:
        'metadata.a[1] is a variable of a type that is not kept as it is sent: declare it as JSONObject, String, Boolean, Int, Float or ID',
    });
  });

  it('of a type that is no JSON is wrong input, and no failure', async () => {
    expect(await inside('Credits', '{"v":5}')).toMatchObject({ code: 'BAD_USER_INPUT' });
  });
});

describe('a key that the last release wrote', () => {
  const principal = (): Principal => ({
    kind: 'USER',
    subject: 'precise',
    billingEntityId: userId,
    expiresAt: new Date(Date.now() + 3_600_000),
  });

  /** Charges use with metadata as it was read then, and proves that its key was kept with the digest of that reading. */
  async function charged(json: string, { key, reservationId }: { key: string; reservationId?: string }): Promise<void> {
    const metadata = JSON.parse(json) as Record<string, unknown>;
    const { kind } = await before.consumption.consume(principal(), {
      idempotencyKey: key,
      lines: [{ resource: 'AI_TOKENS', quantity: 50n }],
      userExternalId: null,
      organizationExternalId: null,
      apiKeyId: null,
      feature: null,
      reservationId: reservationId ?? null,
      occurredAt: null,
      metadata,
    });
    expect(kind).toBe('success');
    if (reservationId !== undefined) return;
    const { rows } = await bench
      .admin()
      .query<{ fingerprint: Buffer }>('select fingerprint from ledger_entry where idempotency_key = $1', [key]);
    const input = `["consume","${userId}",[["AI_TOKENS","50"]],null,${JSON.stringify(metadata)}]`;
    expect(rows.map(({ fingerprint }) => fingerprint.toString('hex'))).toEqual([
      createHash('sha256').update(input).digest('hex').slice(0, 32),
    ]);
  }

  it.each(['{"id":1983516295378495150}', '{"a":1e400}', '{"a":-0}', '{"a":0.1000000000000000001}'])(
    'with %s goes on answering, however the same comes again',
    async (json) => {
      const key = next();
      await charged(json, { key });
      for (const way of Object.keys(WAYS)) {
        expect(await sendBy(way, json, key)).toMatchObject({
          replayed: true,
          // As it was read then.
          metadata: JSON.parse(JSON.stringify(JSON.parse(json))) as unknown,
        });
      }
      expect(await overHttp('{"id":1983516295378495999}', key)).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
      expect(await overHttp(json)).toMatchObject({ code: 'BAD_USER_INPUT' });
    },
  );

  it('goes on answering where a member was sent twice', async () => {
    const key = next();
    await charged('{"a":1,"a":2}', { key });
    expect(await overHttp('{"a":1,"a":2}', key)).toMatchObject({ replayed: true, metadata: { a: 2 } });
  });

  it('goes on answering for a settlement', async () => {
    const [key, holdKey] = [next(), next()];
    const { data } = await send(
      app.url,
      token,
      'mutation ($input: ReserveCreditsInput!) { reserveCredits(input: $input) { ... on ReserveCreditsSuccess { reservation { id } } } }',
      { input: { idempotencyKey: holdKey, lines: [{ resource: 'AI_TOKENS', quantity: 100 }], ttlSeconds: 600 } },
    );
    const { id } = (data as never as { reserveCredits: { reservation: { id: string } } }).reserveCredits.reservation;
    const settle = (metadata: string, idempotencyKey: string): Promise<Answer> =>
      post(
        bodyOf(
          BY_VARIABLE,
          `{"input":{"idempotencyKey":"${idempotencyKey}","reservationId":"${id}","lines":${LINES},"metadata":${metadata}}}`,
        ),
      );
    const json = '{"id":1983516295378495150}';
    expect(await settle(json, key)).toMatchObject({ code: 'BAD_USER_INPUT', message: `metadata.id ${NUMBER_LOST}` });
    await charged(json, { key, reservationId: id });
    expect(await settle(json, key)).toMatchObject({ replayed: true, metadata: { id: 1983516295378495200 } });
    expect(await settle('{"id":"other"}', key)).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  });
});
