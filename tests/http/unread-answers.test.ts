/** Clients that ask and do not read, on sockets of their own: what they are held to, and what others notice of it. */
import { connect, type Socket } from 'node:net';
import { post, sampleToken, startEdges, until } from '../support/edges.ts';
import type { Edges } from '../support/edges.ts';

const MEBI = 1024 * 1024;
const WRITE_STALL_MS = 1500;

const running: Edges[] = [];
async function edgesWith(env: Record<string, string> = {}): Promise<Edges> {
  const edges = await startEdges({
    env: { WRITE_STALL_MS: String(WRITE_STALL_MS), RATE_LIMIT_ANONYMOUS: '0', ...env },
  });
  running.push(edges);
  return edges;
}
afterAll(() => Promise.all(running.map(({ server }) => server.drain())));

/** More than kernels keep between a server and a client that does not read. */
const LONG = 12 * MEBI;
const longQuery = `{ long(bytes: ${LONG}) }`;
/** Forty of them are. */
const SHORT = 256 * 1024;

function requestOf(query: string, headers: Record<string, string> = {}): string {
  const body = JSON.stringify({ query });
  const lines = Object.entries({
    host: '127.0.0.1',
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}`);
  return ['POST /graphql HTTP/1.1', ...lines, '', body].join('\r\n');
}

interface Mute {
  readonly socket: Socket;
  readonly closed: Promise<void>;
}

/** Sends, and reads nothing. */
async function mute(edges: Edges, bytes: string): Promise<Mute> {
  const socket = connect({ port: Number(new URL(edges.url).port), host: '127.0.0.1' }).pause();
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  socket.write(bytes);
  return { socket, closed };
}

/** A socket that does not read never hears that it was cut. */
async function hear({ socket, closed }: Mute): Promise<void> {
  socket.resume();
  await closed;
}

async function unreadBytes(edges: Edges): Promise<number> {
  const text = await edges.metrics.registry.metrics();
  return Number(/^tollgate_unread_bytes (\d+)$/m.exec(text)?.[1]);
}

describe('answers that nobody reads', () => {
  it('of strangers are bounded together, and refused beyond that; others are served', async () => {
    const edges = await edgesWith({ WRITE_STALL_MS: '60000', UNREAD_BYTES_ANONYMOUS: String(8 * MEBI) });
    const authorization = `Bearer ${await sampleToken()}`;
    const mutes = [await mute(edges, requestOf(longQuery))];
    await until(async () => (await unreadBytes(edges)) >= LONG);
    for (let at = 0; at < 100; at += 1) mutes.push(await mute(edges, requestOf(longQuery)));
    const refused = await post(edges, { query: '{ hello }' });
    expect([refused.status, refused.body.errors[0].extensions.code]).toEqual([429, 'RATE_LIMITED']);
    expect(refused.headers.get('retry-after')).toBe('1');
    const served = await post(edges, { query: longQuery }, { authorization });
    expect(served.body.data.long).toHaveLength(LONG);
    // One that was admitted while nothing waited, and the words of refusals.
    expect(await unreadBytes(edges)).toBeLessThan(LONG + MEBI);
    for (const { socket } of mutes) socket.destroy();
    await until(async () => (await unreadBytes(edges)) === 0);
    expect((await post(edges, { query: longQuery })).status).toBe(200);
  });

  it('of everybody together are bounded, and leave room for who reads', async () => {
    const edges = await edgesWith({ WRITE_STALL_MS: '60000', UNREAD_BYTES: String(64 * MEBI) });
    const mutes: Mute[] = [];
    for (let at = 0; at < 10; at += 1) {
      const authorization = `Bearer ${await sampleToken({ sub: `mute ${at}` })}`;
      mutes.push(await mute(edges, requestOf(longQuery, { authorization })));
    }
    const authorization = `Bearer ${await sampleToken({ sub: 'greedy' })}`;
    await until(async () => (await unreadBytes(edges)) >= 5 * LONG);
    const long = await post(edges, { query: longQuery }, { authorization });
    expect([long.status, long.body.errors[0].extensions.code]).toEqual([503, 'UNAVAILABLE']);
    expect((await post(edges, { query: '{ hello }' }, { authorization })).status).toBe(200);
    expect(await unreadBytes(edges)).toBeLessThanOrEqual(64 * MEBI);
    for (const { socket } of mutes) socket.destroy();
    await until(async () => (await unreadBytes(edges)) === 0);
    expect((await post(edges, { query: longQuery }, { authorization })).status).toBe(200);
  });

  it('count also where they wait behind each other on one connection, and not when it is gone', async () => {
    const edges = await edgesWith({ WRITE_STALL_MS: '60000', UNREAD_BYTES_ANONYMOUS: String(8 * MEBI) });
    // All of them are begun before the first answer is there.
    const pipelined = await mute(edges, requestOf(`{ long(bytes: ${SHORT}) }`).repeat(120));
    await until(async () => (await unreadBytes(edges)) > 6 * MEBI);
    // Of those that are refused the words wait as well.
    expect(await unreadBytes(edges)).toBeLessThan(9 * MEBI);
    expect((await post(edges, { query: '{ hello }' }, { authorization: `Bearer ${await sampleToken()}` })).status).toBe(
      200,
    );
    pipelined.socket.destroy();
    await until(async () => (await unreadBytes(edges)) === 0);
    expect((await post(edges, { query: '{ hello }' })).status).toBe(200);
  });

  it('are not those of a slow reader, however long it takes', async () => {
    const edges = await edgesWith();
    const { socket } = await mute(edges, requestOf(longQuery, { connection: 'close' }));
    let read = 0;
    const startedAt = performance.now();
    for await (const chunk of socket) {
      read += (chunk as Buffer).length;
      // Longer in all than anybody may leave everything unread: 12 MiB in some 190 pieces.
      if (performance.now() - startedAt < 3 * WRITE_STALL_MS) await new Promise((resolve) => setTimeout(resolve, 30));
    }
    expect(read).toBeGreaterThan(LONG);
  });

  it('are cut when nothing of them was taken for a while', async () => {
    const edges = await edgesWith();
    const silent = await mute(edges, requestOf(longQuery));
    await until(async () => (await unreadBytes(edges)) >= LONG);
    await until(async () => (await unreadBytes(edges)) === 0);
    await hear(silent);
    expect((await post(edges, { query: longQuery })).status).toBe(200);
  });

  it('of who sends on and on without reading are cut all the same', async () => {
    const edges = await edgesWith();
    const chatty = await mute(edges, requestOf(longQuery));
    await until(async () => (await unreadBytes(edges)) > 0);
    const sending = setInterval(() => chatty.socket.write('GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n'), 100);
    await until(async () => (await unreadBytes(edges)) === 0);
    clearInterval(sending);
    await hear(chatty);
  });
});
