import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { Refusal } from '../../src/kernel/refusal.ts';
import { post, sampleSecret, sampleToken, SocketClient, startEdges } from '../support/edges.ts';
import type { Edges, EdgesOptions } from '../support/edges.ts';

const whoami = { query: '{ whoami }' };
const running: Edges[] = [];

async function edgesWith(options: EdgesOptions = {}): Promise<Edges> {
  const edges = await startEdges(options);
  running.push(edges);
  return edges;
}

afterAll(() => Promise.all(running.map(({ server }) => server.drain())));

const nowSeconds = Math.floor(Date.now() / 1000);
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('tokens', () => {
  let edges: Edges;
  beforeAll(async () => {
    edges = await edgesWith({ env: { AUTH_ISSUER: 'https://id.example', AUTH_AUDIENCE: 'tollgate' } });
  });
  const good = { iss: 'https://id.example', aud: ['tollgate', 'other'] };

  it.each([
    ['a person', {}, 'USER ada'],
    ['a person with scopes that say nothing to us', { scope: 'openid billing:operators' }, 'USER ada'],
    ['a service', { scope: 'openid billing:usage' }, 'SERVICE ada'],
    ['an operator', { scope: 'billing:usage billing:operator' }, 'OPERATOR ada'],
  ])('make %s known on both roads', async (_who, claims, expected) => {
    const token = await sampleToken({ ...good, ...claims });
    expect((await post(edges, whoami, { authorization: `Bearer ${token}` })).body).toEqual({
      data: { whoami: expected },
    });
    const bare = await new SocketClient(edges.socketUrl).connect(token);
    expect((await bare.run('{ whoami }')).payload).toEqual({ data: { whoami: expected } });
    await bare.close();
    const prefixed = await new SocketClient(edges.socketUrl).connect(`Bearer ${token}`);
    await prefixed.close();
  });

  it.each(['HS256', 'HS384', 'HS512'])('may be signed with %s', async (algorithm) => {
    const token = await sampleToken({ ...good, scope: 'billing:usage' }, algorithm);
    expect((await post(edges, whoami, { authorization: `Bearer ${token}` })).status).toBe(200);
  });

  it('are not needed to ask anonymously', async () => {
    expect((await post(edges, whoami)).body).toEqual({ data: { whoami: null } });
  });

  const rsaKeys = generateKeyPair('RS256');
  const bad: [string, () => Promise<string> | string][] = [
    ['expired', () => sampleToken({ ...good, exp: nowSeconds - 60 })],
    ['not yet valid', () => sampleToken({ ...good, nbf: nowSeconds + 600 })],
    ['without exp', () => sampleToken({ ...good, exp: undefined })],
    ['without sub', () => sampleToken({ ...good, sub: undefined })],
    ['with an empty sub', () => sampleToken({ ...good, sub: '' })],
    ['with an overlong sub', () => sampleToken({ ...good, sub: 'x'.repeat(256) })],
    ['of another issuer', () => sampleToken({ ...good, iss: 'https://evil.example' })],
    ['for another audience', () => sampleToken({ ...good, aud: 'other' })],
    ['signed with another secret', () => sampleToken(good, 'HS256', `${sampleSecret}!`)],
    ['unsigned', () => `${encode({ alg: 'none' })}.${encode({ ...good, sub: 'ada', exp: nowSeconds + 600 })}.`],
    [
      'tampered with',
      async () =>
        (await sampleToken(good))
          .split('.')
          .map((part, at) => (at === 1 ? encode({ ...good, sub: 'eve', exp: nowSeconds + 600 }) : part))
          .join('.'),
    ],
    [
      'of another family of algorithms',
      async () =>
        new SignJWT({ ...good, sub: 'ada', exp: nowSeconds + 600 })
          .setProtectedHeader({ alg: 'RS256' })
          .sign((await rsaKeys).privateKey),
    ],
    ['not a token at all', () => 'nonsense'],
    ['far too long', () => 'x'.repeat(9000)],
  ];
  it.each(bad)('are refused on both roads when %s', async (_how, make) => {
    const token = await make();
    const answer = await post(edges, whoami, { authorization: `Bearer ${token}` });
    expect([answer.status, answer.body.errors[0].extensions.code]).toEqual([401, 'UNAUTHENTICATED']);
    const client = new SocketClient(edges.socketUrl);
    await expect(client.connect(token)).rejects.toThrow();
    expect((await client.closed).code).toBe(4403);
  });

  it('must come as bearer', async () => {
    for (const authorization of ['Basic YTpi', 'Bearer', await sampleToken(good), 'Bearer a b']) {
      const answer = await post(edges, whoami, { authorization });
      expect([answer.status, answer.body.errors[0].extensions.code]).toEqual([401, 'UNAUTHENTICATED']);
    }
  });

  it('are wanted on every socket', async () => {
    const client = new SocketClient(edges.socketUrl);
    await expect(client.connect(undefined)).rejects.toThrow();
    expect((await client.closed).code).toBe(4401);
  });
});

