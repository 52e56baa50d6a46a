/** `providerSecret(failClosed:)` as services meet it: who never had a key is told from whose key has ended. */
import { type GraphqlAnswer, send, type TestApp } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { TestClock } from '../support/clock.ts';
import { socketClient } from '../support/live-client.ts';
import { type Ask, asker, Clients } from '../support/organizations.ts';

let bench: Bench;
let app: TestApp;
let ask: Ask;
let clients: Clients;
const clock = new TestClock();

beforeAll(async () => {
  bench = await Bench.open();
  app = await bench.server({ clock });
  ask = asker(() => app.url);
  clients = await Clients.open(ask);
});

afterAll(() => bench.close());

const SECRET = `mutation ($input: ProviderSecretInput!) { providerSecret(input: $input) { secret apiKey { id status } } }`;
const REVOKE = 'mutation ($id: ID!) { revokeApiKey(id: $id) { status } }';
const ROTATE = 'mutation ($input: RotateApiKeyInput!) { rotateApiKey(input: $input) { apiKey { id } } }';
const PROLONG = 'mutation ($id: ID!, $at: DateTime) { updateApiKey(input: { id: $id, expiresAt: $at }) { status } }';
const SUSPEND = 'mutation ($id: ID!) { suspendBillingEntity(input: { billingEntityId: $id }, reason: "abuse") { id } }';

const secretOf = (name: string): string => `sk-${name.replaceAll(/\W/g, '-')}-${'a1B2'.repeat(6)}`;
const read = (input: Readonly<Record<string, unknown>>, token = clients.service): Promise<GraphqlAnswer> =>
  send(app.url, token, SECRET, { input: { provider: 'OPENAI', ...input } });

/** What an answer comes to: the secret, null, or the extensions of its error. */
function cameTo({ data, errors }: GraphqlAnswer): unknown {
  if (errors.length > 0) return errors.map(({ extensions }) => extensions);
  return (data as { providerSecret: { secret: string } | null } | null)?.providerSecret?.secret ?? null;
}

const ended = (keyStatus: 'EXPIRED' | 'REVOKED') => [{ code: 'CONFLICT', keyStatus }];

type Fate = 'lives' | 'expires' | 'is revoked' | 'expires and is revoked';
interface Made {
  readonly fate: Fate;
  readonly terms?: Readonly<Record<string, unknown>>;
}

/** Keys that an owner made, the oldest first, and what a service that asks for OPENAI's finds of them. */
const HISTORIES: Readonly<Record<string, { readonly made: readonly Made[]; readonly found: string | null }>> = {
  nothing: { made: [], found: null },
  'one that lives': { made: [{ fate: 'lives' }], found: 'ACTIVE' },
  'one that expired': { made: [{ fate: 'expires' }], found: 'EXPIRED' },
  'one that was revoked': { made: [{ fate: 'is revoked' }], found: 'REVOKED' },
  'one that expired and was revoked': { made: [{ fate: 'expires and is revoked' }], found: 'REVOKED' },
  'a revoked one, then one that expired': { made: [{ fate: 'is revoked' }, { fate: 'expires' }], found: 'EXPIRED' },
  'one that expired, then a revoked one': { made: [{ fate: 'expires' }, { fate: 'is revoked' }], found: 'REVOKED' },
  'one that lives, then a revoked one': { made: [{ fate: 'lives' }, { fate: 'is revoked' }], found: 'ACTIVE' },
  'a revoked one of another provider': {
    made: [{ fate: 'is revoked', terms: { provider: 'ANTHROPIC', secret: `sk-ant-${'a1B2'.repeat(6)}` } }],
    found: null,
  },
  'a revoked PLATFORM one': { made: [{ fate: 'is revoked', terms: { type: 'PLATFORM', secret: null } }], found: null },
};
const NAMES = Object.keys(HISTORIES);

/** Makes the keys, all of which have met their fate when the clock stands at `until`. */
async function live(token: string, ownerId: string, name: string, until: Date): Promise<void> {
  for (const { fate, terms = {} } of HISTORIES[name]?.made ?? []) {
    const expiresAt = fate.startsWith('expires') ? until : null;
    const secret = secretOf(`${ownerId.slice(-12)} ${name}`);
    const { id } = await clients.createKey(token, ownerId, { type: 'CUSTOM', secret, expiresAt, ...terms });
    if (fate.endsWith('is revoked')) await ask(token, REVOKE, { id });
  }
}

