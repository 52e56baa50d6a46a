/** Values as deep or as wide as a client likes to send them: wrong input, on every road and wherever they stand. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { Bench } from '../support/bench.ts';
import { send, type TestApp, tokenOf } from '../support/app.ts';

let bench: Bench;
let app: TestApp;
let token: string;
let made = 0;

beforeAll(async () => {
  bench = await Bench.open();
  app = await bench.server();
  token = await tokenOf('deep');
});

afterAll(() => bench.close());

/** Within what a document may hold; beyond its tokens, and beyond what any stack holds. */
const DEPTHS = [65, 400, 900, 30_000, 200_000];
const SHAPES = {
  objects: ['{"a":', '1', '}'],
  lists: ['[', '1', ']'],
  both: ['[{"a":', '"x"', '}]'],
} as const;

const nested = ([open, core, close]: readonly [string, string, string], depth: number): string =>
  `${open.repeat(depth)}${core}${close.repeat(depth)}`;
const asLiteral = (json: string): string => json.replaceAll('"a"', 'a');

const LINES = 'lines: [{ resource: AI_TOKENS, quantity: 0 }]';
const key = (): string => `deep-${(made += 1)}`;

interface Asked {
  readonly query: string;
  /** As JSON, which only a parser without a stack can read. */
  readonly variables: string;
}

/** Wherever a value can stand, as a literal and in a variable. */
const PLACES: Readonly<Record<string, (json: string) => Asked>> = {
  'metadata, literal': (json) => ({
    query: `mutation { consumeCredits(input: { idempotencyKey: "${key()}", ${LINES}, metadata: { m: ${asLiteral(json)} } }) { __typename } }`,
    variables: '{}',
  }),
  'metadata, variable': (json) => ({
    query: 'mutation ($input: ConsumeCreditsInput!) { consumeCredits(input: $input) { __typename } }',
    variables: `{"input":{"idempotencyKey":"${key()}","lines":[{"resource":"AI_TOKENS","quantity":0}],"metadata":{"m":${json}}}}`,
  }),
  'metadata, variable in a literal': (json) => ({
    query: `mutation ($m: JSONObject) { consumeCredits(input: { idempotencyKey: "${key()}", ${LINES}, metadata: $m }) { __typename } }`,
    variables: `{"m":{"m":${json}}}`,
  }),
  'a list, variable': (json) => ({
    query: `mutation ($lines: [UsageLineInput!]!) { consumeCredits(input: { idempotencyKey: "${key()}", lines: $lines }) { __typename } }`,
    variables: `{"lines":${json}}`,
  }),
  'a number, variable': (json) => ({
    query: `mutation ($q: SafeInt!) { consumeCredits(input: { idempotencyKey: "${key()}", lines: [{ resource: AI_TOKENS, quantity: $q }] }) { __typename } }`,
    variables: `{"q":${json}}`,
  }),
  'an instant, variable': (json) => ({
    query: `mutation ($at: DateTime) { consumeCredits(input: { idempotencyKey: "${key()}", ${LINES}, occurredAt: $at }) { __typename } }`,
    variables: `{"at":${json}}`,
  }),
  'a text, variable': (json) => ({
    query: `mutation ($k: String!) { consumeCredits(input: { idempotencyKey: $k, ${LINES} }) { __typename } }`,
    variables: `{"k":${json}}`,
  }),
};

async function overHttp({ query, variables }: Asked): Promise<unknown[]> {
  const response = await fetch(app.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: `{"query":${JSON.stringify(query)},"variables":${variables}}`,
  });
  const { errors = [] } = (await response.json()) as { errors?: { extensions: { code: unknown } }[] };
  return errors.map(({ extensions }) => extensions.code);
}

describe.each(Object.entries(PLACES))('%s', (place, make) => {
  it.each(Object.keys(SHAPES) as (keyof typeof SHAPES)[])('of deep %s is wrong input', async (shape) => {
    for (const depth of DEPTHS) {
      const codes = [...new Set(await overHttp(make(nested(SHAPES[shape], depth))))];
      // A document of more tokens than any may have is refused as one.
      const refusedAs =
        place.endsWith(', literal') && depth >= 900 ? /^(BAD_USER_INPUT|GRAPHQL_\w+_FAILED)$/ : /^BAD_USER_INPUT$/;
      expect({ depth, codes }).toEqual({ depth, codes: [expect.stringMatching(refusedAs)] });
    }
  });
});

it('a literal is as wrong where nothing of its kind belongs', async () => {
  for (const shape of Object.values(SHAPES)) {
    for (const depth of [65, 400, 900]) {
      const literal = asLiteral(nested(shape, depth));
      for (const query of [
        `mutation { consumeCredits(input: { idempotencyKey: ${literal}, ${LINES} }) { __typename } }`,
        `mutation { consumeCredits(input: ${literal}) { __typename } }`,
        `{ billingEntity(id: ${literal}) { id } }`,
        `query ($a: Int = ${literal}) { billingEntities(first: $a) { edges { cursor } } }`,
        `{ plans @skip(if: ${literal}) { code } }`,
      ]) {
        expect(await overHttp({ query, variables: '{}' })).not.toContain('INTERNAL_SERVER_ERROR');
      }
    }
  }
});

