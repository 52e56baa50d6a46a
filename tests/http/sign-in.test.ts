import { createSignInRoutes, type SignInPerson } from '../../src/http/sign-in.ts';
import { TestClock } from '../support/clock.ts';
import { EndedSessionsInMemory, startEdges, type Edges } from '../support/edges.ts';
import { plainRequest } from '../support/plain-request.ts';

const people: SignInPerson[] = [
  {
    as: 'user',
    about: 'Uses <things>.',
    identity: { sub: 'u1', name: 'Uma & co', isOperator: false },
    token: () => 'a.b.c',
  },
  { as: 'operator', about: 'Runs it.', identity: { sub: 'o1', isOperator: true }, token: async () => 'd.e.f' },
];
const env = { SESSION_SECRET: 'a secret of the sessions of the tests' };
let local: Edges;
let bare: Edges;

beforeAll(async () => {
  local = await startEdges({
    env,
    routes: (sessions) => [createSignInRoutes({ sessions, isLocal: true, people, hasPortal: true, elsewhere: null })],
  });
  bare = await startEdges({
    config: { mode: 'production', publicUrl: new URL('https://till.example') },
    routes: (sessions) => [
      createSignInRoutes({ sessions, isLocal: false, people: [], hasPortal: true, elsewhere: null }),
    ],
  });
});

const others: Edges[] = [];

afterAll(() => Promise.all([local, bare, ...others].map(({ server }) => server.drain())));

/** What a browser sends back of an answer's cookies. */
function jar(cookies: readonly string[]): string {
  return cookies.map((cookie) => cookie.slice(0, cookie.indexOf(';'))).join('; ');
}

async function session(cookie?: string, origin?: string): Promise<Record<string, unknown>> {
  const { status, headers, body } = await plainRequest(local.port, '/session', { headers: { cookie, origin } });
  expect(status).toBe(200);
  expect(headers).toMatchObject({ 'cache-control': 'no-store', 'content-type': 'application/json; charset=utf-8' });
  return JSON.parse(body) as Record<string, unknown>;
}

const nobody = { signedIn: false, signInUrl: '/sign-in', localMode: true };

test('whoever has no session is told where to get one', async () => {
  expect(await session()).toEqual(nobody);
  expect(await session('tollgate-session=forged')).toEqual(nobody);
});

test.each([
  ['user', { name: 'Uma & co', isOperator: false }, 12],
  // Only the provider knows when somebody is no operator any more.
  ['operator', { name: null, isOperator: true }, 1],
])('a link signs in as %s, and the session says who that is', async (as, expected, most) => {
  const answer = await plainRequest(local.port, `/sign-in?as=${as}`);
  expect(answer).toMatchObject({ status: 303, headers: { location: '/', 'cache-control': 'no-store' } });
  const { expiresAt, ...rest } = await session(jar(answer.cookies));
  expect(rest).toEqual({ signedIn: true, localMode: true, signOutUrl: '/sign-out', ...expected });
  const hours = (Date.parse(expiresAt as string) - Date.now()) / 3_600_000;
  expect(hours).toBeGreaterThan(most - 0.1);
  expect(hours).toBeLessThanOrEqual(most);
});

test('a session that is over is shown no more', async () => {
  const clock = new TestClock(new Date());
  const edges = await startEdges({
    env,
    clock,
    routes: (sessions) => [createSignInRoutes({ sessions, isLocal: true, people, hasPortal: true, elsewhere: null })],
  });
  others.push(edges);
  const cookie = jar((await plainRequest(edges.port, '/sign-in?as=user')).cookies);
  const signedIn = async (): Promise<unknown> => {
    const { body } = await plainRequest(edges.port, '/session', { headers: { cookie } });
    return (JSON.parse(body) as { signedIn: unknown }).signedIn;
  };
  clock.forwardMs(12 * 3_600_000 - 1_000);
  expect(await signedIn()).toBe(true);
  clock.forwardMs(1_000);
  expect(await signedIn()).toBe(false);
});

test('a page of another origin is shown no session, though it may ask', async () => {
  const cookie = jar((await plainRequest(local.port, '/sign-in?as=user')).cookies);
  expect(await session(cookie, 'http://localhost:9')).toEqual(nobody);
  expect(await session(cookie, local.url)).toMatchObject({ signedIn: true });
});

test.each([
  ['/usage?from=2026-01-01#top', '/usage?from=2026-01-01#top'],
  ['//evil.example', '/'],
  ['/\\evil.example', '/'],
  ['https://evil.example', '/'],
])('who asked to go to %j is led to %j', async (returnTo, location) => {
  const query = new URLSearchParams({ as: 'user', returnTo }).toString();
  expect((await plainRequest(local.port, `/sign-in?${query}`)).headers).toMatchObject({ location });
});

test('a token is handed to GraphiQL in the fragment, to whoever asks for that', async () => {
  const answer = await plainRequest(local.port, '/sign-in?as=user&to=graphiql&returnTo=/usage');
  expect(answer).toMatchObject({ status: 303, headers: { location: '/graphiql#token=a.b.c' } });
  expect(await session(jar(answer.cookies))).toMatchObject({ signedIn: true });
});

test('where the portal was not built, a link leads to GraphiQL', async () => {
  const without = await startEdges({
    env,
    routes: (sessions) => [createSignInRoutes({ sessions, isLocal: true, people, hasPortal: false, elsewhere: null })],
  });
  others.push(without);
  const answer = await plainRequest(without.port, '/sign-in?as=operator&returnTo=/usage');
  expect(answer).toMatchObject({ status: 303, headers: { location: '/graphiql#token=d.e.f' } });
});

