/** What every route owes to those who come to it, seen from raw sockets: no client library tidies up what is sent here. */
import { connect } from 'node:net';
import { sampleToken, startEdges, until } from '../support/edges.ts';
import type { Edges } from '../support/edges.ts';

const running: Edges[] = [];
async function edgesWith(options: Parameters<typeof startEdges>[0] = {}): Promise<Edges> {
  const edges = await startEdges(options);
  running.push(edges);
  return edges;
}
afterAll(() => Promise.all(running.map(({ server }) => server.drain())));

/** Sends bytes and answers what came back until `isDone` says so, or the connection closed. */
function exchange(edges: Edges, bytes: string, isDone: (text: string) => boolean = () => false): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(edges.url).port), '127.0.0.1', () => socket.write(bytes));
    let text = '';
    socket.on('data', (chunk) => {
      text += String(chunk);
      if (isDone(text)) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
  });
}

interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: readonly string[];
  readonly body?: string;
}

/** A request that asks for the connection to be closed after it, unless it says what else to do with it. */
function requestOf({ method = 'GET', path = '/healthz', headers = [], body = '' }: Asked): string {
  const length = body === '' ? [] : [`content-length: ${Buffer.byteLength(body)}`];
  const given = headers.map((header) => header.toLowerCase());
  const host = given.some((header) => header.startsWith('host:')) ? [] : ['host: 127.0.0.1'];
  const end = given.some((header) => header.startsWith('connection:')) ? [] : ['connection: close'];
  return [`${method} ${path} HTTP/1.1`, ...host, ...end, ...headers, ...length, '', body].join('\r\n');
}

const statusOf = (text: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]);
const codeOf = (text: string): string | undefined => /"code":"([A-Z_]+)"/.exec(text)?.[1];
const json = 'content-type: application/json';

describe('an offered upgrade', () => {
  let edges: Edges;
  beforeAll(async () => {
    edges = await edgesWith();
  });
  const offers = {
    'of Java’s client': [
      'connection: Upgrade, HTTP2-Settings',
      'upgrade: h2c',
      'http2-settings: AAEAAEAAAAIAAAABAAMAAABk',
    ],
    'of another protocol': ['connection: upgrade', 'upgrade: TLS/1.0'],
    'of nothing that is known': ['connection: Upgrade', 'upgrade: foo/2, bar'],
  };
  const ordinary: readonly (Asked & { expected: string; status: number })[] = [
    { path: '/healthz', status: 200, expected: '{"status":"alive"}' },
    { path: '/graphql?query=%7Bhello%7D', status: 200, expected: '{"data":{"hello":"world"}}' },
    { method: 'POST', path: '/graphql', body: '{"query":"{ hello }"}', status: 200, expected: '"hello":"world"' },
    { method: 'POST', path: '/graphql', body: '{"query":', status: 400, expected: 'BAD_REQUEST' },
    { path: '/nothing', status: 404, expected: 'NOT_FOUND' },
    { method: 'DELETE', path: '/graphql', status: 405, expected: 'METHOD_NOT_ALLOWED' },
  ];
  const cases = Object.entries(offers).flatMap(([what, offer]) =>
    ordinary.map((asked) => ({ what, offer, method: 'GET', ...asked })),
  );

  it.each(cases)('$what is ignored: $method $path', async ({ offer, expected, status, ...asked }) => {
    const text = await exchange(edges, requestOf({ ...asked, headers: [...offer, json] }), (t) => t.includes(expected));
    expect(statusOf(text)).toBe(status);
    expect(text).toContain(expected);
  });

  it('leaves the connection good for what comes next', async () => {
    const first = requestOf({ headers: offers['of Java’s client'] });
    const text = await new Promise<string>((resolve) => {
      const socket = connect(Number(new URL(edges.url).port), '127.0.0.1', () => socket.write(first));
      let received = '';
      let isAsked = false;
      socket.on('data', (chunk) => {
        received += String(chunk);
        if (!isAsked && received.includes('alive')) {
          isAsked = true;
          socket.write(requestOf({ path: '/readyz' }));
        }
      });
      socket.on('close', () => resolve(received));
    });
    expect(text).toContain('{"status":"ready"}');
  });

  it('of a WebSocket is taken at /graphql, and told of anywhere else', async () => {
    const key = [
      'connection: Upgrade',
      'upgrade: WebSocket',
      'sec-websocket-version: 13',
      'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==',
    ];
    const taken = await exchange(edges, requestOf({ path: '/graphql', headers: key }), (text) =>
      text.includes('\r\n\r\n'),
    );
    expect(statusOf(taken)).toBe(101);
    const other = await exchange(edges, requestOf({ path: '/healthz', headers: key }));
    expect([statusOf(other), codeOf(other)]).toEqual([404, 'NOT_FOUND']);
  });
});