describe('a service that fails closed', () => {
  interface Owner {
    readonly id: string;
    readonly externalId: string;
  }
  const pools = new Map<string, Owner>();
  const users = new Map<string, Owner>();
  let square: Owner;

  beforeAll(async () => {
    const until = new Date(clock.now().getTime() + 60_000);
    for (const name of NAMES) {
      const [pool, user] = [await clients.organization('PRIVATE'), await clients.user(0)];
      await live(pool.owner, pool.id, name, until);
      await live(user.token, user.id, name, until);
      pools.set(name, pool);
      users.set(name, user);
    }
    const revoked = await clients.organization('PUBLIC');
    await live(revoked.owner, revoked.id, 'one that was revoked', until);
    square = revoked;
    for (const pool of pools.values()) {
      for (const user of users.values()) await clients.setMember(clients.operator, pool.id, user.externalId);
    }
    clock.set(until);
  });

  /** The answer, by the histories of those whose keys apply: the payer's first. */
  function expected(owners: readonly (readonly [string, Owner])[], failClosed: boolean): unknown {
    const found = owners.map(([name, { id }]) => ({
      status: HISTORIES[name]?.found,
      secret: secretOf(`${id.slice(-12)} ${name}`),
    }));
    const living = found.find(({ status }) => status === 'ACTIVE');
    if (living !== undefined) return living.secret;
    const status = found.find((each) => each.status !== null)?.status;
    return failClosed && status != null ? ended(status as 'EXPIRED') : null;
  }

  it.each(NAMES)('finds of a user with %s what there is, alone and in a PUBLIC organization', async (name) => {
    const user = users.get(name) as Owner;
    const own = { userExternalId: user.externalId };
    for (const failClosed of [false, true]) {
      const answer = expected([[name, user]], failClosed);
      expect(cameTo(await read({ ...own, failClosed }))).toEqual(answer);
      // What the organization had is nobody's there: the user pays.
      expect(cameTo(await read({ ...own, organizationExternalId: square.externalId, failClosed }))).toEqual(answer);
    }
    expect(cameTo(await read(own))).toEqual(expected([[name, user]], false));
  });

  it.each(NAMES)('finds of a pool with %s what there is, and then of each of its users', async (name) => {
    const pool = pools.get(name) as Owner;
    const there = { organizationExternalId: pool.externalId };
    for (const failClosed of [false, true]) {
      expect(cameTo(await read({ ...there, failClosed }))).toEqual(expected([[name, pool]], failClosed));
      for (const [other, user] of users) {
        const answer = cameTo(await read({ ...there, userExternalId: user.externalId, failClosed }));
        const owners = [
          [name, pool],
          [other, user],
        ] as const;
        expect({ other, failClosed, answer }).toEqual({ other, failClosed, answer: expected(owners, failClosed) });
      }
    }
  });

  it('hears the same over a socket', async () => {
    const client = socketClient(app.socketUrl, clients.service);
    try {
      const userExternalId = (users.get('one that was revoked') as Owner).externalId;
      const input = { provider: 'OPENAI', userExternalId, failClosed: true };
      const answer = await client.iterate({ query: SECRET, variables: { input } }).next();
      const value = answer.value as { errors: { extensions: unknown }[] };
      expect(value.errors.map(({ extensions }) => extensions)).toEqual(ended('REVOKED'));
    } finally {
      await client.dispose();
    }
  });
});