describe('a person seen for the first time', () => {
  it('is made once, however many requests come together', async () => {
    const edges = await edgesWith();
    const authorization = `Bearer ${await sampleToken({ sub: 'grace' })}`;
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(edges, whoami, { authorization })));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(edges.users).toEqual(['grace']);
  });

  it('gets an answer that says try again while they cannot be made, and is made then', async () => {
    let works = false;
    const { Refusal } = await import('../../src/kernel/refusal.ts');
    const edges = await edgesWith({
      async ensureUser() {
        if (!works) throw new Refusal('UNAVAILABLE', 'the database is away');
        return { billingEntityId: 'e' };
      },
    });
    const authorization = `Bearer ${await sampleToken()}`;
    const refused = await post(edges, whoami, { authorization });
    expect([refused.status, refused.body.errors[0].extensions]).toEqual([
      503,
      { code: 'UNAVAILABLE', retryable: true },
    ]);
    works = true;
    expect((await post(edges, whoami, { authorization })).status).toBe(200);
  });
});

describe('a remembered token', () => {
  it('stops working the moment it expires, and closes its sockets', async () => {
    let now = new Date();
    const edges = await edgesWith({ clock: { now: () => now } });
    const token = await sampleToken({ exp: Math.floor(now.getTime() / 1000) + 60 });
    const authorization = `Bearer ${token}`;
    for (let round = 0; round < 3; round += 1) expect((await post(edges, whoami, { authorization })).status).toBe(200);
    const client = await new SocketClient(edges.socketUrl).connect(token);
    now = new Date(now.getTime() + 61_000);
    expect((await post(edges, whoami, { authorization })).status).toBe(401);
    client.subscribe('1', '{ whoami }');
    expect(await client.closed).toEqual({ code: 4403, reason: 'Token expired' });
  });

  it('closes an idle socket by itself', async () => {
    const edges = await edgesWith();
    const client = await new SocketClient(edges.socketUrl).connect(await sampleToken({ exp: Date.now() / 1000 + 1 }));
    expect(await client.closed).toEqual({ code: 4403, reason: 'Token expired' });
  });
});

