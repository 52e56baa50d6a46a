/** Signing out, on an installation of two processes and a real database. */
import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import { SealedCookie } from '../../src/http/sealed-cookies.ts';
import { loadConfig } from '../../src/config/config.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { TestApp } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { SocketClient } from '../support/edges.ts';
import { plainRequest } from '../support/plain-request.ts';

const SECRET = 'the secret of the sessions of two processes';
const sealing = new SealedCookie({
  ...{ name: 'tollgate-session', secrets: [SECRET], clock: systemClock },
  config: loadConfig({}, 'local'),
});

let bench: Bench;
let one: TestApp;
let two: TestApp;

beforeAll(async () => {
  bench = await Bench.open();
  [one, two] = [await start(), await start()];
});

afterAll(() => bench.close());

const start = (): Promise<TestApp> => bench.server({ env: { SESSION_SECRET: SECRET } });

async function cookieOf(sub: string, lifetimeSeconds = 600): Promise<string> {
  return `tollgate-session=${await sealing.seal({ jti: randomUUID(), sub, operator: false }, lifetimeSeconds)}`;
}

function headersFor({ port }: TestApp, cookie: string): Record<string, string> {
  return { cookie, origin: `http://127.0.0.1:${port}`, 'x-tollgate-csrf': '1', 'content-type': 'application/json' };
}

/** Who the API takes the bearer of this cookie for. */
async function seenBy(app: TestApp, cookie: string): Promise<string | null> {
  const body = JSON.stringify({ query: '{ viewer { subject } }' });
  const answer = await plainRequest(app.port, '/graphql', { method: 'POST', headers: headersFor(app, cookie), body });
  const { data } = JSON.parse(answer.body) as { data?: { viewer: { subject: string } } | null };
  return data?.viewer.subject ?? null;
}

async function isSignedIn(app: TestApp, cookie: string): Promise<boolean> {
  const { body } = await plainRequest(app.port, '/session', { headers: { cookie } });
  return (JSON.parse(body) as { signedIn: boolean }).signedIn;
}

async function socketTo(app: TestApp, cookie: string): Promise<SocketClient> {
  const origin = `http://127.0.0.1:${app.port}`;
  return new SocketClient(app.socketUrl, { origin, headers: { cookie } }).connect(undefined);
}

const signOut = (app: TestApp, cookie: string): ReturnType<typeof plainRequest> =>
  plainRequest(app.port, '/sign-out', { method: 'POST', headers: headersFor(app, cookie) });

test('ends the session on every process: copies of its cookie stand for nobody, and its sockets close', async () => {
  const [cookie, other] = [await cookieOf('ada'), await cookieOf('ada')];
  expect(await Promise.all([one, two].map((app) => seenBy(app, cookie)))).toEqual(['ada', 'ada']);
  const sockets = await Promise.all([socketTo(one, cookie), socketTo(two, cookie)]);
  const spared = await socketTo(two, other);
  expect(await signOut(one, cookie)).toMatchObject({ status: 204, cookies: [expect.stringContaining('Max-Age=0')] });

  expect([await seenBy(one, cookie), await isSignedIn(one, cookie)]).toEqual([null, false]);
  expect(await sockets[0].closed).toEqual({ code: 4403, reason: 'Signed out' });
  // The other process learns of it by itself: nothing is sent to it.
  expect(await sockets[1].closed).toEqual({ code: 4403, reason: 'Signed out' });
  expect([await seenBy(two, cookie), await isSignedIn(two, cookie)]).toEqual([null, false]);
  const late = new SocketClient(two.socketUrl, { origin: `http://127.0.0.1:${two.port}`, headers: { cookie } });
  await late.opened();
  late.send({ type: 'connection_init' });
  expect(await late.closed).toMatchObject({ code: 4401 });

  // Another session of the same person is another browser.
  expect([await seenBy(one, other), await seenBy(two, other)]).toEqual(['ada', 'ada']);
  expect(spared.socket.readyState).toBe(WebSocket.OPEN);
  await spared.close();
});

test('outlives the processes that knew of it, until the session would have ended by itself', async () => {
  const cookie = await cookieOf('bo');
  expect(await seenBy(one, cookie)).toBe('bo');
  await signOut(one, cookie);
  // A second time is no mistake.
  expect((await signOut(two, cookie)).status).toBe(204);
  const three = await start();
  expect([await seenBy(three, cookie), await isSignedIn(three, cookie)]).toEqual([null, false]);

  const admin = bench.admin();
  const left = async (): Promise<number> =>
    (await admin.query<{ count: number }>('select count(*)::int as count from ended_session')).rows[0]?.count ?? 0;
  await three.services.endedSessions.end({ id: randomUUID(), expiresAt: new Date(Date.now() - 1) });
  const before = await left();
  await three.services.endedSessions.forget();
  expect(await left()).toBe(before - 1);
  expect(await seenBy(three, cookie)).toBeNull();
});

test('needs a session that is sealed with an id of its own', async () => {
  const cookie = `tollgate-session=${await sealing.seal({ sub: 'cy', operator: false }, 600)}`;
  expect([await seenBy(one, cookie), await isSignedIn(one, cookie)]).toEqual([null, false]);
  expect((await signOut(one, cookie)).status).toBe(204);
});
