import { connect } from 'node:net';
import { WebSocket } from 'ws';
import { post, sampleToken, SocketClient, startEdges, until } from '../support/edges.ts';
import type { Answer, Edges } from '../support/edges.ts';
import { floods } from '../support/sample-schema.ts';

describe('what is too much', () => {
  let edges: Edges;
  let token: string;
  const clients: SocketClient[] = [];
  beforeAll(async () => {
    edges = await startEdges({
      env: {
        SOCKET_INIT_TIMEOUT_MS: '300',
        SOCKET_BUFFER_BYTES: '1000000',
        BODY_BYTES: '2000000',
        ANONYMOUS_BODY_BYTES: '2000000',
      },
    });
    token = await sampleToken({ scope: 'billing:usage' });
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    // Whatever happened, the server goes on.
    expect((await fetch(`${edges.url}/readyz`)).status).toBe(200);
    expect((await post(edges, { query: '{ hello }' })).body).toEqual({ data: { hello: 'world' } });
  });
  afterAll(() => edges.server.drain());

  async function client(): Promise<SocketClient> {
    const made = new SocketClient(edges.socketUrl);
    clients.push(made);
    return made.connect(token);
  }

  const aliases = `{ ${Array.from({ length: 500 }, (_, at) => `a${at}: hello`).join(' ')} }`;
  const deep = `{ household ${'{ self '.repeat(28)}{ text }${' }'.repeat(28)} }`;
  it.each([
    ['500 aliases', aliases, 'GRAPHQL_VALIDATION_FAILED'],
    ['a depth of 30', deep, 'GRAPHQL_VALIDATION_FAILED'],
    ['a document of 1 MB', `{ hello } # ${'x'.repeat(1_000_000)}`, 'GRAPHQL_VALIDATION_FAILED'],
    ['a page of 101', '{ household { pets(first: 101) { edges { node { text } } } } }', 'BAD_USER_INPUT'],
    [
      'pages of pages',
      '{ household { pets(first: 100) { edges { node { pets(first: 100) { edges { node { text } } } } } } } }',
      'BAD_USER_INPUT',
    ],
  ])('%s is refused alike on both roads', async (_what, query, code) => {
    const answer = await post(edges, { query });
    expect([answer.status, answer.body.errors[0].extensions.code]).toEqual([400, code]);
    const message = await (await client()).run(query);
    expect([message.type, message.payload[0].extensions.code]).toEqual(['error', code]);
    expect(message.payload[0].message).toBe(answer.body.errors[0].message);
  });

  it('a body beyond the bound is answered 413, in JSON', async () => {
    const answer = await post(edges, { query: '{ hello }', variables: { x: 'x'.repeat(3_000_000) } });
    expect([answer.status, answer.body.errors[0].extensions.code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
  });

  it('a frame of 5 MB closes the socket with 1009', async () => {
    const greedy = await client();
    greedy.subscribe('1', '{ hello }', { x: 'x'.repeat(5_000_000) });
    expect((await greedy.closed).code).toBe(1009);
  });

  it('300 subscriptions on a socket: 100 run, each further one is told why not, and the socket stays', async () => {
    const eager = await client();
    for (let at = 0; at < 300; at += 1) eager.subscribe(`s${at}`, 'subscription { silence }');
    await until(() => eager.messages.filter(({ type }) => type === 'error').length === 200);
    expect(eager.messages.find(({ type }) => type === 'error')?.payload[0].extensions.code).toBe('RATE_LIMITED');
    expect((await edges.metrics.subscriptionsOpen.get()).values[0]?.value).toBe(100);
    expect((await eager.run('{ hello }')).payload).toEqual({ data: { hello: 'world' } });
    eager.send({ id: 's0', type: 'complete' });
    await until(async () => (await edges.metrics.subscriptionsOpen.get()).values[0]?.value === 99);
    eager.subscribe('again', 'subscription { count(to: 1) }');
    expect((await eager.next(({ id }) => id === 'again')).type).toBe('next');
    await eager.close();
    await until(async () => (await edges.metrics.subscriptionsOpen.get()).values[0]?.value === 0);
  });

  it('a foreign Origin is refused on both roads, our own is not', async () => {
    const origin = 'https://evil.example';
    const answer = await post(edges, { query: '{ hello }' }, { origin });
    expect([answer.status, answer.body.errors[0].extensions.code]).toEqual([403, 'FORBIDDEN']);
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    await expect(new SocketClient(edges.socketUrl, { origin }).opened()).rejects.toThrow('403');
    const ours = await post(edges, { query: '{ hello }' }, { origin: 'http://localhost:5173' });
    expect([ours.status, ours.headers.get('access-control-allow-origin')]).toEqual([200, 'http://localhost:5173']);
    const page = new SocketClient(edges.socketUrl, { origin: 'http://localhost:5173' });
    clients.push(await page.connect(token));
  });

  it('a socket that does not introduce itself is closed', async () => {
    const silent = new SocketClient(edges.socketUrl);
    await silent.opened();
    expect((await silent.closed).code).toBe(4408);
  });

  it.each([
    ['a binary frame', (socket: WebSocket) => socket.send(Buffer.from('{}')), 1003],
    ['invalid JSON', (socket: WebSocket) => socket.send('{'), 4400],
    ['an unknown message', (socket: WebSocket) => socket.send('{"type":"hello"}'), 4400],
    [
      'an operation before the introduction',
      (socket: WebSocket) => socket.send('{"id":"1","type":"subscribe","payload":{"query":"{ hello }"}}'),
      4401,
    ],
  ])('%s closes the socket', async (_what, misbehave, code) => {
    const rude = new SocketClient(edges.socketUrl);
    await rude.opened();
    misbehave(rude.socket);
    expect((await rude.closed).code).toBe(code);
  });

  it('a socket that does not name our protocol is closed, and another path has no sockets', async () => {
    expect((await new SocketClient(edges.socketUrl, { protocol: [] }).closed).code).toBe(4406);
    await expect(new SocketClient(edges.socketUrl.replace('/graphql', '/other')).opened()).rejects.toThrow('404');
  });

  it.each([[['graphql-ws']], [['graphql-ws', 'other']], [[]]])(
    'a client of another protocol (%j) hears which one to speak',
    async (protocol: string[]) => {
      const old = new SocketClient(edges.socketUrl, { protocol });
      // Without a protocol in the answer to its handshake, a browser would never read the reason.
      await old.opened();
      expect(await old.closed).toEqual({
        code: 4406,
        reason: 'Speak graphql-transport-ws (the package graphql-ws): subscriptions-transport-ws is not served',
      });
    },
  );

  it('a client that names our protocol and the old one speaks ours', async () => {
    const both = new SocketClient(edges.socketUrl, { protocol: ['graphql-ws', 'graphql-transport-ws'] });
    await both.opened();
    expect(both.socket.protocol).toBe('graphql-transport-ws');
    both.socket.close();
    await both.closed;
  });

  it('a reader that stops reading makes its subscription wait, and nothing grows', async () => {
    const slow = await client();
    const before = floods.sent;
    slow.socket.pause();
    slow.subscribe('1', 'subscription { flood }');
    // It comes to a halt: others are asked and answered again and again, and it sends nothing meanwhile.
    await until(async () => {
      const { sent } = floods;
      for (let round = 0; round < 5; round += 1) {
        expect((await post(edges, { query: '{ hello }' })).status).toBe(200);
      }
      return sent > before && floods.sent === sent;
    });
    slow.socket.resume();
    await until(() => slow.messages.length > 50);
    expect(slow.socket.readyState).toBe(WebSocket.OPEN);
    slow.send({ id: '1', type: 'complete' });
  });

  it('a reader that asks for much and reads nothing is cut off', async () => {
    const greedy = await client();
    greedy.socket.pause();
    for (let at = 0; at < 100; at += 1) greedy.subscribe(`${at}`, 'subscription { flood }');
    await until(async () => (await edges.metrics.socketsOpen.get()).values[0]?.value === 0);
    greedy.socket.resume();
    await greedy.closed;
  });

  const broken: [string, () => Promise<Answer>, number][] = [
    ['a malformed body', () => post(edges, '{"query": '), 400],
    ['an empty body', () => post(edges, ''), 400],
    ['a batch', () => post(edges, [{ query: '{ hello }' }]), 400],
    ['a body without a query', () => post(edges, { variables: {} }), 400],
    ['variables that are none', () => post(edges, { query: '{ hello }', variables: 'x' }), 400],
    ['another content type', () => post(edges, '{ hello }', { 'content-type': 'application/graphql' }), 415],
    ['another encoding', () => post(edges, '{}', { 'content-type': 'application/json; charset=utf-16' }), 415],
  ];
  it.each(broken)('%s is answered in JSON with a code', async (_what, send, status) => {
    const answer = await send();
    expect(answer.status).toBe(status);
    expect(answer.body.errors[0].extensions.code).toMatch(/^[A-Z_]+$/);
    expect(JSON.stringify(answer.body)).not.toMatch(/stack|node_modules|at /);
  });

  it('what is not HTTP is answered as far as that is possible', async () => {
    const text = await new Promise<string>((resolve) => {
      const socket = connect(Number(new URL(edges.url).port), '127.0.0.1', () => socket.write('NONSENSE\r\n\r\n'));
      let received = '';
      socket.on('data', (chunk) => (received += String(chunk)));
      socket.on('close', () => resolve(received));
    });
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toContain('"code":"BAD_REQUEST"');
  });
});

describe('rate limits', () => {
  let edges: Edges;
  beforeAll(async () => {
    edges = await startEdges({
      env: { RATE_LIMIT_USER: '5', RATE_LIMIT_ANONYMOUS: '3', RATE_LIMIT_WINDOW_SECONDS: '3600' },
    });
  });
  afterAll(() => edges.server.drain());

  it('count operations of a person over both roads, and say when to come back', async () => {
    const token = await sampleToken({ sub: 'hasty' });
    const client = await new SocketClient(edges.socketUrl).connect(token);
    for (let at = 0; at < 3; at += 1) expect((await client.run('{ hello }')).type).toBe('next');
    for (let at = 0; at < 2; at += 1) {
      expect((await post(edges, { query: '{ hello }' }, { authorization: `Bearer ${token}` })).status).toBe(200);
    }
    const answer = await post(edges, { query: '{ hello }' }, { authorization: `Bearer ${token}` });
    const { extensions } = answer.body.errors[0];
    expect([answer.status, extensions.code, extensions.retryable]).toEqual([429, 'RATE_LIMITED', true]);
    expect(extensions.retryAfterMs).toBeGreaterThan(0);
    expect(Number(answer.headers.get('retry-after'))).toBe(Math.ceil(extensions.retryAfterMs / 1000));
    const message = await client.run('{ hello }');
    expect([message.type, message.payload[0].extensions.code]).toEqual(['error', 'RATE_LIMITED']);
    await client.close();
  });

  it('leave others alone, and services altogether', async () => {
    const authorization = `Bearer ${await sampleToken({ sub: 'patient' })}`;
    expect((await post(edges, { query: '{ hello }' }, { authorization })).status).toBe(200);
    const service = `Bearer ${await sampleToken({ sub: 'hasty', scope: 'billing:usage' })}`;
    for (let at = 0; at < 10; at += 1) {
      expect((await post(edges, { query: '{ hello }' }, { authorization: service })).status).toBe(200);
    }
  });

  it('hold anonymous callers by address', async () => {
    const statuses = [];
    for (let at = 0; at < 5; at += 1) statuses.push((await post(edges, { query: '{ hello }' })).status);
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
  });
});
