/** Sockets whose owner does not read: what waits for them is bounded, by what they are and by how long it waits. */
import { createServer, connect, type Socket } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { systemScheduler } from '../../src/kernel/scheduler.ts';
import { FrameWriter } from '../../src/http/frame-writer.ts';
import { UnreadBytes } from '../../src/http/unread-bytes.ts';
import { post, sampleToken, SocketClient, startEdges, until } from '../support/edges.ts';
import type { Edges } from '../support/edges.ts';

describe('a socket whose owner does not read', () => {
  let edges: Edges;
  const clients: SocketClient[] = [];
  afterEach(async () => {
    for (const client of clients.splice(0)) client.socket.terminate();
    await edges.server.drain();
  });

  async function paused(sub: string, streams: number): Promise<SocketClient> {
    const client = await new SocketClient(edges.socketUrl).connect(await sampleToken({ sub }));
    clients.push(client);
    client.socket.pause();
    for (let at = 0; at < streams; at += 1) client.subscribe(`${at}`, 'subscription { flood }');
    return client;
  }

  const open = async (): Promise<number> => (await edges.metrics.socketsOpen.get()).values[0]?.value ?? 0;

  it('is cut when what it was sent has waited for so long, though it is little', async () => {
    edges = await startEdges({ env: { WRITE_STALL_MS: '1000' } });
    await paused('stalled', 1);
    const reading = await new SocketClient(edges.socketUrl).connect(await sampleToken());
    clients.push(reading);
    await until(async () => (await open()) === 1);
    expect((await reading.run('{ hello }')).type).toBe('next');
  });

  it('shares one bound with all others of its principal, and nobody else feels it', async () => {
    edges = await startEdges({
      env: { WRITE_STALL_MS: '600000', UNREAD_BYTES_PRINCIPAL: '4000000', SOCKETS_USER: '100' },
    });
    const modest = await paused('modest', 1);
    for (let at = 0; at < 12; at += 1) await paused('greedy', 20);
    // Each of the twelve alone stays below what a socket may have waiting.
    await until(async () => (await open()) < 1 + 12);
    const other = await new SocketClient(edges.socketUrl).connect(await sampleToken({ sub: 'other' }));
    clients.push(other);
    expect((await other.run('{ hello }')).type).toBe('next');
    expect((await post(edges, { query: '{ hello }' })).status).toBe(200);
    modest.socket.resume();
    await until(() => modest.messages.length > 100);
  });
});

describe('what is written to a connection', () => {
  let server: ReturnType<typeof createServer>;
  let ours: Socket;
  let theirs: Socket;
  beforeEach(async () => {
    server = createServer();
    const [accepted] = await Promise.all([
      new Promise<Socket>((resolve) => server.once('connection', resolve)),
      once(server.listen(0, '127.0.0.1'), 'listening').then(() => {
        theirs = connect((server.address() as AddressInfo).port, '127.0.0.1');
      }),
    ]);
    ours = accepted;
    ours.on('error', () => {});
    theirs.on('error', () => {});
  });
  afterEach(() => {
    ours.destroy();
    theirs.destroy();
    server.close();
  });

  const unread = new UnreadBytes({ principal: 4_000_000, anonymous: 1_000_000, all: 100_000_000 });
  const stranger = unread.holderOf(null, '127.0.0.1');
  const ada = unread.holderOf(
    { kind: 'USER', subject: 'ada', billingEntityId: 'a', expiresAt: new Date('2100-01-01') },
    '127.0.0.1',
  );
  const frame = 'x'.repeat(100_000);

  function writer(stallMs: number) {
    const told: string[] = [];
    const made = new FrameWriter({
      connection: ours,
      unread,
      holder: stranger,
      stallMs,
      scheduler: systemScheduler,
      onStalled: () => told.push('stalled'),
      onOverflow: () => told.push('overflow'),
    });
    return { made, told };
  }

  /** Writes until so much waits. */
  async function fill(made: FrameWriter, bytes: number): Promise<void> {
    while (ours.writableLength < bytes) {
      void made.write(frame);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  it('counts for whom it is as long as it waits, and no longer', async () => {
    theirs.pause();
    const { made, told } = writer(600_000);
    made.writeFor(ada);
    await fill(made, 1_000_000);
    await until(() => unread.of(ada) === ours.writableLength);
    expect(unread.of(stranger)).toBe(0);
    made.writeFor(stranger);
    expect([unread.of(ada), unread.of(stranger)]).toEqual([0, ours.writableLength]);
    made.writeFor(ada);
    theirs.resume();
    await until(() => unread.all === 0);
    expect(ours.writableLength).toBe(0);
    theirs.pause();
    await fill(made, 1_000_000);
    expect(unread.all).toBeGreaterThan(0);
    made.dispose();
    ours.destroy();
    await once(ours, 'close');
    expect([unread.all, unread.holders, told]).toEqual([0, 0, expect.not.arrayContaining(['stalled'])]);
  });

  it('is known to stall where the oldest of it is not taken, though something is', async () => {
    theirs.pause();
    const { made, told } = writer(300);
    await fill(made, 500_000);
    // A reader of the slowest kind: it keeps the connection busy and takes next to nothing.
    const trickling = setInterval(() => void theirs.read(1), 20);
    await until(() => told.includes('stalled'));
    clearInterval(trickling);
    made.dispose();
  });

  it('is too much beyond the bound of whom it is for', async () => {
    theirs.pause();
    const { made, told } = writer(600_000);
    await fill(made, 900_000);
    expect(told).toEqual([]);
    await fill(made, 1_200_000);
    await until(() => told.includes('overflow'));
    made.dispose();
    expect(unread.all).toBe(0);
  });
});
