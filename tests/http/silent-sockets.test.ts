/** Sockets that say nothing, or too much of nothing: few, apart from the others, and soon gone. */
import { WebSocket } from 'ws';
import { Refusal } from '../../src/kernel/refusal.ts';
import { sampleToken, SocketClient, startEdges, until } from '../support/edges.ts';
import type { Edges, EdgesOptions } from '../support/edges.ts';
import { OPCODES, RawSocket } from '../support/raw-socket.ts';

const running: Edges[] = [];
async function edgesWith(options: EdgesOptions): Promise<Edges> {
  const edges = await startEdges(options);
  running.push(edges);
  return edges;
}
const clients: SocketClient[] = [];
const raws: RawSocket[] = [];
afterEach(async () => {
  for (const raw of raws.splice(0)) raw.connection.destroy();
  for (const client of clients.splice(0)) client.socket.terminate();
  await Promise.all(running.splice(0).map(({ server }) => server.drain()));
});

function socket(edges: Edges): SocketClient {
  const client = new SocketClient(edges.socketUrl);
  clients.push(client);
  return client;
}

async function raw(edges: Edges, localAddress?: string): Promise<RawSocket> {
  const made = await RawSocket.open(edges.socketUrl, localAddress);
  raws.push(made);
  return made;
}

const open = async (edges: Edges): Promise<number> => (await edges.metrics.socketsOpen.get()).values[0]?.value ?? 0;

describe('sockets that nobody is admitted on', () => {
  const env = {
    SOCKETS: '30',
    SOCKETS_UNADMITTED: '20',
    SOCKETS_UNADMITTED_PEER: '8',
    SOCKET_INIT_TIMEOUT_MS: '600000',
  };

  it('are few a peer and in all, and shut nobody out, wherever they come from', async () => {
    const edges = await edgesWith({ env });
    const token = await sampleToken();
    const first = await socket(edges).connect(token);
    for (let at = 0; at < 40; at += 1) await raw(edges);
    expect(await open(edges)).toBeLessThanOrEqual(1 + 8);
    // The same address, and one of its own: whoever introduces themselves is heard.
    await socket(edges).connect(token);
    for (let peer = 2; peer < 8; peer += 1) for (let at = 0; at < 8; at += 1) await raw(edges, `127.0.0.${peer}`);
    await until(async () => (await open(edges)) <= 2 + 20);
    const another = await socket(edges).connect(token);
    for (const client of [first, another]) expect((await client.run('{ hello }')).type).toBe('next');
  });

  it('make room for a newer one of the peer that has most, the one that has waited longest', async () => {
    const edges = await edgesWith({ env: { ...env, SOCKETS_UNADMITTED: '6', SOCKETS_UNADMITTED_PEER: '5' } });
    const lone = await raw(edges, '127.0.0.9');
    const many = [];
    for (let at = 0; at < 5; at += 1) many.push(await raw(edges));
    const newer = await raw(edges, '127.0.0.8');
    await many[0]?.closed;
    expect(many[0]?.closeCode).toBe(1013);
    expect([lone, newer, ...many.slice(1)].map(({ connection }) => connection.readableEnded)).toEqual(
      Array.from({ length: 6 }, () => false),
    );
  });

  it('may send little', async () => {
    const edges = await edgesWith({ env });
    const talker = await raw(edges);
    talker.send(OPCODES.text, 'x'.repeat(65_535));
    await talker.closed;
    await until(async () => (await open(edges)) === 0);
    // Not even in one message that never comes to its end.
    const slow = await raw(edges);
    slow.connection.write(
      Buffer.concat([Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0]), Buffer.alloc(70_000)]),
    );
    await slow.closed;
  });
});

describe('a socket that we close', () => {
  const bad = 'a token that is none';
  it.each<[string, number, (raw: RawSocket) => void]>([
    ['it said nothing', 4408, () => {}],
    ['its token is bad', 4403, (raw) => raw.message({ type: 'connection_init', payload: { authorization: bad } })],
    ['it gave none', 4401, (raw) => raw.message({ type: 'connection_init' })],
    ['it does not speak the protocol', 4400, (raw) => raw.message('{')],
    ['it sends a text in a text', 4400, (raw) => raw.message(JSON.stringify('{"type":"connection_init"}'))],
    ['its frames are binary', 1003, (raw) => raw.send(OPCODES.binary, '{}')],
    ['its frames are none', 1002, (raw) => raw.connection.write(Buffer.from([0xf1, 0x80, 0, 0, 0, 0]))],
    ['it closes by itself and then stays', 1000, (raw) => raw.send(OPCODES.close, Buffer.from([3, 232]))],
  ])('because %s is gone soon, whether it answers or not', async (_why, code, misbehave) => {
    const edges = await edgesWith({ env: { SOCKET_INIT_TIMEOUT_MS: '200' } });
    const made = await raw(edges);
    misbehave(made);
    // The machine may be busy; ws alone would wait for half a minute.
    await until(async () => (await open(edges)) === 0);
    await made.closed;
    expect(made.closeCode).toBe(code);
  });

  it('is not listened to any more', async () => {
    const edges = await edgesWith({});
    const made = await raw(edges);
    made.message({ type: 'connection_init', payload: { authorization: await sampleToken() } });
    await until(() => made.received.includes('connection_ack'));
    made.send(OPCODES.binary, '{}');
    made.message({ id: '1', type: 'subscribe', payload: { query: '{ gate }' } });
    await made.closed;
    expect([made.closeCode, edges.gate.entered]).toEqual([1003, 0]);
  });

  it('leaves no place taken when it goes while its token is looked at', async () => {
    const looking = Promise.withResolvers<void>();
    const principal = {
      kind: 'API_KEY' as const,
      subject: 'key_1',
      billingEntityId: 'a',
      apiKeyId: '1',
      expiresAt: new Date('2100-01-01'),
    };
    const edges = await edgesWith({
      env: { SOCKETS_API_KEY: '1' },
      authenticateKey: () => looking.promise.then(() => principal),
    });
    const gone = socket(edges);
    await gone.opened();
    gone.send({ type: 'connection_init', payload: { authorization: 'tg_live_x' } });
    await until(async () => (await open(edges)) === 1);
    await new Promise((resolve) => gone.socket.ping('', true, resolve));
    gone.socket.terminate();
    await until(async () => (await open(edges)) === 0);
    looking.resolve();
    await socket(edges).connect('tg_live_x');
    const refused = socket(edges);
    await expect(refused.connect('tg_live_x')).rejects.toThrow('closed');
    expect((await refused.closed).code).toBe(1013);
  });
});