describe('keys behind an address', () => {
  it('verify asymmetric tokens, and never a secret made of a public key', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256', use: 'sig', kid: '1' }] });
    const jwks = createServer((_request, response) => {
      response.end(keys);
    });
    await new Promise<void>((resolve) => jwks.listen(0, '127.0.0.1', resolve));
    const AUTH_JWKS_URL = `http://127.0.0.1:${(jwks.address() as AddressInfo).port}/keys`;
    const edges = await edgesWith({ env: { AUTH_JWT_SECRET: '', AUTH_JWKS_URL } });
    const token = await new SignJWT({ sub: 'ada', exp: nowSeconds + 600 })
      .setProtectedHeader({ alg: 'ES256', kid: '1' })
      .sign(privateKey);
    expect((await post(edges, whoami, { authorization: `Bearer ${token}` })).body).toEqual({
      data: { whoami: 'USER ada' },
    });
    const forged = await sampleToken({}, 'HS256', JSON.stringify(await exportJWK(publicKey)));
    expect((await post(edges, whoami, { authorization: `Bearer ${forged}` })).status).toBe(401);
    await new Promise((resolve) => jwks.close(resolve));
  });

  it('that cannot be fetched make the service unavailable, not the caller wrong', async () => {
    const edges = await edgesWith({ env: { AUTH_JWT_SECRET: '', AUTH_JWKS_URL: 'http://127.0.0.1:1/keys' } });
    const { privateKey } = await generateKeyPair('ES256');
    const token = await new SignJWT({ sub: 'ada', exp: nowSeconds + 600 })
      .setProtectedHeader({ alg: 'ES256' })
      .sign(privateKey);
    const answer = await post(edges, whoami, { authorization: `Bearer ${token}` });
    expect([answer.status, answer.body.errors[0].extensions.code]).toEqual([503, 'UNAVAILABLE']);
    expect(answer.headers.get('retry-after')).toBe('1');
  });
});

describe('keys that leave their address', () => {
  async function identityProvider(): Promise<{
    url: string;
    keys: unknown[];
    sign: (claims?: Record<string, unknown>) => Promise<string>;
    answer: (status: number) => void;
    close: () => Promise<void>;
  }> {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const keys: unknown[] = [{ ...(await exportJWK(publicKey)), alg: 'ES256', use: 'sig', kid: '1' }];
    let status = 200;
    const jwks = createServer((_request, response) => {
      response.writeHead(status).end(JSON.stringify({ keys }));
    });
    await new Promise<void>((resolve) => jwks.listen(0, '127.0.0.1', resolve));
    return {
      url: `http://127.0.0.1:${(jwks.address() as AddressInfo).port}/keys`,
      keys,
      sign: (claims = {}) =>
        new SignJWT({ sub: 'ada', exp: nowSeconds + 86_400, ...claims })
          .setProtectedHeader({ alg: 'ES256', kid: '1' })
          .sign(privateKey),
      answer: (given) => (status = given),
      close: () =>
        new Promise((resolve) => {
          jwks.close(() => resolve());
          jwks.closeAllConnections();
        }),
    };
  }

  const minutes = (count: number): number => count * 60_000;

  it('end their tokens and sockets within three minutes, however often those were used in between', async () => {
    let now = Date.now();
    const provider = await identityProvider();
    const edges = await edgesWith({
      clock: { now: () => new Date(now) },
      env: { AUTH_JWT_SECRET: '', AUTH_JWKS_URL: provider.url, SOCKET_PING_MS: '20' },
    });
    const token = await provider.sign();
    const status = async (): Promise<number> =>
      (await post(edges, whoami, { authorization: `Bearer ${token}` })).status;
    expect(await status()).toBe(200);
    const client = await new SocketClient(edges.socketUrl).connect(token);
    now += minutes(1) - 1_000;
    expect(await status()).toBe(200);

    provider.keys.length = 0;
    for (let second = 0; second < 100; second += 10) {
      now += 1_000;
      expect(await status()).toBe(200);
    }
    now += minutes(3);
    expect(await status()).toBe(401);
    expect(await client.closed).toEqual({ code: 4403, reason: 'The token is not valid any more' });
    await provider.close();
  });

  it('end the sockets of whoever asks for nothing else', async () => {
    let now = Date.now();
    const provider = await identityProvider();
    const edges = await edgesWith({
      clock: { now: () => new Date(now) },
      env: { AUTH_JWT_SECRET: '', AUTH_JWKS_URL: provider.url, SOCKET_PING_MS: '20' },
    });
    const client = await new SocketClient(edges.socketUrl).connect(await provider.sign());
    provider.keys.length = 0;
    now += minutes(3);
    expect(await client.closed).toMatchObject({ code: 4403 });
    await provider.close();
  });

  it('serve on for an hour while the address does not answer, and no longer', async () => {
    let now = Date.now();
    const provider = await identityProvider();
    const edges = await edgesWith({
      clock: { now: () => new Date(now) },
      env: { AUTH_JWT_SECRET: '', AUTH_JWKS_URL: provider.url },
    });
    const [known, another] = [await provider.sign(), await provider.sign({ sub: 'ben' })];
    const status = async (token: string): Promise<number> =>
      (await post(edges, whoami, { authorization: `Bearer ${token}` })).status;
    expect(await status(known)).toBe(200);
    provider.answer(500);
    now += minutes(50);
    expect([await status(known), await status(another)]).toEqual([200, 200]);
    now += minutes(11);
    expect([await status(known), await status(another)]).toEqual([503, 503]);
    provider.answer(200);
    now += minutes(1);
    expect([await status(known), await status(another)]).toEqual([200, 200]);
    await provider.close();
  });
});

