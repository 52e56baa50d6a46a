/** The table of limits in the API guide: each row is gone beyond, just so, and what comes back is what the row says. */
import { readFile } from 'node:fs/promises';
import { type TestApp, tokenOf } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { SocketClient } from '../support/edges.ts';

interface Refused {
  readonly status?: number;
  readonly code: string;
  readonly message: string;
}

let bench: Bench;
let app: TestApp;
let token: string;
let service: string;
let id: string;

beforeAll(async () => {
  bench = await Bench.open();
  app = await bench.server();
  token = await tokenOf('ann');
  service = await tokenOf('platform', { scope: 'billing:usage' });
  const answer = (await (await post({ query: '{ viewer { user { id } } }' })).json()) as {
    data: { viewer: { user: { id: string } } };
  };
  id = answer.data.viewer.user.id;
});

afterAll(() => bench.close());

function post(body: unknown, bearer: string | null = token): Promise<Response> {
  return fetch(app.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(bearer !== null && { authorization: `Bearer ${bearer}` }) },
    body: JSON.stringify(body),
  });
}

interface Told {
  readonly message: string;
  readonly extensions: { readonly code: string };
}

async function refused(body: unknown, bearer?: string | null): Promise<Refused> {
  const response = await post(body, bearer);
  const { errors = [] } = (await response.json()) as { errors?: Told[] };
  const [first] = errors;
  return { status: response.status, code: first?.extensions.code ?? 'none', message: first?.message ?? '' };
}

const asked = (query: string, variables = {}): Promise<Refused> => refused({ query, variables });
const times = (count: number, text: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => text(at)).join(' ');
/** What a socket is told for operations that come all at once: the first errors. */
async function onSocket(messages: readonly { query: string; variables?: Record<string, unknown> }[]): Promise<Refused> {
  const socket = await new SocketClient(app.socketUrl).connect(service);
  for (const [at, payload] of messages.entries()) socket.send({ id: String(at), type: 'subscribe', payload });
  const { payload } = await socket.next(({ type }) => type === 'error');
  socket.socket.close();
  await socket.closed;
  const [first] = payload as Told[];
  return { code: first?.extensions.code ?? 'none', message: first?.message ?? '' };
}

const WATCH = 'subscription ($id: ID!) { balanceUpdated(billingEntityId: $id) { version } }';

/** How each limit is exceeded by as little as possible, by the name of its row. */
const EXCEED: Readonly<Record<string, () => Promise<Refused | { readonly close: number }>>> = {
  'bytes of a document': () => asked(`{ viewer { kind } } #${'x'.repeat(65_536 - 19)}`),
  'its tokens': () => asked(`{ viewer { kind ${'kind '.repeat(4_000)} } }`),
  'its depth, without introspection': () => asked(`{ ${deep(16)} }`),
  'its aliases': () => asked(`{ viewer { ${times(101, (at) => `a${at}: kind`)} } }`),
  'its root fields': () => asked(`{ ${'__typename '.repeat(51)} }`),
  'its fields': () => asked(`{ viewer { ${'kind '.repeat(1_000)} } }`),
  'its directives': () => asked(`{ viewer { kind ${'@include(if: true) '.repeat(51)} } }`),
  'lists within lists of an introspection': () =>
    asked('{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }'),
  '[the price](#prices) of an operation': () =>
    asked(
      '{ viewer { memberships { organization { usage(first: 100) { edges { node { id draws { credits } } } } } } } }',
    ),
  '`first` of a page': () =>
    asked('query ($id: ID!) { billingEntity(id: $id) { usage(first: 101) { edges { cursor } } } }', { id }),
  'items of a batch': () =>
    asked('mutation ($inputs: [ConsumeCreditsInput!]!) { consumeCreditsBatch(inputs: $inputs) { __typename } }', {
      inputs: Array.from({ length: 1_001 }, (_, at) => ({
        idempotencyKey: `k${at}`,
        lines: [{ resource: 'AI_TOKENS', quantity: 1 }],
      })),
    }),
  'bytes of a body': () => asked('{ __typename }', { x: 'x'.repeat(8 * 1024 * 1024) }),
  'the same without a token': () => refused({ query: '{ __typename }', variables: { x: 'x'.repeat(65_536) } }, null),
  'operations in a body': () => refused([{ query: '{ __typename }' }, { query: '{ __typename }' }]),
  'a subscription over HTTP': () => asked(WATCH, { id }),
  async 'operations in ten seconds'() {
    // The window may turn meanwhile, but not twice while so few are answered.
    for (let at = 0; at < 1_000; at += 1) {
      const answer = await refused({ query: '{ __typename }' }, null);
      if (answer.code !== 'none') return answer;
    }
    throw new Error('nothing was refused');
  },
  'subscriptions of a socket': () => onSocket(Array.from({ length: 101 }, () => ({ query: WATCH, variables: { id } }))),
  'their messages together': () =>
    onSocket(Array.from({ length: 5 }, () => ({ query: `${WATCH} #${'x'.repeat(60_000)}`, variables: { id } }))),
  'operations of a socket at one time': () =>
    onSocket(
      Array.from({ length: 2_000 }, () => ({
        query: 'query ($id: ID!) { billingEntity(id: $id) { credits { version } grants { edges { cursor } } } }',
        variables: { id },
      })),
    ),
  async 'a message of a socket'() {
    const socket = await new SocketClient(app.socketUrl).connect(service);
    socket.send({
      id: '1',
      type: 'subscribe',
      payload: { query: '{ __typename }', extensions: 'x'.repeat(4_900_000) },
    });
    return { close: (await socket.closed).code };
  },
};

/** A document that nests fields so deep. */
function deep(depth: number): string {
  return `viewer { ${'memberships { organization { '.repeat((depth - 2) / 2)}id ${'} } '.repeat((depth - 2) / 2)}}`;
}

interface Row {
  readonly name: string;
  readonly answer: string;
}

const guide = await readFile('docs/api.md', 'utf8');
const [, table = ''] = /\n\| limit \| default \| answer \|\n\|---\|---\|---\|\n((?:\|.*\|\n)+)/.exec(guide) ?? [];
const rows = table
  .trim()
  .split('\n')
  .map((line): Row => {
    const [, name = '', , answer = ''] = line.split('|').map((cell) => cell.trim());
    return { name, answer };
  });

it.each(rows)('$name', async ({ name, answer }) => {
  const exceed = EXCEED[name];
  if (exceed === undefined) throw new Error('the guide tells of a limit that nothing here exceeds');
  const told = await exceed();
  if ('close' in told) {
    expect(`close ${told.close}`).toBe(answer);
    return;
  }
  const [, status, code, message = ''] = /^(\d+)? ?`(\w+)` «(.*)»$/.exec(answer) ?? [];
  expect(told).toEqual({
    ...told,
    ...(status !== undefined && { status: Number(status) }),
    code,
    message: expect.stringMatching(
      new RegExp(`^${message.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('…', '.*')}$`),
    ) as string,
  });
});

it('each limit that is exceeded here has its row', () => {
  expect(rows.map(({ name }) => name)).toEqual(Object.keys(EXCEED));
});
