import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import type { Clock } from '../../src/kernel/clock.ts';
import { IdentityProvider } from '../../src/http/identity-provider.ts';
import { SignInElsewhere } from '../../src/http/sign-in-elsewhere.ts';
import { createSignInRoutes } from '../../src/http/sign-in.ts';
import { createLog } from '../../src/kernel/log.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { loadConfig } from '../../src/config/config.ts';
import { TestClock } from '../support/clock.ts';
import { startEdges, type Edges } from '../support/edges.ts';
import { freePort } from '../support/free-port.ts';
import { CLIENT_ID, CLIENT_SECRET, type Hostility, TestProvider } from '../support/identity-provider.ts';
import { type PlainAnswer, plainRequest } from '../support/plain-request.ts';

let provider: TestProvider;
let edges: Edges;
const running: Edges[] = [];
const logged: string[] = [];

beforeAll(async () => {
  provider = await TestProvider.open();
  edges = await installation(provider.issuer);
});

beforeEach(() => (provider.hostility = {}));

afterAll(async () => {
  await Promise.all(running.map(({ server }) => server.drain()));
  await provider.close();
});

async function installation(issuer: URL, { clock = systemClock }: { clock?: Clock } = {}): Promise<Edges> {
  const env = {
    SESSION_SECRET: 'a secret of the sessions of the tests',
    OIDC_ISSUER: issuer.href,
    OIDC_CLIENT_ID: CLIENT_ID,
    OIDC_CLIENT_SECRET: CLIENT_SECRET,
    OIDC_OPERATOR_CLAIM: 'groups=billing-operators',
    AUTH_ORGANIZATION_CLAIM: 'orgs',
  };
  const config = loadConfig(env, 'local');
  const log = createLog({ level: 'debug', destination: { write: (line: string) => void logged.push(line) } });
  let port = 0;
  const started = await startEdges({
    env,
    clock,
    routes: (sessions) => {
      const known = new IdentityProvider({
        config: config.signIn.provider as NonNullable<typeof config.signIn.provider>,
        organizationClaim: 'orgs',
        callback: () => new URL(`http://localhost:${port}/sign-in/callback`),
      });
      const elsewhere = new SignInElsewhere({ provider: known, sessions, config, clock, log });
      return [createSignInRoutes({ sessions, isLocal: true, people: [], hasPortal: true, elsewhere })];
    },
  });
  ({ port } = started);
  running.push(started);
  return started;
}

/** A browser on its way through a sign-in. */
class Browser {
  readonly #jar = new Map<string, string>();
  readonly #edges: Edges;

  constructor(at: Edges) {
    this.#edges = at;
  }