describe('the name that a request is for', () => {
  const upgrade = [
    'connection: Upgrade',
    'upgrade: websocket',
    'sec-websocket-version: 13',
    'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==',
  ];
  const roads: readonly Asked[] = [
    { path: '/healthz' },
    { path: '/graphql?query=%7Bhello%7D' },
    { method: 'POST', path: '/graphql', headers: [json], body: '{"query":"{ hello }"}' },
    { method: 'OPTIONS', path: '/graphql' },
    { path: '/metrics' },
    { path: '/graphql', headers: upgrade },
  ];
  const statuses = async (edges: Edges, host: string): Promise<number[]> =>
    Promise.all(
      roads.map(async (asked) => {
        const request = requestOf({ ...asked, headers: [`host: ${host}`, ...(asked.headers ?? [])] });
        return statusOf(await exchange(edges, request, (text) => text.startsWith('HTTP/1.1 101')));
      }),
    );
  const answered = [200, 200, 200, 204, 200, 101];
  const refused = answered.map(() => 403);

  it('must be one of this machine’s in local mode, on every road', async () => {
    const edges = await edgesWith();
    const { port } = new URL(edges.url);
    for (const host of [
      'localhost',
      `localhost:${port}`,
      'LOCALHOST:1',
      'app.localhost',
      'a.b.localhost:4000',
      '127.0.0.1',
      '127.9.8.7:80',
      '[::1]',
      `[::1]:${port}`,
    ]) {
      expect([host, await statuses(edges, host)]).toEqual([host, answered]);
    }
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      'localhost.evil.example',
      'evillocalhost',
      '127.0.0.1.evil.example',
      '127.evil.example',
      '10.0.0.1',
      '[::2]',
      '127.0.0.256',
      'localhost:x',
      '',
    ]) {
      expect([host, await statuses(edges, host)]).toEqual([host, refused]);
    }
    const text = await exchange(edges, requestOf({ headers: ['host: evil.example', 'origin: http://evil.example'] }));
    expect([codeOf(text), text.toLowerCase().includes('access-control-allow-origin')]).toEqual(['FORBIDDEN', false]);
  });

  it('may be PUBLIC_URL’s, or the HOST that was named', async () => {
    const config = { publicUrl: new URL('https://tollgate.test/x') };
    const edges = await edgesWith({ env: { HOST: '0.0.0.0' }, config });
    expect(await statuses(edges, 'tollgate.test')).toEqual(answered);
    expect(await statuses(edges, 'tollgate.test:443')).toEqual(answered);
    expect(await statuses(edges, '0.0.0.0')).toEqual(refused);
    const named = await edgesWith({ env: { HOST: '127.0.0.1' } });
    expect(await statuses(named, 'tollgate.test')).toEqual(refused);
  });

  it('is the proxy’s business in production', async () => {
    const edges = await edgesWith({ config: { mode: 'production', metricsToken: null } });
    expect(await statuses(edges, 'whatever.example')).toEqual([200, 200, 200, 204, 401, 101]);
  });
});

describe('a body without a token', () => {
  let edges: Edges;
  beforeAll(async () => {
    edges = await edgesWith();
  });
  const ofLength = (length: number): string => `{"query":"{ hello }","variables":{"x":"${'x'.repeat(length - 45)}"}}`;
  const isAnswered = (text: string): boolean => /\r\n\r\n.+/.test(text);

  it('has at most 64 KiB, whether it says so or not', async () => {
    const post = { method: 'POST', path: '/graphql', headers: [json] };
    const fitting = ofLength(65_000);
    expect(statusOf(await exchange(edges, requestOf({ ...post, body: fitting }), isAnswered))).toBe(200);
    const long = ofLength(66_000);
    const told = await exchange(edges, requestOf({ ...post, body: long }), isAnswered);
    expect([statusOf(told), codeOf(told)]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    const chunked = `${requestOf({ ...post, headers: [json, 'transfer-encoding: chunked'] })}${long.length.toString(16)}\r\n${long}\r\n0\r\n\r\n`;
    const counted = await exchange(edges, chunked, isAnswered);
    expect([statusOf(counted), codeOf(counted)]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
  });

  it('is refused for its length before anybody tries to read it as JSON', async () => {
    const body = '['.repeat(100_000);
    const text = await exchange(
      edges,
      requestOf({ method: 'POST', path: '/graphql', headers: [json], body }),
      isAnswered,
    );
    expect(statusOf(text)).toBe(413);
  });

  it('is not what a body with a token is held to', async () => {
    const headers = [json, `authorization: Bearer ${await sampleToken()}`];
    const body = ofLength(1_000_000);
    expect(
      statusOf(await exchange(edges, requestOf({ method: 'POST', path: '/graphql', headers, body }), isAnswered)),
    ).toBe(200);
  });

  it('is not read where its sender is refused anyway', async () => {
    const headers = [json, 'authorization: Bearer nonsense', 'content-length: 1000000'];
    // Nothing of the body is ever sent.
    const text = await exchange(edges, requestOf({ method: 'POST', path: '/graphql', headers }), isAnswered);
    expect([statusOf(text), codeOf(text)]).toEqual([401, 'UNAUTHENTICATED']);
  });
});

describe('what is too slow, too long or no HTTP', () => {
  it('is told so in the status', async () => {
    const edges = await edgesWith({ env: { HEADERS_TIMEOUT_MS: '200', REQUEST_TIMEOUT_MS: '400' } });
    const silent = await exchange(edges, 'GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n');
    expect([statusOf(silent), codeOf(silent)]).toEqual([408, 'BAD_REQUEST']);
    const long = await exchange(edges, requestOf({ headers: [`x-long: ${'x'.repeat(20_000)}`] }));
    expect([statusOf(long), codeOf(long)]).toEqual([431, 'BAD_REQUEST']);
    const dripping = requestOf({ method: 'POST', path: '/graphql', headers: [json, 'content-length: 100'] });
    const cut = await exchange(edges, dripping);
    expect(cut === '' || statusOf(cut) === 408).toBe(true);
    await until(async () => (await fetch(`${edges.url}/healthz`)).status === 200);
  });

  it.each(['/%zz', '/graphql%', '/nothing%00', '//graphql', '/graphql/'])(
    '%s is nothing that is there',
    async (path) => {
      const edges = running[0] as Edges;
      const text = await exchange(edges, requestOf({ path }));
      expect([statusOf(text), codeOf(text)]).toEqual([404, 'NOT_FOUND']);
    },
  );
});
