/** One POST, to receivers that behave as badly as they can, over real sockets. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { createPost, type Post, type PostOptions } from '../../../src/alerts/webhooks/post.ts';
import type { AttemptResult } from '../../../src/alerts/webhooks/schedule.ts';
import { systemScheduler } from '../../../src/kernel/scheduler.ts';
import { waitFor } from '../../support/wait-for.ts';
import { type Answer, type Certificate, certificateOf, Receiver, status } from './receiver.ts';

const NAME = 'hooks.example.com';
const BODY = Buffer.from('{"type":"webhook.test"}');
const open: { close(): Promise<unknown> }[] = [];
let certificate: Certificate;

beforeAll(async () => {
  certificate = await certificateOf(NAME);
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});

const here = async (): Promise<string[]> => ['127.0.0.1'];
const postWith = (options: Partial<PostOptions> = {}): Post =>
  createPost({
    ...{ allowLoopback: true, connectMs: 60_000, totalMs: 60_000, scheduler: systemScheduler, resolve: here },
    ca: [certificate.cert],
    ...options,
  });

function send(
  url: string,
  options: Partial<PostOptions> = {},
  signal = new AbortController().signal,
): Promise<AttemptResult> {
  return postWith(options)({ url: new URL(url), headers: { 'webhook-id': 'whd_1' }, body: BODY }, signal);
}

async function receiver(answer?: Answer, tls: Certificate | null = null): Promise<Receiver> {
  const opened = await Receiver.open(answer, tls);
  open.push(opened);
  return opened;
}

/** A server that speaks whatever it wants to. */
async function rawServer(onSocket: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    onSocket(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push({
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

describe('over TLS', () => {
  it('the receiver gets the exact bytes, under the name that it was asked for', async () => {
    const { url, received } = await (async () => {
      const opened = await receiver(undefined, certificate);
      return { url: opened.urlOf(NAME, '/a/b?c=d%20e'), received: opened.received };
    })();
    expect(await send(url)).toEqual({ kind: 'answered', status: 204 });
    expect(received).toMatchObject([{ path: '/a/b?c=d%20e', body: BODY, headers: { host: new URL(url).host } }]);
  });

  it('a certificate of another authority, of another name, or out of its time is refused before anything is sent', async () => {
    const old = { notBeforeDate: new Date('2020-01-01'), notAfterDate: new Date('2020-02-01') };
    const expired = await certificateOf(NAME, old);
    const other = await certificateOf('other.example.com');
    const cases: readonly [Certificate, string][] = [
      [await certificateOf(NAME), certificate.cert],
      [other, other.cert],
      [expired, expired.cert],
    ];
    for (const [presented, trusted] of cases) {
      const opened = await receiver(undefined, presented);
      const result = await send(opened.urlOf(NAME), { ca: [trusted] });
      expect(result).toMatchObject({
        kind: 'failed',
        error: expect.stringMatching(/^no TLS connection \([A-Z_]+\)$/) as string,
      });
      expect(opened.received).toEqual([]);
    }
  });

  it('a dot at the end of the name is none of the name in the certificate', async () => {
    const opened = await receiver(undefined, certificate);
    expect(await send(opened.urlOf(`${NAME}.`))).toEqual({ kind: 'answered', status: 204 });
  });

  it('a receiver that speaks no TLS is a failure', async () => {
    const opened = await receiver();
    expect(await send(`https://${NAME}:${opened.port}/`)).toMatchObject({ kind: 'failed' });
  });
});

describe('addresses', () => {
  it('a name that answers a private address the second time leads nowhere', async () => {
    const opened = await receiver(undefined, certificate);
    const answers = [['127.0.0.1'], ['10.0.0.1', '169.254.169.254', 'fd00::1', '::ffff:127.0.0.1']];
    const asked: string[] = [];
    const resolve = async (name: string): Promise<string[]> => {
      asked.push(name);
      return answers[asked.length - 1] ?? [];
    };
    const tried: unknown[] = [];
    const watched = ((options: Parameters<typeof connect>[0]) => {
      tried.push(options);
      return connect(options);
    }) as typeof connect;
    const post = postWith({ resolve, connect: watched });
    const posted = { url: new URL(opened.urlOf(NAME)), headers: {}, body: BODY };
    const results = [
      await post(posted, new AbortController().signal),
      await post(posted, new AbortController().signal),
    ];
    expect(results).toEqual([
      { kind: 'answered', status: 204 },
      { kind: 'failed', error: 'its address is not a public one' },
    ]);
    // A name is asked for once an attempt: what was checked is what is connected to.
    expect(asked).toEqual([NAME, NAME]);
    // Nothing inside was knocked at.
    expect(tried).toHaveLength(1);
    expect(opened.received).toHaveLength(1);
  });

  it('of several addresses only allowed ones are tried', async () => {
    const opened = await receiver(undefined, certificate);
    const resolve = async (): Promise<string[]> => ['10.255.255.1', '127.0.0.1', '::ffff:10.0.0.1'];
    expect(await send(opened.urlOf(NAME), { resolve })).toEqual({ kind: 'answered', status: 204 });
  });

  it('the peer that was really connected to is looked at before anything is sent', async () => {
    const opened = await receiver(undefined, certificate);
    const resolve = async (): Promise<string[]> => ['1.1.1.1'];
    // As a network would that leads a public address to a machine inside.
    const misled = (() => connect(opened.port, '127.0.0.1')) as typeof connect;
    const result = await send(opened.urlOf(NAME), { resolve, connect: misled, allowLoopback: false });
    expect(result).toEqual({ kind: 'failed', error: 'its address is not a public one' });
    expect(opened.received).toEqual([]);
    expect(await send(opened.urlOf(NAME), { resolve, connect: misled })).toEqual({ kind: 'answered', status: 204 });
  });

  it.each([
    'http://127.0.0.1',
    'https://127.0.0.1',
    'http://localhost',
    'https://[::ffff:127.0.0.1]',
    'https://0.0.0.0',
  ])('%s is not connected to where this machine is not allowed', async (origin) => {
    const opened = await receiver();
    const result = await send(`${origin}:${opened.port}/`, { allowLoopback: false });
    expect(result).toEqual({ kind: 'failed', error: 'its address is not a public one' });
    expect(opened.received).toEqual([]);
  });

  it('a name without an address, and a port where nobody listens, are failures with a code', async () => {
    const resolve = (): Promise<string[]> =>
      Promise.reject(Object.assign(new Error('queryA ENOTFOUND x'), { code: 'ENOTFOUND' }));
    expect(await send(`https://${NAME}/`, { resolve })).toEqual({
      kind: 'failed',
      error: 'its name has no address (ENOTFOUND)',
    });
    const opened = await Receiver.open();
    const { url } = opened;
    await opened.close();
    expect(await send(url)).toEqual({ kind: 'failed', error: 'no connection (ECONNREFUSED)' });
  });
});

describe('answers', () => {
  it('a redirect is the answer, and nobody goes where it leads', async () => {
    const target = await receiver();
    const opened = await receiver((response) => response.writeHead(307, { location: target.url }).end());
    expect(await send(opened.url)).toEqual({ kind: 'answered', status: 307 });
    expect(target.received).toEqual([]);
  });

  it.each([200, 301, 400, 410, 500, 503])('%i is told as it is', async (code) => {
    expect(await send((await receiver(status(code))).url)).toEqual({ kind: 'answered', status: code });
  });

  it('a body without an end is left after 64 KiB', async () => {
    let sent = 0;
    const flood: Answer = (response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(16_384))) sent += 16_384;
        if (!response.destroyed) response.once('drain', more);
      };
      response.writeHead(200);
      more();
    };
    const opened = await receiver(flood);
    expect(await send(opened.url)).toEqual({ kind: 'answered', status: 200 });
    // Sockets buffer some; it is no flood.
    expect(sent).toBeLessThan(64 * 1_048_576);
  });

  it('a body that comes without haste ends with the attempt’s time, and its status stands', async () => {
    const opened = await receiver((response) => response.writeHead(200).write('x'));
    expect(await send(opened.url, { totalMs: 200 })).toEqual({ kind: 'answered', status: 200 });
  });

  it.each([
    ['its head', 'HTTP/1.1 200 OK\r\n', 'x: y\r\n', { kind: 'failed', error: 'no answer within 0.3 s' }],
    ['its body', 'HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n', 'x', { kind: 'answered', status: 200 }],
  ] as const)(
    'a receiver that says %s a little at a time is left when the time is over',
    async (_, first, next, result) => {
      let closed = false;
      const url = await rawServer((socket) => {
        socket.write(first);
        const timer = setInterval(() => socket.write(next), 5);
        socket.on('close', () => {
          clearInterval(timer);
          closed = true;
        });
      });
      expect(await send(url, { totalMs: 300 })).toEqual(result);
      await waitFor(() => closed, 'the connection to be closed');
    },
  );

  it('a compressed body is not unpacked: what is read is bounded by what came', async () => {
    // 60 KB that would become 60 MB.
    const bomb = gzipSync(Buffer.alloc(60 * 1_048_576));
    expect(bomb.length).toBeLessThan(64 * 1_024);
    let asked: string | undefined;
    const opened = await receiver((response, { headers }) => {
      asked = headers['accept-encoding'];
      // It never ends: whoever unpacks it has had enough at once, and who does not waits for more.
      response.writeHead(200, { 'content-encoding': 'gzip' }).write(bomb);
    });
    const startedAt = performance.now();
    expect(await send(opened.url, { totalMs: 1_000 })).toEqual({ kind: 'answered', status: 200 });
    expect(performance.now() - startedAt).toBeGreaterThan(950);
    expect(asked).toBeUndefined();
  });

  it('a receiver that does not answer is left when the time is over', async () => {
    const opened = await receiver(() => undefined);
    expect(await send(opened.url, { totalMs: 200 })).toEqual({ kind: 'failed', error: 'no answer within 0.2 s' });
  });

  it('so is one that never finishes its head, and one that does not finish TLS', async () => {
    const slow = await rawServer((socket) => socket.write('HTTP/1.1 200 OK\r\nx: '));
    expect(await send(slow, { totalMs: 200 })).toEqual({ kind: 'failed', error: 'no answer within 0.2 s' });
    const mute = await rawServer(() => undefined);
    const result = await send(mute.replace('http:', 'https:'), { connectMs: 200 });
    expect(result).toEqual({ kind: 'failed', error: 'no connection within 0.2 s' });
  });

  it('a connection that is dropped in the middle is a failure', async () => {
    const dropped = await rawServer((socket) => socket.once('data', () => socket.destroy()));
    expect(await send(dropped)).toMatchObject({
      kind: 'failed',
      error: expect.stringMatching(/^(no answer|the connection ended)/) as string,
    });
    const half = await rawServer((socket) => socket.once('data', () => socket.end('HTTP/1.1 20')));
    expect(await send(half)).toMatchObject({ kind: 'failed' });
  });

  it.each([
    ['no HTTP', 'SSH-2.0-OpenSSH_9\r\n'],
    ['a head too large', `HTTP/1.1 200 OK\r\nx: ${'x'.repeat(40_000)}\r\n\r\n`],
    [
      'an upgrade that nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n',
    ],
  ])('%s is a failure', async (_what, text) => {
    const url = await rawServer((socket) => socket.once('data', () => socket.write(text)));
    expect(await send(url)).toMatchObject({ kind: 'failed' });
  });

  it('answers that are only provisional do not go on for ever', async () => {
    const url = await rawServer((socket) => {
      const timer = setInterval(() => socket.write('HTTP/1.1 102 Processing\r\n\r\n'), 5);
      socket.on('close', () => clearInterval(timer));
    });
    expect(await send(url, { totalMs: 200 })).toMatchObject({ kind: 'failed' });
  });

  it('what it says about errors holds nothing that was sent', async () => {
    const url = await rawServer((socket) => socket.once('data', (request: Buffer) => socket.end(request)));
    const result = await send(`${url}?token=hunter2`);
    expect(JSON.stringify(result)).not.toMatch(/hunter2|whd_1|webhook/);
  });
});

it('whoever stops it is told so, and leaves nothing open', async () => {
  let closed = false;
  const order = new AbortController();
  const opened = await receiver((_response, _received, request) => {
    request.socket.once('close', () => (closed = true));
    order.abort(new Error('the process stops'));
  });
  await expect(send(opened.url, {}, order.signal)).rejects.toThrow('the process stops');
  await waitFor(() => closed, 'the connection to be closed');
});
