/** Use stays counted, in keys and in members, whatever becomes of those whom it names. */
import type { TestApp } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { TestClock } from '../support/clock.ts';
import {
  type Answer,
  type Ask,
  asker,
  Clients,
  CONSUME,
  RESERVE,
  tokensFor,
  UPDATE_ORGANIZATION,
} from '../support/organizations.ts';

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

beforeEach(() => clock.set('2026-03-10T12:00:00Z'));

afterAll(() => bench.close());

type Organization = Awaited<ReturnType<Clients['organization']>>;
type User = Awaited<ReturnType<Clients['user']>>;
type Key = Awaited<ReturnType<Clients['createKey']>>;

const REMOVE = 'mutation ($input: RemoveMemberInput!) { removeMember(input: $input) }';
const INVITE = 'mutation ($input: SetMemberInput!) { setMember(input: $input) { status } }';
const SUSPEND = 'mutation ($id: ID!) { suspendBillingEntity(input: { billingEntityId: $id }, reason: "abuse") { id } }';
const REVOKE = 'mutation ($id: ID!) { revokeApiKey(id: $id) { status } }';
const ROTATE = 'mutation ($input: RotateApiKeyInput!) { rotateApiKey(input: $input) { apiKey { id } } }';
const EXPIRE = 'mutation ($id: ID!, $at: DateTime) { updateApiKey(input: { id: $id, expiresAt: $at }) { status } }';
const CUSTOM = { type: 'CUSTOM', billingMode: 'FULL', secret: `sk-${'a1B2'.repeat(12)}` };

const setVisibility = (club: Organization, visibility: string): Promise<unknown> =>
  ask(club.owner, UPDATE_ORGANIZATION, { input: { billingEntityId: club.id, visibility } });
const remove = (token: string, club: Organization, { externalId: userExternalId }: User): Promise<unknown> =>
  ask(token, REMOVE, { input: { billingEntityId: club.id, userExternalId } });
const invite = (club: Organization, { externalId: userExternalId }: User): Promise<unknown> =>
  ask(club.owner, INVITE, { input: { billingEntityId: club.id, userExternalId, role: 'MEMBER' } });
const join = (club: Organization, { externalId }: User, terms = {}): Promise<void> =>
  clients.setMember(club.owner, club.id, externalId, terms);

async function consume(token: string | null, input: Readonly<Record<string, unknown>>): Promise<Answer> {
  return ask<Answer>(token as string, CONSUME, { input: { idempotencyKey: clients.next(), ...input } });
}

/** What each way to ask for the key says that it used, which is the same. */
async function usedBy(ownerId: string, { id }: Key, token = clients.operator): Promise<number> {
  const { apiKey, apiKeys } = await ask<{
    apiKey: { usedThisPeriod: number };
    apiKeys: { edges: { node: { id: string; usedThisPeriod: number } }[] };
  }>(
    token,
    `query ($owner: ID!, $id: ID!) { billingEntity(id: $owner) {
      apiKey(id: $id) { usedThisPeriod } apiKeys(includeRevoked: true) { edges { node { id usedThisPeriod } } }
    } }`,
    { owner: ownerId, id },
  );
  expect(apiKeys.edges.find(({ node }) => node.id === id)?.node.usedThisPeriod).toBe(apiKey.usedThisPeriod);
  return apiKey.usedThisPeriod;
}

interface MemberRow {
  readonly status: string;
  readonly usedThisPeriod: number;
  readonly drawnThisPeriod: number;
}

/** The member as the organization lists them; undefined: it does not. */
async function listed(club: Organization, { externalId }: User): Promise<MemberRow | undefined> {
  const { members } = await ask<{ members: { edges: { node: MemberRow & { user: { externalId: string } } }[] } }>(
    clients.operator,
    `query ($id: ID!) { billingEntity(id: $id) { members(first: 100) { edges { node {
      status usedThisPeriod drawnThisPeriod user { externalId }
    } } } } }`,
    { id: club.id },
  );
  const found = members.edges.find(({ node }) => node.user.externalId === externalId)?.node;
  return (
    found && { status: found.status, usedThisPeriod: found.usedThisPeriod, drawnThisPeriod: found.drawnThisPeriod }
  );
}

