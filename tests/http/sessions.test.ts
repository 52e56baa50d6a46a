import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { loadConfig } from '../../src/config/config.ts';
import { SealedCookie } from '../../src/http/sealed-cookies.ts';
import type { Identity } from '../../src/http/sessions.ts';
import { TestClock } from '../support/clock.ts';
import { post, sampleSecret, SocketClient, startEdges, type Edges, type EdgesOptions } from '../support/edges.ts';
import { plainRequest } from '../support/plain-request.ts';

const NEWEST = 'the newest secret of sessions long enough';
const OLDER = 'an older secret of sessions long enough too';
const ada: Identity = { sub: 'ada', name: 'Ada', isOperator: false };
const whoami = JSON.stringify({ query: '{ whoami }' });
const running: Edges[] = [];

async function edgesWith(options: EdgesOptions = {}): Promise<Edges> {
  const edges = await startEdges({
    ...options,
    env: { SESSION_SECRET: `${NEWEST},${OLDER}`, RATE_LIMIT_ANONYMOUS: '0', ...options.env },
  });
  running.push(edges);
  return edges;
}

afterAll(() => Promise.all(running.map(({ server }) => server.drain())));

/** The name and the value that a browser sends back. */
function sentBack(setCookie: string): string {
  return setCookie.slice(0, setCookie.indexOf(';'));
}

type Forge = (good: string, edges: Edges) => string | undefined | Promise<string | undefined>;

/** Cookies of all kinds, and whom they stand for: only those of one of our secrets stand for anybody. */
const cookies: Record<string, { forge: Forge; isGood: boolean }> = {
  none: { forge: () => undefined, isGood: false },
  good: { forge: (good) => good, isGood: true },
  'among others': { forge: (good) => `theme=dark; ${good}; x=%zz`, isGood: true },
  'sealed by the older secret': { forge: (good) => sealedBy(OLDER, good), isGood: true },
  'sealed by another secret': { forge: (good) => sealedBy(`${NEWEST}!`, good), isGood: false },
  'of another kind': { forge: (good) => sealedBy(NEWEST, good, { kind: 'tollgate-sign-in' }), isGood: false },
  expired: { forge: (good) => sealedBy(NEWEST, good, { lifetimeSeconds: -1 }), isGood: false },
  'tampered with': { forge: (good) => changed(good), isGood: false },
  'cut short': { forge: (good) => good.slice(0, -1), isGood: false },
  empty: { forge: (good) => `${nameOf(good)}=`, isGood: false },
  'a bearer token': { forge: async (good) => `${nameOf(good)}=${await aToken()}`, isGood: false },
  'plain text': { forge: (good) => `${nameOf(good)}=ada`, isGood: false },
  'under a neighbour’s name': { forge: (good) => good.replace('tollgate-session', 'tollgate-sessions'), isGood: false },
};

const nameOf = (cookie: string): string => cookie.slice(0, cookie.indexOf('='));

async function sealedBy(
  secret: string,
  good: string,
  { kind = 'tollgate-session', lifetimeSeconds = 600 }: { kind?: string; lifetimeSeconds?: number } = {},
): Promise<string> {
  const clock = { now: () => new Date() };
  const cookie = new SealedCookie({ name: kind, secrets: [secret], config: loadConfig({}, 'local'), clock });
  return `${nameOf(good)}=${await cookie.seal({ jti: randomUUID(), sub: 'ada', operator: false }, lifetimeSeconds)}`;
}

/** One bit of the encrypted part is another one. */
function changed(good: string): string {
  const parts = good.split('.');
  const bytes = Buffer.from(parts[3] ?? '', 'base64url');
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  return parts.with(3, bytes.toString('base64url')).join('.');
}

function aToken(): Promise<string> {
  return new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('ada')
    .setExpirationTime('1h')
    .sign(Buffer.from(sampleSecret));
}

interface World {
  readonly name: string;
  readonly options: EdgesOptions;
  readonly host: (port: number) => string;
  /** Origins, and what the installation thinks of their pages: its own, one that may call, one that may not. */
  readonly origins: (port: number) => Record<string, 'own' | 'may call' | 'foreign'>;
}

