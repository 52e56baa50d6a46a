import fc from 'fast-check';
import { SignJWT } from 'jose';
import { loadConfig } from '../../src/config/config.ts';
import { type Authenticator, createAuthenticator } from '../../src/http/authentication.ts';
import { createLog } from '../../src/kernel/log.ts';

const SECRET = 'a-secret-of-the-tests-long-enough-for-hs256';

function authenticatorOf(claim: string | null): Authenticator {
  const env = { AUTH_JWT_SECRET: SECRET, ...(claim !== null && { AUTH_ORGANIZATION_CLAIM: claim }) };
  return createAuthenticator({
    auth: loadConfig(env, 'local').auth,
    ensureUser: async () => ({ billingEntityId: '01a2063a-0000-7000-8000-00000000000a' }),
    authenticateKey: () => Promise.reject(new Error('there are no keys')),
    clock: { now: () => new Date('2026-03-10T12:00:00.000Z') },
    log: createLog({ level: 'silent' }),
  });
}

function bearer(claims: Record<string, unknown>): Promise<string> {
  return new SignJWT({ exp: 1_900_000_000, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('ada')
    .sign(new TextEncoder().encode(SECRET))
    .then((token) => `Bearer ${token}`);
}

/** What the principal says, when it is new and when it is remembered. */
async function claimed(authenticator: Authenticator, claims: Record<string, unknown>): Promise<readonly string[]> {
  const authorization = await bearer(claims);
  const [first, again] = [
    await authenticator.authenticate(authorization),
    await authenticator.authenticate(authorization),
  ];
  expect(again).toBe(first);
  return first?.kind === 'USER' ? (first.claimedOrganizations ?? []) : [];
}

const texts = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('', 'acme', 'a\0b', '\ud800', 'x'.repeat(255), 'x'.repeat(256)),
);
/** Names an organization that PostgreSQL can keep and that could be one. */
const isName = (value: unknown): value is string =>
  typeof value === 'string' &&
  value.length >= 1 &&
  value.length <= 255 &&
  !value.includes('\0') &&
  Buffer.from(value).toString() === value;

test('a claim names organizations by a text or a list of texts; whatever else is in it names none, and hurts nobody', async () => {
  const authenticator = authenticatorOf('orgs');
  const values = fc.oneof(
    texts,
    fc.array(fc.oneof(texts, fc.jsonValue({ maxDepth: 1 })), { maxLength: 8 }),
    fc.jsonValue(),
  );
  await fc.assert(
    fc.asyncProperty(values, async (value) => {
      const given = JSON.parse(JSON.stringify(value)) as unknown;
      const list = Array.isArray(given) ? (given as unknown[]) : [given];
      expect(await claimed(authenticator, { orgs: value })).toEqual(list.filter(isName));
    }),
    { numRuns: 200 },
  );
});

test('no more of them are heard than anybody administers', async () => {
  const many = Array.from({ length: 400 }, (_, index) => `o${index}`);
  expect(await claimed(authenticatorOf('orgs'), { orgs: many })).toEqual(many.slice(0, 256));
});

test('no other claim names any, nor one that every object has', async () => {
  expect(await claimed(authenticatorOf(null), { orgs: 'acme', organizations: ['acme'] })).toEqual([]);
  expect(await claimed(authenticatorOf('orgs'), { Orgs: 'acme', 'orgs ': 'acme' })).toEqual([]);
  for (const name of ['constructor', 'toString', '__proto__']) {
    expect(await claimed(authenticatorOf(name), {})).toEqual([]);
  }
  expect(await claimed(authenticatorOf('https://id.example/orgs'), { 'https://id.example/orgs': 'acme' })).toEqual([
    'acme',
  ]);
});

test('services and operators claim nothing: they name whom they like', async () => {
  for (const scope of ['billing:usage', 'billing:operator']) {
    expect(await claimed(authenticatorOf('orgs'), { scope, orgs: 'acme' })).toEqual([]);
  }
});