interface World {
  readonly club: Organization;
  readonly person: User;
  /** A PLATFORM key of the person: 1 of their own, 10 of the pool. */
  readonly own: Key;
  /** A CUSTOM key of the person, which a service names: 100 of the pool. */
  readonly custom: Key;
  /** A PLATFORM key of the pool: 1000 for the person, 2000 for nobody. */
  readonly pools: Key;
}

/** A member of a pool, and use on each kind of key. */
async function world(): Promise<World> {
  const [club, person] = [await clients.organization('PRIVATE', 10_000), await clients.user(1_000)];
  await join(club, person);
  const own = await clients.createKey(person.token, person.id);
  const custom = await clients.createKey(person.token, person.id, CUSTOM);
  const pools = await clients.createKey(club.owner, club.id);
  const [there, by] = [{ organizationExternalId: club.externalId }, { userExternalId: person.externalId }];
  const answers = [
    await consume(own.secret, { lines: tokensFor(1) }),
    await consume(own.secret, { lines: tokensFor(10), ...there }),
    await consume(clients.service, { lines: tokensFor(100), ...there, ...by, apiKeyId: custom.id }),
    await consume(pools.secret, { lines: tokensFor(1_000), ...by }),
    await consume(pools.secret, { lines: tokensFor(2_000) }),
  ];
  expect(answers.map(({ credits }) => credits)).toEqual([1, 10, 100, 1_000, 2_000]);
  return { club, person, own, custom, pools };
}

const active = { status: 'ACTIVE', usedThisPeriod: 1_110, drawnThisPeriod: 1_110 };

/** What may become of those whom use names, and how the person is listed then. */
const CHANGES: Readonly<
  Record<string, { readonly change: (world: World) => Promise<unknown>; readonly member: MemberRow | undefined }>
> = {
  'nothing changes': { change: async () => undefined, member: active },
  'the person leaves': { change: ({ club, person }) => remove(person.token, club, person), member: undefined },
  'the person is removed': { change: ({ club, person }) => remove(club.owner, club, person), member: undefined },
  'the person is removed and invited again': {
    change: async ({ club, person }) => {
      await remove(club.owner, club, person);
      await invite(club, person);
    },
    // An invitation says nothing of whom it is for.
    member: { status: 'INVITED', usedThisPeriod: 0, drawnThisPeriod: 0 },
  },
  'the person leaves, is invited again and declines': {
    change: async ({ club, person }) => {
      await remove(person.token, club, person);
      await invite(club, person);
      await ask(person.token, 'mutation ($id: ID!) { declineInvitation(billingEntityId: $id) }', { id: club.id });
    },
    member: undefined,
  },
  'the person leaves and comes back': {
    change: async ({ club, person }) => {
      await remove(person.token, club, person);
      await join(club, person);
    },
    member: active,
  },
  'the membership is suspended': {
    change: ({ club, person }) => join(club, person, { status: 'SUSPENDED' }),
    member: { ...active, status: 'SUSPENDED' },
  },
  'the person is suspended': {
    change: ({ person }) => ask(clients.operator, SUSPEND, { id: person.id }),
    member: active,
  },
  'the organization is suspended': {
    change: ({ club }) => ask(clients.operator, SUSPEND, { id: club.id }),
    member: active,
  },
  'the organization turns PUBLIC': { change: ({ club }) => setVisibility(club, 'PUBLIC'), member: active },
  'the organization turns PUBLIC, and the person leaves': {
    change: async ({ club, person }) => {
      await setVisibility(club, 'PUBLIC');
      await remove(person.token, club, person);
    },
    member: undefined,
  },
  'the organization turns PUBLIC and PRIVATE again': {
    change: async ({ club }) => {
      await setVisibility(club, 'PUBLIC');
      await setVisibility(club, 'PRIVATE');
    },
    member: active,
  },
  'the keys are rotated': {
    change: async ({ own, custom, pools }) => {
      await ask(clients.operator, ROTATE, { input: { id: own.id } });
      await ask(clients.operator, ROTATE, { input: { id: custom.id, secret: `sk-${'c3D4'.repeat(12)}` } });
      await ask(clients.operator, ROTATE, { input: { id: pools.id } });
    },
    member: active,
  },
  'the keys expire': {
    change: async ({ own, custom, pools }) => {
      const at = new Date(clock.now().getTime() + 60_000);
      for (const { id } of [own, custom, pools]) await ask(clients.operator, EXPIRE, { id, at });
      clock.forwardMs(60_000);
    },
    member: active,
  },
  'the keys are revoked': {
    change: async ({ own, custom, pools }) => {
      for (const { id } of [own, custom, pools]) await ask(clients.operator, REVOKE, { id });
    },
    member: active,
  },
  'the keys are revoked, and the person leaves': {
    change: async ({ club, person, own, custom, pools }) => {
      for (const { id } of [own, custom, pools]) await ask(clients.operator, REVOKE, { id });
      await remove(person.token, club, person);
    },
    member: undefined,
  },
};