it('spoils nothing else of a batch, in literals and in variables', async () => {
  for (const depth of [65, 400, 30_000]) {
    const json = `{"m":${nested(SHAPES.objects, depth)}}`;
    const item = (metadata: string): string =>
      `{"idempotencyKey":"${key()}","lines":[{"resource":"AI_TOKENS","quantity":0}],"metadata":${metadata}}`;
    const query = `mutation ($inputs: [ConsumeCreditsInput!]!) { consumeCreditsBatch(inputs: $inputs) { __typename ... on UsageRejected { code } } }`;
    const response = await fetch(app.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: `{"query":${JSON.stringify(query)},"variables":{"inputs":[${item('{"a":1}')},${item(json)},${item('null')}]}}`,
    });
    const success = { __typename: 'ConsumeCreditsSuccess' };
    expect(await response.json()).toEqual({
      data: { consumeCreditsBatch: [success, { __typename: 'UsageRejected', code: 'BAD_USER_INPUT' }, success] },
    });
  }
  const literal = asLiteral(nested(SHAPES.objects, 400));
  const items = [`{ a: 1 }`, `{ m: ${literal} }`].map(
    (metadata) => `{ idempotencyKey: "${key()}", ${LINES}, metadata: ${metadata} }`,
  );
  const { data } = await send(
    app.url,
    token,
    `mutation { consumeCreditsBatch(inputs: [${items.join(', ')}]) { __typename } }`,
  );
  expect(data).toEqual({
    consumeCreditsBatch: [{ __typename: 'ConsumeCreditsSuccess' }, { __typename: 'UsageRejected' }],
  });
});

it('is wrong input over a socket, which goes on', async () => {
  const socket = new WebSocket(app.socketUrl, 'graphql-transport-ws');
  await once(socket, 'open');
  /** The first message of each operation, and of the socket itself. */
  const answers = new Map<string | undefined, (message: { type: string; payload: unknown }) => void>();
  socket.on('message', (text: Buffer) => {
    const message = JSON.parse(text.toString('utf8')) as { id?: string; type: string; payload: unknown };
    answers.get(message.id)?.(message);
  });
  const answer = (id: string | undefined, message: string): Promise<{ type: string; payload: unknown }> =>
    new Promise((resolve) => {
      answers.set(id, resolve);
      socket.send(message);
    });
  const init = `{"type":"connection_init","payload":{"authorization":"${token}"}}`;
  expect(await answer(undefined, init)).toMatchObject({ type: 'connection_ack' });
  const ask = ({ query, variables }: Asked): Promise<{ type: string; payload: unknown }> => {
    const id = key();
    const payload = `{"query":${JSON.stringify(query)},"variables":${variables}}`;
    return answer(id, `{"id":"${id}","type":"subscribe","payload":${payload}}`);
  };
  for (const depth of [65, 30_000]) {
    for (const make of Object.values(PLACES).slice(1)) {
      const { payload } = await ask(make(nested(SHAPES.objects, depth)));
      expect(JSON.stringify(payload)).toMatch(/"code":"BAD_USER_INPUT"/);
      expect(JSON.stringify(payload)).not.toMatch(/INTERNAL/);
    }
  }
  // Variables that nobody declared are nobody's business.
  const { data } = await send(app.url, token, '{ viewer { user { id } } }');
  const { id } = (data as never as { viewer: { user: { id: string } } }).viewer.user;
  const shown = await ask({
    query: 'subscription ($id: ID!) { balanceUpdated(billingEntityId: $id) { version } }',
    variables: `{"id":"${id}","more":${nested(SHAPES.lists, 30_000)}}`,
  });
  expect(shown).toMatchObject({ type: 'next', payload: { data: { balanceUpdated: {} } } });
  socket.terminate();
});

it('as many levels as may be are kept as they are', async () => {
  const metadata = JSON.parse(nested(SHAPES.objects, 63)) as object;
  const input = { idempotencyKey: key(), lines: [{ resource: 'AI_TOKENS', quantity: 0 }], metadata };
  const query =
    'mutation ($input: ConsumeCreditsInput!) { consumeCredits(input: $input) { ... on ConsumeCreditsSuccess { records { metadata } } } }';
  const { data } = await send(app.url, token, query, { input });
  expect(data).toEqual({ consumeCredits: { records: [{ metadata }] } });
});

it('wide values are wrong input, too', async () => {
  const wide = `{${Array.from({ length: 20_000 }, (_, index) => `"k${index}":1`).join(',')}}`;
  for (const [place, make] of Object.entries(PLACES)) {
    if (place.endsWith(', literal')) continue;
    expect([...new Set(await overHttp(make(wide)))]).toEqual(['BAD_USER_INPUT']);
  }
});