  get cookie(): string {
    return [...this.#jar].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  set cookie(cookies: string) {
    this.#jar.clear();
    for (const pair of cookies.split('; ')) this.#jar.set(...(pair.split('=') as [string, string]));
  }

  get isSignedIn(): boolean {
    return this.#jar.has('tollgate-session');
  }

  async get(path: string): Promise<PlainAnswer> {
    const headers = { host: `localhost:${this.#edges.port}`, cookie: this.cookie };
    const answer = await plainRequest(this.#edges.port, path, { headers });
    for (const set of answer.cookies) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      if (value === '') this.#jar.delete(name);
      else this.#jar.set(name, value);
    }
    return answer;
  }

  /** Goes to the provider, and stands at its door with the way back in hand. */
  async leave(path = '/sign-in'): Promise<{ asked: URL; back: string }> {
    const { status, headers } = await this.get(path);
    expect(status).toBe(303);
    const asked = new URL(String(headers['location']));
    const redirect = await fetch(asked, { redirect: 'manual' });
    const { pathname, search } = new URL(redirect.headers.get('location') as string);
    return { asked, back: pathname + search };
  }

  async session(): Promise<Record<string, unknown>> {
    return JSON.parse((await this.get('/session')).body) as Record<string, unknown>;
  }
}

test('whoever the provider vouches for is signed in, comes to where they wanted to, and may call the API', async () => {
  provider.hostility = {
    claims: (payload) => Object.assign(payload, { sub: 'ada', name: 'Ada Lovelace', email: 'ada@acme.example' }),
  };
  const browser = new Browser(edges);
  const { asked, back } = await browser.leave('/sign-in?returnTo=/usage%3Fa%3D1&scope=billing:operator');
  expect(Object.fromEntries(asked.searchParams)).toEqual({
    client_id: CLIENT_ID,
    response_type: 'code',
    redirect_uri: `http://localhost:${edges.port}/sign-in/callback`,
    scope: 'openid profile email',
    code_challenge: expect.stringMatching(/^[\w-]{43}$/),
    code_challenge_method: 'S256',
    state: expect.stringMatching(/^[\w-]{43}$/),
    nonce: expect.stringMatching(/^[\w-]{43}$/),
  });
  expect(await browser.get(back)).toMatchObject({ status: 303, headers: { location: '/usage?a=1' } });
  expect(browser.cookie).toMatch(/^tollgate-session=[^;]+$/);
  expect(await browser.session()).toMatchObject({ signedIn: true, name: 'Ada Lovelace', isOperator: false });
  const answer = await plainRequest(edges.port, '/graphql', {
    method: 'POST',
    headers: {
      host: `localhost:${edges.port}`,
      origin: `http://localhost:${edges.port}`,
      cookie: browser.cookie,
      'x-tollgate-csrf': '1',
      'content-type': 'application/json',
    },
    body: JSON.stringify({ query: '{ whoami }' }),
  });
  expect(JSON.parse(answer.body)).toEqual({ data: { whoami: 'USER ada' } });
  const basic = Buffer.from(`${CLIENT_ID}:${encodeURIComponent(CLIENT_SECRET).replaceAll('%20', '+')}`);
  expect(provider.credentials.at(-1)).toMatch(/^Basic /);
  const sent = Buffer.from(provider.credentials.at(-1)?.slice(6) ?? '', 'base64').toString();
  const decoded = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '));
  expect(decoded(sent)).toBe(decoded(basic.toString()));
});

test.each<[string, Record<string, unknown>, boolean]>([
  ['the value in a list', { groups: ['staff', 'billing-operators'] }, true],
  ['the value alone', { groups: 'billing-operators' }, true],
  ['another value', { groups: ['billing-operators-emeritus'] }, false],
  ['a text that contains it', { groups: 'staff billing-operators' }, false],
  ['a list in a list', { groups: [['billing-operators']] }, false],
  ['an object', { groups: { 'billing-operators': true } }, false],
  ['a scope', { scope: 'openid billing:operator' }, false],
  ['a claim of ours', { operator: true, isOperator: true }, false],
  ['the value in another claim', { roles: ['billing-operators'] }, false],
  ['nothing', {}, false],
])('an operator is whom the configured claim names: %s', async (_what, claims, isOperator) => {
  provider.hostility = { claims: (payload) => Object.assign(payload, claims) };
  const browser = new Browser(edges);
  const { back } = await browser.leave();
  expect((await browser.get(back)).status).toBe(303);
  expect(await browser.session()).toMatchObject({ signedIn: true, isOperator });
});

const nowSeconds = (): number => Math.floor(Date.now() / 1000);
const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;

/** Replaces the signature, or with it the header or the claims. */
function signedAnew(
  make: (
    header: Record<string, unknown>,
    claims: Record<string, unknown>,
  ) => [unknown, unknown, (text: string) => Buffer],
): Hostility {
  return {
    answer(body) {
      const [header = '', claims = ''] = String(body['id_token']).split('.');
      const parsed = [header, claims].map(
        (part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>,
      ) as [Record<string, unknown>, Record<string, unknown>];
      const [newHeader, newClaims, signature] = make(...parsed);
      const text = `${encoded(newHeader)}.${encoded(newClaims)}`;
      body['id_token'] = `${text}.${signature(text).toString('base64url')}`;
    },
  };
}

const claimed = (claims: Record<string, unknown>): Hostility => ({
  claims: (payload) => Object.assign(payload, claims),
});
const sentBack = (redirect: (url: URL) => void): Hostility => ({ redirect });

const hostilities: [string, Hostility | (() => Hostility)][] = [
  ['an ID token with another nonce', claimed({ nonce: 'another' })],
  ['an ID token without a nonce', claimed({ nonce: undefined })],
  ['an ID token that has expired', () => claimed({ exp: nowSeconds() - 60, iat: nowSeconds() - 600 })],
  ['an ID token without an end', claimed({ exp: undefined })],
  ['an ID token for another audience', claimed({ aud: 'another-client' })],
  [
    'an ID token for several, made out to another',
    claimed({ aud: [CLIENT_ID, 'another-client'], azp: 'another-client' }),
  ],
  ['an ID token of another issuer', claimed({ iss: 'https://evil.example' })],
  ['an ID token about nobody', claimed({ sub: undefined })],
  ['an ID token about the empty name', claimed({ sub: '' })],
  ['an ID token about a name that is too long', claimed({ sub: 'x'.repeat(256) })],
  [
    'an ID token of another key',
    signedAnew((header, claims) => [header, claims, (text) => sign('RSA-SHA256', Buffer.from(text), stranger)]),
  ],
  [
    'an ID token that was tampered with',
    {
      answer(body) {
        const [header, claims = '', signature] = String(body['id_token']).split('.');
        const changed = { ...(JSON.parse(Buffer.from(claims, 'base64url').toString()) as object), sub: 'root' };
        body['id_token'] = `${header}.${encoded(changed)}.${signature}`;
      },
    },
  ],
  [
    'an ID token that nobody signed',
    signedAnew((header, claims) => [{ ...header, alg: 'none' }, claims, () => Buffer.alloc(0)]),
  ],
  [
    'an ID token signed with the client’s secret',
    signedAnew((header, claims) => [
      { ...header, alg: 'HS256' },
      claims,
      (text) => createHmac('sha256', CLIENT_SECRET).update(text).digest(),
    ]),
  ],
  ['no ID token', { answer: (body) => void delete body['id_token'] }],
  ['another state', sentBack((url) => url.searchParams.set('state', 'another'))],
  ['no state', sentBack((url) => url.searchParams.delete('state'))],
  ['two states', sentBack((url) => url.searchParams.append('state', 'another'))],
  ['another code', sentBack((url) => url.searchParams.set('code', 'another'))],
  ['no code', sentBack((url) => url.searchParams.delete('code'))],
  ['the name of another provider', sentBack((url) => url.searchParams.set('iss', 'https://evil.example'))],
  ['a refusal', sentBack((url) => (url.searchParams.delete('code'), url.searchParams.set('error', 'access_denied')))],
];

test.each(hostilities)('nobody is signed in by %s', async (_what, hostility) => {
  provider.hostility = typeof hostility === 'function' ? hostility() : hostility;
  const browser = new Browser(edges);
  const { back } = await browser.leave();
  const answer = await browser.get(back);
  expect(answer.status).toBe(400);
  expect(answer.body).toContain('<h1>Signing in did not work</h1>');
  expect(browser.cookie).toBe('');
  expect(await browser.session()).toMatchObject({ signedIn: false });
});

test('no code works twice, here or in another process', async () => {
  const browser = new Browser(edges);
  const { back } = await browser.leave();
  const { cookie } = browser;
  expect((await browser.get(back)).status).toBe(303);
  const second = await installation(provider.issuer);
  for (const at of [edges, second]) {
    const thief = new Browser(at);
    thief.cookie = cookie;
    expect((await thief.get(back)).status).toBe(400);
    expect(thief.isSignedIn).toBe(false);
  }
});

test('nobody comes back who did not leave: the way back belongs to one browser', async () => {
  const [victim, attacker] = [new Browser(edges), new Browser(edges)];
  const { back } = await attacker.leave();
  expect((await victim.get(back)).status).toBe(400);
  expect(victim.isSignedIn).toBe(false);
  await victim.leave();
  expect((await victim.get(back)).status).toBe(400);
  expect(victim.isSignedIn).toBe(false);
});

test('whoever takes too long begins anew', async () => {
  const clock = new TestClock(new Date());
  const slow = await installation(provider.issuer, { clock });
  const [inTime, late] = [new Browser(slow), new Browser(slow)];
  const ways = await Promise.all([inTime.leave(), late.leave()]);
  clock.forwardMs(595_000);
  expect((await inTime.get(ways[0].back)).status).toBe(303);
  clock.forwardMs(5_000);
  expect((await late.get(ways[1].back)).status).toBe(400);
  expect(late.isSignedIn).toBe(false);
});

test('a provider that is away, or names another issuer, is asked again once it answers rightly', async () => {
  const port = await freePort();
  const early = await installation(new URL(`http://localhost:${port}`));
  const browser = new Browser(early);
  const away = await browser.get('/sign-in');
  expect(away).toMatchObject({ status: 503, cookies: [] });
  expect(away.body).toContain('<h1>Nobody can sign in at the moment</h1>');
  const late = await TestProvider.open(port);
  try {
    late.hostility = { metadata: (body) => (body['issuer'] = 'https://evil.example') };
    expect((await browser.get('/sign-in')).status).toBe(503);
    late.hostility = {};
    const { back } = await browser.leave();
    expect((await browser.get(back)).status).toBe(303);
  } finally {
    await late.close();
  }
});

test('nothing that is secret is logged', async () => {
  const browser = new Browser(edges);
  provider.hostility = claimed({ nonce: 'another' });
  const { back } = await browser.leave();
  await browser.get(back);
  const all = logged.join('');
  expect(all).toContain('was not signed in');
  expect(all).not.toContain(CLIENT_SECRET);
  expect(all).not.toContain(new URLSearchParams(back.split('?')[1]).get('code'));
  expect(all).not.toMatch(/eyJ/);
});