test('the page of the demo names its people, each with a link to the portal and one to GraphiQL', async () => {
  const { status, headers, body } = await plainRequest(local.port, '/sign-in?returnTo=/usage%3Fa%3D1');
  expect(status).toBe(200);
  expect(headers['content-security-policy']).toContain("default-src 'none'");
  expect(body).toContain('<html lang="en">');
  expect(body).toContain('<h1>Sign in</h1>');
  expect(body).toContain('Uma &#38; co');
  expect(body).toContain('Uses &#60;things&#62;.');
  const links = [...body.matchAll(/<a href="([^"]+)"/g)].map(([, href]) => (href ?? '').replaceAll('&#38;', '&'));
  expect(links).toHaveLength(4);
  const names = [...body.matchAll(/<a [^>]*?(?:aria-label="([^"]+)")?>([^<]+)<\/a>/g)].map(
    ([, label, text]) => label ?? text,
  );
  expect(names).toEqual(['Uma &#38; co', 'GraphiQL as Uma &#38; co', 'operator', 'GraphiQL as operator']);
  const leadTo = await Promise.all(
    links.map(async (href) => {
      const { pathname, search } = new URL(href, `${local.url}/sign-in`);
      return (await plainRequest(local.port, pathname + search)).headers['location'];
    }),
  );
  expect(leadTo).toEqual(['/usage?a=1', '/graphiql#token=a.b.c', '/usage?a=1', '/graphiql#token=d.e.f']);
});

test('nobody signs in as a stranger', async () => {
  for (const path of ['/sign-in?as=', '/sign-in?as=toString', '/sign-in?as=root', '/sign-in?as=__proto__']) {
    expect(await plainRequest(local.port, path)).toMatchObject({ status: 404, cookies: [] });
  }
});

test('only a page of ours signs out, and then the browser forgets the session', async () => {
  const cookie = jar((await plainRequest(local.port, '/sign-in?as=user')).cookies);
  const out = (headers: Record<string, string | undefined>, method = 'POST', body?: string) =>
    plainRequest(local.port, '/sign-out', {
      method,
      headers: { cookie, ...headers },
      ...(body !== undefined && { body }),
    });
  const ours = { origin: local.url, 'x-tollgate-csrf': '1' };
  for (const headers of [
    {},
    { origin: local.url },
    { 'x-tollgate-csrf': '1' },
    { ...ours, origin: 'http://localhost:9' },
    { ...ours, 'x-tollgate-csrf': '0' },
  ]) {
    expect(await out(headers)).toMatchObject({ status: 403, cookies: [] });
  }
  expect(await out(ours, 'GET')).toMatchObject({ status: 405, cookies: [] });
  for (const sent of [undefined, '', '{}']) {
    const answer = await out(
      { ...ours, ...(sent !== undefined && { 'content-type': 'application/json' }) },
      'POST',
      sent,
    );
    expect(answer.status).toBe(204);
    expect(answer.cookies).toEqual(['tollgate-session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax']);
  }
});

test('when the end of a session cannot be kept, the browser forgets it all the same and is told that copies live on', async () => {
  const ended = new EndedSessionsInMemory();
  const edges = await startEdges({
    env,
    ended,
    routes: (sessions) => [createSignInRoutes({ sessions, isLocal: true, people, hasPortal: true, elsewhere: null })],
  });
  others.push(edges);
  const cookie = jar((await plainRequest(edges.port, '/sign-in?as=user')).cookies);
  const headers = { cookie, origin: edges.url, 'x-tollgate-csrf': '1' };
  ended.isAway = true;
  const answer = await plainRequest(edges.port, '/sign-out', { method: 'POST', headers });
  expect(answer).toMatchObject({ status: 503, cookies: [expect.stringContaining('Max-Age=0')] });
  // The portal leads there after such an answer.
  const page = await plainRequest(edges.port, '/sign-in?signedOut=here');
  expect(page.body).toContain('<h1>You are signed out in this browser</h1>');
  ended.isAway = false;
  expect((await plainRequest(edges.port, '/sign-out', { method: 'POST', headers })).status).toBe(204);
  expect(ended.ids.size).toBe(1);
});

test('whoever signs in as somebody else ends the session that they had', async () => {
  const cookie = jar((await plainRequest(local.port, '/sign-in?as=user')).cookies);
  const { cookies } = await plainRequest(local.port, '/sign-in?as=operator', { headers: { cookie } });
  expect(await session(cookie)).toEqual(nobody);
  expect(await session(jar(cookies))).toMatchObject({ signedIn: true, isOperator: true });
});

test('production without an identity provider says that nobody can sign in, whoever they say they are', async () => {
  for (const path of ['/sign-in', '/sign-in?as=operator', '/sign-in?as=user&to=graphiql']) {
    const answer = await plainRequest(bare.port, path);
    expect(answer).toMatchObject({ status: 404, cookies: [] });
    expect(answer.body).toContain('<h1>Sign-in is not set up</h1>');
  }
  const { body } = await plainRequest(bare.port, '/session', { headers: { cookie: 'tollgate-session=x' } });
  expect(JSON.parse(body)).toEqual({ ...nobody, localMode: false });
});