describe('failing closed', () => {
  it('ends with a new key, or with an end that is moved', async () => {
    const { id, token, externalId: userExternalId } = await clients.user(0);
    const asked = async (): Promise<unknown> => cameTo(await read({ userExternalId, failClosed: true }));
    const end = new Date(clock.now().getTime() + 60_000);
    const secret = secretOf('first');
    const first = await clients.createKey(token, id, { type: 'CUSTOM', secret, expiresAt: end });
    expect(await asked()).toBe(secret);
    clock.set(end);
    expect(await asked()).toEqual(ended('EXPIRED'));
    await ask(token, PROLONG, { id: first.id, at: new Date(end.getTime() + 60_000) });
    expect(await asked()).toBe(secret);
    // A new secret is no new key: it ends when the key does.
    await ask(token, ROTATE, { input: { id: first.id, secret: secretOf('rotated') } });
    expect(await asked()).toBe(secretOf('rotated'));
    clock.forwardMs(60_000);
    expect(await asked()).toEqual(ended('EXPIRED'));
    await ask(token, REVOKE, { id: first.id });
    expect(await asked()).toEqual(ended('REVOKED'));
    await clients.createKey(token, id, { type: 'CUSTOM', secret: secretOf('second') });
    expect(await asked()).toBe(secretOf('second'));
  });

  it('gives nothing away: no secret, no audit entry, no use of the key', async () => {
    const { id, token, externalId: userExternalId } = await clients.user(0);
    const key = await clients.createKey(token, id, { type: 'CUSTOM', secret: secretOf('hunter2') });
    await ask(token, REVOKE, { id: key.id });
    const answer = await read({ userExternalId, failClosed: true });
    expect(answer.data).toEqual({ providerSecret: null });
    expect(JSON.stringify(answer)).not.toContain('hunter2');
    const seen = `query ($id: ID!, $key: ID!) { billingEntity(id: $id) {
      apiKey(id: $key) { lastUsedAt } auditLog(first: 100) { edges { node { action } } }
    } }`;
    const { apiKey, auditLog } = await ask<{ apiKey: unknown; auditLog: { edges: { node: { action: string } }[] } }>(
      token,
      seen,
      { id, key: key.id },
    );
    expect(apiKey).toEqual({ lastUsedAt: null });
    expect(auditLog.edges.map(({ node }) => node.action)).not.toContain('apiKey.secret.read');
  });

  it('says of a key that is named what has become of it, asked to or not', async () => {
    const { id, token, externalId: userExternalId } = await clients.user(0);
    const end = new Date(clock.now().getTime() + 60_000);
    const expired = await clients.createKey(token, id, { type: 'CUSTOM', secret: secretOf('e'), expiresAt: end });
    const revoked = await clients.createKey(token, id, { type: 'CUSTOM', secret: secretOf('r') });
    const living = await clients.createKey(token, id, { type: 'CUSTOM', secret: secretOf('l') });
    await ask(token, REVOKE, { id: revoked.id });
    clock.set(end);
    for (const failClosed of [false, true]) {
      const named = async ({ id: apiKeyId }: { id: string }): Promise<unknown> =>
        cameTo(await read({ userExternalId, apiKeyId, failClosed }));
      expect([await named(expired), await named(revoked), await named(living)]).toEqual([
        ended('EXPIRED'),
        ended('REVOKED'),
        secretOf('l'),
      ]);
    }
  });

  it('changes nothing for those who may not ask, nor about whom nothing is told', async () => {
    const [user, stranger] = [await clients.user(0), await clients.user(0)];
    const { owner, id, externalId: organizationExternalId } = await clients.organization('PRIVATE');
    const userExternalId = user.externalId;
    for (const [token, ownerId] of [
      [user.token, user.id],
      [owner, id],
    ] as const) {
      const key = await clients.createKey(token, ownerId, { type: 'CUSTOM', secret: secretOf('x') });
      await ask(token, REVOKE, { id: key.id });
    }
    const theirs = await clients.createKey(stranger.token, stranger.id, { type: 'CUSTOM', secret: secretOf('s') });
    await ask(stranger.token, REVOKE, { id: theirs.id });
    for (const failClosed of [false, true]) {
      const codes = async (input: Readonly<Record<string, unknown>>, token = clients.service): Promise<unknown> =>
        cameTo(await read({ ...input, failClosed }, token));
      for (const token of [user.token, owner, clients.operator]) {
        expect(await codes({ userExternalId }, token)).toEqual([{ code: 'FORBIDDEN' }]);
      }
      expect(await codes({ userExternalId: 'never-seen' })).toBeNull();
      for (const nothing of [
        { userExternalId, organizationExternalId },
        { userExternalId: 'never-seen', organizationExternalId },
        { userExternalId, organizationExternalId: 'never-seen' },
        { userExternalId, apiKeyId: theirs.id },
      ]) {
        expect(await codes(nothing)).toEqual([{ code: 'NOT_FOUND' }]);
      }
      expect(await codes({})).toEqual([{ code: 'BAD_USER_INPUT' }]);
    }
    await ask(clients.operator, SUSPEND, { id: user.id });
    expect(cameTo(await read({ userExternalId, failClosed: true }))).toEqual([{ code: 'CONFLICT' }]);
    expect(cameTo(await read({ userExternalId, failClosed: null }))).toMatchObject([{ code: 'BAD_USER_INPUT' }]);
  });
});