describe('a peer whose tokens are refused', () => {
  const env = { RATE_LIMIT_REFUSED: '5', RATE_LIMIT_WINDOW_SECONDS: '2' };
  const codeOf = async (edges: Edges, token: string): Promise<unknown> => {
    const { body } = await post(edges, whoami, { authorization: `Bearer ${token}` });
    return body.errors?.[0].extensions.code ?? 'fine';
  };

  it('is not listened to after too many, on either road, until the window is over; what was good goes on', async () => {
    const goodKey = 'tg_live_good';
    const looked: string[] = [];
    const edges = await edgesWith({
      env,
      async authenticateKey(key) {
        looked.push(key);
        if (key !== goodKey) throw new Refusal('UNAUTHENTICATED', 'The API key is not valid.');
        return { kind: 'SERVICE', subject: 'key', expiresAt: new Date('2100-01-01') };
      },
    });
    const good = await sampleToken();
    expect([await codeOf(edges, good), await codeOf(edges, goodKey)]).toEqual(['fine', 'fine']);
    const bad = ['nonsense', 'tg_live_bad', await sampleToken({}, 'HS256', `${sampleSecret}!`), 'x'.repeat(9000)];
    for (const token of bad) expect(await codeOf(edges, token)).toBe('UNAUTHENTICATED');
    const client = new SocketClient(edges.socketUrl);
    await expect(client.connect('worse')).rejects.toThrow();
    expect((await client.closed).code).toBe(4403);

    // From here on nothing is verified or looked up, good as it may be.
    const looksBefore = looked.length;
    const unseen = await sampleToken({ sub: 'ben' });
    const answer = await post(edges, whoami, { authorization: `Bearer ${unseen}` });
    expect([answer.status, answer.body.errors[0].extensions]).toEqual([
      429,
      { code: 'RATE_LIMITED', retryable: true, retryAfterMs: expect.any(Number) as number },
    ]);
    expect(await codeOf(edges, 'tg_live_bad')).toBe('RATE_LIMITED');
    expect([edges.users, looked.length]).toEqual([['ada'], looksBefore]);
    const another = new SocketClient(edges.socketUrl);
    await expect(another.connect(unseen)).rejects.toThrow();
    expect((await another.closed).code).toBe(1013);
    // Neither those that were good before, nor who has no token, are held up by others of their address.
    expect([await codeOf(edges, good), await codeOf(edges, goodKey)]).toEqual(['fine', 'fine']);
    expect((await post(edges, whoami)).body).toEqual({ data: { whoami: null } });

    const { retryAfterMs } = answer.body.errors[0].extensions as { retryAfterMs: number };
    await new Promise((resolve) => setTimeout(resolve, retryAfterMs));
    expect(await codeOf(edges, unseen)).toBe('fine');
  });

  it('is listened to for ever with a limit of 0', async () => {
    const edges = await edgesWith({ env: { RATE_LIMIT_REFUSED: '0' } });
    for (let round = 0; round < 20; round += 1) expect(await codeOf(edges, 'nonsense')).toBe('UNAUTHENTICATED');
  });
});