const production = { mode: 'production' as const, publicUrl: new URL('https://till.example/') };
const worlds: World[] = [
  {
    name: 'local mode',
    options: {},
    host: (port) => `127.0.0.1:${port}`,
    origins: (port) => ({
      [`http://127.0.0.1:${port}`]: 'own',
      [`http://localhost:${port}`]: 'own',
      [`http://localhost:${port - 1}`]: 'may call',
      [`https://127.0.0.1:${port}`]: 'may call',
      'http://localhost': 'may call',
      'https://evil.example': 'foreign',
      null: 'foreign',
    }),
  },
  {
    name: 'production',
    options: { config: { ...production, corsOrigins: ['https://shop.example'] } },
    host: () => 'till.example',
    origins: (port) => ({
      'https://till.example': 'own',
      'https://shop.example': 'may call',
      'http://till.example': 'foreign',
      'https://till.example:8443': 'foreign',
      'https://till.example.evil.example': 'foreign',
      [`http://127.0.0.1:${port}`]: 'foreign',
      null: 'foreign',
    }),
  },
];

describe.each(worlds)('a session in $name', ({ options, host, origins }) => {
  let edges: Edges;
  let good: string;
  let hostHeader: string;
  beforeAll(async () => {
    edges = await edgesWith(options);
    hostHeader = host(edges.port);
    good = sentBack(await edges.sessions.begin(ada, hostHeader));
  });
  const kinds = Object.keys(cookies);

  test.each(kinds)(
    'with a cookie that is %s acts over HTTP by POST, of a page of ours, with the header',
    async (kind) => {
      const { forge, isGood } = cookies[kind] as (typeof cookies)[string];
      const cookie = await forge(good, edges);
      for (const [origin, standing] of [...Object.entries(origins(edges.port)), [undefined, 'may call'] as const]) {
        for (const csrf of ['1', undefined, '', '0', 'true', '1, 1']) {
          const headers = { host: hostHeader, cookie, origin, 'x-tollgate-csrf': csrf };
          const posted = await plainRequest(edges.port, '/graphql', {
            method: 'POST',
            headers: { ...headers, 'content-type': 'application/json' },
            body: whoami,
          });
          const isTaken = isGood && standing === 'own' && csrf === '1';
          expect({ origin, csrf, ...shownOf(posted) }).toEqual({ origin, csrf, ...expected(standing, isTaken) });
          const got = await plainRequest(edges.port, '/graphql?query={whoami}', { headers });
          expect({ origin, csrf, ...shownOf(got) }).toEqual({ origin, csrf, ...expected(standing, false) });
        }
      }
    },
  );

  test.each(kinds)('with a cookie that is %s acts on a WebSocket of a page of ours', async (kind) => {
    const { forge, isGood } = cookies[kind] as (typeof cookies)[string];
    const cookie = await forge(good, edges);
    for (const [origin, standing] of [...Object.entries(origins(edges.port)), [undefined, 'may call'] as const]) {
      const client = new SocketClient(edges.socketUrl, {
        ...(origin !== undefined && { origin }),
        headers: { host: hostHeader, ...(cookie !== undefined && { cookie }) },
      });
      if (standing === 'foreign') {
        await expect(client.opened()).rejects.toThrow('403');
      } else if (standing === 'own' && isGood) {
        await client.connect(undefined);
        expect((await client.run('{ whoami }')).payload).toEqual({ data: { whoami: 'USER ada' } });
        await client.close();
      } else {
        const admitted = client.connect(undefined).then(
          () => 'admitted',
          () => 'closed',
        );
        expect({ origin, became: await admitted }).toEqual({ origin, became: 'closed' });
        expect({ origin, ...(await client.closed) }).toMatchObject({ origin, code: 4401 });
      }
    }
  });

  test('yields to a token on both roads, also to one that is refused', async () => {
    const [own] = Object.entries(origins(edges.port)).find(([, standing]) => standing === 'own') as [string, string];
    const headers = { host: hostHeader, cookie: good, origin: own, 'x-tollgate-csrf': '1' };
    const bob = await new SignJWT({ sub: 'bob', scope: 'billing:usage' })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime('1h')
      .sign(Buffer.from(sampleSecret));
    for (const [token, answer] of [
      [bob, { data: { whoami: 'SERVICE bob' } }],
      [
        'x.y.z',
        { errors: [expect.objectContaining({ extensions: expect.objectContaining({ code: 'UNAUTHENTICATED' }) })] },
      ],
    ] as const) {
      const posted = await plainRequest(edges.port, '/graphql', {
        method: 'POST',
        headers: { ...headers, authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: whoami,
      });
      expect(JSON.parse(posted.body)).toEqual(answer);
    }
    const client = new SocketClient(edges.socketUrl, { origin: own, headers: { host: hostHeader, cookie: good } });
    await client.connect(bob);
    expect((await client.run('{ whoami }')).payload).toEqual({ data: { whoami: 'SERVICE bob' } });
    await client.close();
    const refused = new SocketClient(edges.socketUrl, { origin: own, headers: { host: hostHeader, cookie: good } });
    await refused.opened();
    refused.send({ type: 'connection_init', payload: { authorization: 'x.y.z' } });
    expect(await refused.closed).toMatchObject({ code: 4403 });
  });
});

function shownOf({ status, body }: { status: number; body: string }): object {
  return { status, body: status === 403 ? 'refused' : (JSON.parse(body) as unknown) };
}

function expected(standing: 'own' | 'may call' | 'foreign', isTaken: boolean): object {
  if (standing === 'foreign') return { status: 403, body: 'refused' };
  return { status: 200, body: { data: { whoami: isTaken ? 'USER ada' : null } } };
}

test('a secret that is taken away ends its sessions; one that is put before it does not', async () => {
  const [first, rotated, without] = await Promise.all([
    edgesWith({ env: { SESSION_SECRET: OLDER } }),
    edgesWith({ env: { SESSION_SECRET: `${NEWEST},${OLDER}` } }),
    edgesWith({ env: { SESSION_SECRET: NEWEST } }),
  ]);
  const cookie = sentBack(await first.sessions.begin(ada, '127.0.0.1'));
  const who = async ({ port, url }: Edges): Promise<unknown> => {
    const headers = { cookie, origin: url, 'x-tollgate-csrf': '1', 'content-type': 'application/json' };
    const { body } = await plainRequest(port, '/graphql', { method: 'POST', headers, body: whoami });
    return JSON.parse(body);
  };
  expect(await who(first)).toEqual({ data: { whoami: 'USER ada' } });
  expect(await who(rotated)).toEqual({ data: { whoami: 'USER ada' } });
  expect(await who(without)).toEqual({ data: { whoami: null } });
});

test('a session ends at its time, and its sockets then close like those of a token', async () => {
  const clock = new TestClock(new Date());
  const edges = await edgesWith({ clock });
  const cookie = sentBack(await edges.sessions.begin(ada, '127.0.0.1'));
  const headers = { cookie, origin: edges.url, 'x-tollgate-csrf': '1' };
  const client = await new SocketClient(edges.socketUrl, { origin: edges.url, headers: { cookie } }).connect(undefined);
  clock.forwardMs(12 * 3_600_000 - 2_000);
  expect((await post(edges, whoami, headers)).body).toEqual({ data: { whoami: 'USER ada' } });
  expect((await client.run('{ whoami }')).payload).toEqual({ data: { whoami: 'USER ada' } });
  clock.forwardMs(2_000);
  client.subscribe('late', '{ whoami }');
  expect(await client.closed).toEqual({ code: 4403, reason: 'Token expired' });
  expect((await post(edges, whoami, headers)).body).toEqual({ data: { whoami: null } });
  const late = new SocketClient(edges.socketUrl, { origin: edges.url, headers: { cookie } });
  await late.opened();
  late.send({ type: 'connection_init' });
  expect(await late.closed).toMatchObject({ code: 4401 });
});

test('the cookie is kept from scripts and other sites, and from plain HTTP wherever it is not this machine', async () => {
  const attributes = async (options: EdgesOptions, host: string): Promise<string> => {
    const { sessions } = await edgesWith(options);
    return (await sessions.begin(ada, host)).replace(/=[\w.-]+;/, '=…;');
  };
  const local = 'tollgate-session=…; Max-Age=43200; Path=/; HttpOnly; SameSite=Lax';
  const secure = `__Host-${local.replace('; SameSite', '; Secure; SameSite')}`;
  expect(await attributes({}, 'localhost:4000')).toBe(local);
  expect(await attributes({}, '[::1]:4000')).toBe(local);
  expect(await attributes({}, '192.168.1.7:4000')).toBe(secure);
  expect(await attributes({ env: { PUBLIC_URL: 'http://localhost:4000' } }, 'localhost:4000')).toBe(local);
  expect(await attributes({ env: { PUBLIC_URL: 'https://till.example' } }, 'localhost:4000')).toBe(secure);
  // A proxy may ask under a name of its own.
  expect(await attributes({ config: production }, 'localhost:4000')).toBe(secure);
  expect(await attributes({ config: { ...production, publicUrl: null } }, 'localhost:4000')).toBe(secure);
});
