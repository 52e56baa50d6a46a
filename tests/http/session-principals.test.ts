import fc from 'fast-check';
import { SignJWT, type JWTPayload } from 'jose';
import { type Config, loadConfig } from '../../src/config/config.ts';
import { createAuthenticator } from '../../src/http/authentication.ts';
import { createPrincipals, type EnsureUser } from '../../src/http/principals.ts';
import { type Identity, Sessions } from '../../src/http/sessions.ts';
import { createLog } from '../../src/kernel/log.ts';
import { systemScheduler } from '../../src/kernel/scheduler.ts';
import { TestClock } from '../support/clock.ts';
import { EndedSessionsInMemory } from '../support/edges.ts';

const clock = new TestClock(new Date('2026-03-10T12:00:00.000Z'));
const log = createLog({ level: 'silent' });
const config: Config = loadConfig(
  {
    SESSION_SECRET: 'a secret of the sessions of the tests',
    AUTH_JWT_SECRET: 'a secret of the tokens of the tests, long',
    AUTH_ORGANIZATION_CLAIM: 'orgs',
  },
  'local',
);

const running: Sessions[] = [];
const about = {
  ...{ config, isOwnPage: () => true, clock, log },
  ended: new EndedSessionsInMemory(),
  scheduler: systemScheduler,
};

afterAll(() => running.forEach((sessions) => sessions.stop()));

function world(): { sessions: Sessions; authenticate: (token: string) => unknown; seen: unknown[] } {
  const seen: unknown[] = [];
  const ensureUser: EnsureUser = async (user) => {
    seen.push(user);
    return { billingEntityId: `entity of ${user.externalId}` };
  };
  const principalOf = createPrincipals({ organizationClaim: config.auth.organizationClaim, ensureUser });
  const sessions = new Sessions({ ...about, principalOf });
  running.push(sessions);
  const authenticateKey = (): Promise<never> => Promise.reject(new Error('no key'));
  const authenticator = createAuthenticator({ auth: config.auth, ensureUser, authenticateKey, clock, log });
  return { sessions, authenticate: (token) => authenticator.authenticate(`Bearer ${token}`), seen };
}

const sealedIn = (setCookie: string): string => setCookie.slice(setCookie.indexOf('=') + 1, setCookie.indexOf(';'));

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const identities: fc.Arbitrary<Identity> = fc.record(
  {
    sub: fc.string({ minLength: 1, maxLength: 40 }).filter((sub) => !sub.includes('\0')),
    name: text,
    email: text,
    email_verified: fc.boolean(),
    organizations: fc.array(text, { maxLength: 6 }),
    isOperator: fc.boolean(),
  },
  { requiredKeys: ['sub', 'isOperator'] },
);

test('a session becomes the principal that a token with the same claims would, and makes the same user', async () => {
  await fc.assert(
    fc.asyncProperty(identities, async (identity) => {
      const { isOperator, organizations, ...claims } = identity;
      const { email, email_verified, ...rest } = claims;
      const token: JWTPayload = {
        ...rest,
        ...(email !== undefined && { email, ...(email_verified !== undefined && { email_verified }) }),
        ...(organizations !== undefined && { orgs: organizations }),
        ...(isOperator && { scope: 'billing:operator' }),
        exp: clock.now().getTime() / 1000 + (isOperator ? 1 : 12) * 3600,
      };
      const signed = await new SignJWT(token)
        .setProtectedHeader({ alg: 'HS256' })
        .sign(Buffer.from(config.auth.jwtSecret ?? ''));
      const [one, two] = [world(), world()];
      const bySession = await one.sessions.principalOf(sealedIn(await one.sessions.begin(identity, 'localhost')));
      const byToken = await two.authenticate(signed);
      expect(bySession).toEqual(byToken);
      expect(one.seen).toEqual(two.seen);
    }),
    { numRuns: 150 },
  );
});

test('a browser keeps the cookie of whoever it is', async () => {
  const long = fc.string({ unit: 'binary', maxLength: 255, size: 'max' });
  const many = fc.array(long, { maxLength: 256, size: 'max' });
  await fc.assert(
    fc.asyncProperty(long, long, long, many, async (sub, name, email, organizations) => {
      const { sessions } = world();
      const identity = { sub: `x${sub}`.slice(0, 255), name, email, organizations, isOperator: false };
      const cookie = await sessions.begin(identity, 'till.example');
      expect(cookie.indexOf(';')).toBeLessThanOrEqual(4_096);
      const sealed = sealedIn(cookie);
      expect(
        (await sessions.shown({ cookie: `__Host-tollgate-session=${sealed}`, host: 'till.example' })) !== null,
      ).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test('requests that come together with a new session make its user once, and a session whose user cannot be made is tried again', async () => {
  let calls = 0;
  const ensureUser: EnsureUser = async () => {
    calls += 1;
    if (calls === 1) throw new Error('the database is away');
    return { billingEntityId: 'e1' };
  };
  const principalOf = createPrincipals({ organizationClaim: null, ensureUser });
  const sessions = new Sessions({ ...about, principalOf });
  running.push(sessions);
  const sealed = sealedIn(await sessions.begin({ sub: 'ada', isOperator: false }, 'localhost'));
  await expect(sessions.principalOf(sealed)).rejects.toThrow('the database is away');
  const again = await Promise.all(Array.from({ length: 5 }, () => sessions.principalOf(sealed)));
  for (const principal of again) expect(principal).toMatchObject({ kind: 'USER', subject: 'ada' });
  expect(calls).toBe(2);
});
