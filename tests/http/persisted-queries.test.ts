/** Clients with automatic persisted queries send a hash first, and the document beside it where the hash is not known. */
import { createHash } from 'node:crypto';
import { type Edges, startEdges } from '../support/edges.ts';

let edges: Edges;
beforeAll(async () => {
  edges = await startEdges();
});
afterAll(() => edges.server.drain());

const query = '{ hello }';
const extensions = {
  persistedQuery: { version: 1, sha256Hash: createHash('sha256').update(query).digest('hex') },
};

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

async function post(body: object): Promise<Answer> {
  const response = await fetch(`${edges.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

async function get(parameters: Record<string, string>): Promise<Answer> {
  const response = await fetch(`${edges.url}/graphql?${new URLSearchParams(parameters).toString()}`);
  return { status: response.status, body: await response.json() };
}

const world = { status: 200, body: { data: { hello: 'world' } } };
const notSupported = {
  status: 200,
  body: {
    errors: [
      expect.objectContaining({
        message: 'PersistedQueryNotSupported',
        extensions: expect.objectContaining({ code: 'PERSISTED_QUERY_NOT_SUPPORTED' }) as unknown,
      }) as unknown,
    ],
  },
};

it('a hash alone is answered as clients understand it: from then on they send documents', async () => {
  expect(await post({ extensions, variables: {} })).toEqual(notSupported);
  expect(await post({ query: '', extensions })).toEqual(notSupported);
  expect(await get({ extensions: JSON.stringify(extensions) })).toEqual(notSupported);
});

it('a hash with its document is executed', async () => {
  const name = 'query Named($skip: Boolean = false) { hello @skip(if: $skip) }';
  expect(await post({ query, extensions })).toEqual(world);
  expect(await post({ query: name, operationName: 'Named', variables: { skip: true }, extensions })).toEqual({
    status: 200,
    body: { data: {} },
  });
  expect(await get({ query, extensions: JSON.stringify(extensions) })).toEqual(world);
  expect(
    await get({
      query: name,
      variables: '{"skip":true}',
      operationName: 'Named',
      extensions: JSON.stringify(extensions),
    }),
  ).toEqual({ status: 200, body: { data: {} } });
});

it('a document is executed whatever is said of its hash, since nothing is kept under one', async () => {
  for (const persistedQuery of [{ version: 1, sha256Hash: 'f'.repeat(64) }, { version: 2 }, true]) {
    expect(await post({ query, extensions: { persistedQuery, more: 1 } })).toEqual(world);
  }
});

it('extensions that are none are refused as before', async () => {
  for (const wrong of ['text', 5, [extensions]]) {
    expect(await post({ query, extensions: wrong })).toMatchObject({ status: 400 });
    expect(await get({ query, extensions: JSON.stringify(wrong) })).toMatchObject({ status: 400 });
  }
  expect(await get({ query, extensions: '{persistedQuery' })).toMatchObject({ status: 400 });
});