describe('what was used stays counted', () => {
  it.each(Object.entries(CHANGES))('while %s', async (_name, { change, member }) => {
    const made = await world();
    const { club, person, own, custom, pools } = made;
    await change(made);
    expect({
      own: await usedBy(person.id, own),
      custom: await usedBy(person.id, custom),
      pools: await usedBy(club.id, pools),
      member: await listed(club, person),
    }).toEqual({ own: 11, custom: 100, pools: 3_000, member });
  });

  it('for the key’s owner too, who has left', async () => {
    const { club, person, own } = await world();
    await remove(person.token, club, person);
    expect(await usedBy(person.id, own, person.token)).toBe(11);
  });

  it('wherever the key is read: by itself, with its use and holds, in sums, and where it is changed', async () => {
    const { club, person, own } = await world();
    await ask(own.secret as string, RESERVE, { input: { idempotencyKey: clients.next(), lines: tokensFor(5) } });
    await remove(person.token, club, person);
    const viewer = await ask<object>(own.secret as string, '{ viewer { apiKey { usedThisPeriod } } }');
    const entity = await ask<object>(
      person.token,
      `query ($id: ID!) { billingEntity(id: $id) {
        usage { edges { node { apiKey { usedThisPeriod } } } }
        reservations { edges { node { apiKey { usedThisPeriod } } } }
        usageSummary(groupBy: [API_KEY], interval: TOTAL, from: "2026-03-01T00:00:00Z", to: "2026-04-01T00:00:00Z") { apiKey { usedThisPeriod } }
      } }`,
      { id: person.id },
    );
    const changed = [
      await ask<object>(
        person.token,
        'mutation ($id: ID!) { updateApiKey(input: { id: $id, name: "x" }) { usedThisPeriod } }',
        own,
      ),
      await ask<object>(
        person.token,
        'mutation ($id: ID!) { rotateApiKey(input: { id: $id }) { apiKey { usedThisPeriod } } }',
        own,
      ),
      await ask<object>(person.token, 'mutation ($id: ID!) { revokeApiKey(id: $id) { usedThisPeriod } }', own),
    ];
    const seen = JSON.stringify([viewer, entity, changed]).match(/"usedThisPeriod":\d+/g);
    expect(seen).toEqual(Array(7).fill('"usedThisPeriod":11'));
  });

  it('over changes of who pays, in what each of them paid', async () => {
    const [club, person] = [await clients.organization('PRIVATE', 1_000), await clients.user(1_000)];
    await join(club, person);
    const own = await clients.createKey(person.token, person.id);
    for (const [visibility, credits] of [
      ['PRIVATE', 10],
      ['PUBLIC', 20],
      ['PRIVATE', 30],
    ] as const) {
      await setVisibility(club, visibility);
      const use = { lines: tokensFor(credits), organizationExternalId: club.externalId };
      expect(await consume(own.secret, use)).toMatchObject({ credits });
    }
    const used = { status: 'ACTIVE', usedThisPeriod: 60, drawnThisPeriod: 40 };
    expect([await usedBy(person.id, own), await listed(club, person)]).toEqual([60, used]);
    await remove(club.owner, club, person);
    expect([await usedBy(person.id, own), await listed(club, person)]).toEqual([60, undefined]);
    await join(club, person);
    expect([await usedBy(person.id, own), await listed(club, person)]).toEqual([60, used]);
  });

  it('when work that was admitted before is settled after its user has left', async () => {
    const { club, person, custom } = await world();
    const { reservation } = await ask<{ reservation: { id: string } }>(clients.service, RESERVE, {
      input: {
        ...{ idempotencyKey: clients.next(), lines: tokensFor(50), apiKeyId: custom.id },
        ...{ userExternalId: person.externalId, organizationExternalId: club.externalId },
      },
    });
    await remove(person.token, club, person);
    const settled = { lines: tokensFor(40), reservationId: reservation.id, userExternalId: person.externalId };
    expect(await consume(clients.service, settled)).toMatchObject({ credits: 40 });
    expect(await usedBy(person.id, custom)).toBe(140);
  });

  it('less what was refunded, also after the key’s owner has left', async () => {
    const [club, person] = [await clients.organization('PRIVATE', 1_000), await clients.user(1_000)];
    await join(club, person);
    const own = await clients.createKey(person.token, person.id);
    const there = { organizationExternalId: club.externalId };
    const { records } = await consume(own.secret, { lines: tokensFor(10), ...there });
    await consume(own.secret, { lines: tokensFor(100), ...there });
    await remove(person.token, club, person);
    const refund = `mutation ($key: String!, $record: ID!) {
      refundUsage(idempotencyKey: $key, recordId: $record, reason: "test") { __typename }
    }`;
    await ask(clients.operator, refund, { key: clients.next(), record: records?.[0]?.['id'] });
    expect(await usedBy(person.id, own)).toBe(100);
  });

  it('against the limits of key and member, when they come back', async () => {
    const [club, person] = [await clients.organization('PRIVATE', 1_000), await clients.user(1_000)];
    await join(club, person, { creditLimit: 150 });
    const own = await clients.createKey(person.token, person.id, { creditLimit: 15 });
    const there = { organizationExternalId: club.externalId, userExternalId: person.externalId };
    await consume(own.secret, { lines: tokensFor(10), ...there });
    await consume(clients.service, { lines: tokensFor(100), ...there });
    await remove(club.owner, club, person);
    await join(club, person, { creditLimit: 150 });
    expect(await consume(own.secret, { lines: tokensFor(10), ...there })).toMatchObject({
      reason: 'API_KEY_LIMIT_REACHED',
      available: 5,
    });
    expect(await consume(clients.service, { lines: tokensFor(100), ...there })).toMatchObject({
      reason: 'MEMBER_LIMIT_REACHED',
      available: 40,
    });
  });

  it('in the period of whoever paid, and no longer', async () => {
    const { club, person, own, custom, pools } = await world();
    await remove(person.token, club, person);
    clock.set('2026-04-01T00:00:00Z');
    expect([await usedBy(person.id, own), await usedBy(person.id, custom), await usedBy(club.id, pools)]).toEqual([
      0, 0, 0,
    ]);
    await consume(own.secret, { lines: tokensFor(5) });
    expect(await usedBy(person.id, own)).toBe(5);
  });
});