describe('a principal', () => {
  it('holds so many sockets and no more, whatever its tokens, and takes nobody else’s', async () => {
    const edges = await edgesWith({ env: { SOCKETS_USER: '3' } });
    const tokens = [await sampleToken({ sub: 'eager' }), await sampleToken({ sub: 'eager', name: 'another token' })];
    const held = [];
    for (let at = 0; at < 3; at += 1) held.push(await socket(edges).connect(tokens[at % 2]));
    const further = socket(edges);
    await expect(further.connect(tokens[0])).rejects.toThrow('closed');
    expect((await further.closed).code).toBe(1013);
    await socket(edges).connect(await sampleToken({ sub: 'modest' }));
    const service = await sampleToken({ sub: 'eager', scope: 'billing:usage' });
    for (let at = 0; at < 5; at += 1) await socket(edges).connect(service);
    await held[0]?.close();
    await until(async () => (await open(edges)) === 2 + 1 + 5);
    await socket(edges).connect(tokens[1]);
  });

  it('that comes when all places are taken is told to come later', async () => {
    const edges = await edgesWith({ env: { SOCKETS: '2' } });
    const token = await sampleToken();
    const late = socket(edges);
    await late.opened();
    for (let at = 0; at < 2; at += 1) await socket(edges).connect(token);
    late.send({ type: 'connection_init', payload: { authorization: token } });
    expect((await late.closed).code).toBe(1013);
    await expect(socket(edges).opened()).rejects.toThrow('503');
  });
});

describe('messages that are no operations', () => {
  const env = { SOCKET_MESSAGES: '20', RATE_LIMIT_WINDOW_SECONDS: '3600' };
  const NOISE: readonly (readonly [string, (client: SocketClient) => void])[] = [
    ['pings of WebSocket', ({ socket }) => socket.ping()],
    ['pongs that nobody asked for', ({ socket }) => socket.pong()],
    ['pings of the protocol', (client) => client.send({ type: 'ping' })],
    ['pongs of the protocol', (client) => client.send({ type: 'pong' })],
    ['completes of what is not open', (client) => client.send({ id: 'x', type: 'complete' })],
  ];

  it.each(NOISE)('%s are counted: some are fine, many close the socket with 1008', async (_what, make) => {
    const edges = await edgesWith({ env });
    const client = await socket(edges).connect(await sampleToken());
    for (let at = 0; at < 15; at += 1) make(client);
    expect((await client.run('{ hello }')).type).toBe('next');
    for (let at = 0; at < 15; at += 1) make(client);
    expect((await client.closed).code).toBe(1008);
  });

  it('are counted together, and before anybody is admitted too', async () => {
    const edges = await edgesWith({ env });
    const client = socket(edges);
    await client.opened();
    for (let at = 0; at < 6; at += 1) for (const [, make] of NOISE) make(client);
    expect((await client.closed).code).toBe(1008);
  });

  it('do not count where a complete crossed ours, nor do operations and what belongs to them', async () => {
    const edges = await edgesWith({ env });
    const client = await socket(edges).connect(await sampleToken());
    for (let at = 0; at < 40; at += 1) {
      client.subscribe(`${at}`, '{ hello }');
      await client.next(({ id, type }) => id === `${at}` && type === 'complete');
      client.send({ id: `${at}`, type: 'complete' });
      client.subscribe('s', 'subscription { silence }');
      client.send({ id: 's', type: 'complete' });
    }
    expect((await client.run('{ hello }')).type).toBe('next');
    expect(client.socket.readyState).toBe(WebSocket.OPEN);
  });

  it('introduce a socket once', async () => {
    const edges = await edgesWith({});
    const token = await sampleToken();
    const client = await socket(edges).connect(token);
    client.send({ type: 'connection_init', payload: { authorization: token } });
    expect((await client.closed).code).toBe(4429);
  });
});

it('a key that is refused is so with the same code, however long it is looked at', async () => {
  const looked = Promise.withResolvers<void>();
  const edges = await edgesWith({
    env: { SOCKET_INIT_TIMEOUT_MS: '100' },
    authenticateKey: async () => {
      await looked.promise;
      throw new Refusal('UNAUTHENTICATED', 'no');
    },
  });
  const client = socket(edges);
  await client.opened();
  client.send({ type: 'connection_init', payload: { authorization: 'tg_live_x' } });
  // The time of one that came later is over by then.
  const later = socket(edges);
  await later.opened();
  expect((await later.closed).code).toBe(4408);
  looked.resolve();
  expect((await client.closed).code).toBe(4403);
});
