import {
  type Answer,
  type Ask,
  CHECK,
  type Clients,
  codeOf,
  computeFor,
  CONSUME,
  RESERVE,
  tokensFor,
  UPDATE_ORGANIZATION,
} from '../support/organizations.ts';
import { startTwoServers, type TwoServers } from '../support/two-servers.ts';

let servers: TwoServers;
let one: TwoServers['one'];
let two: TwoServers['two'];
let ask: Ask;
let clients: Clients;

beforeAll(async () => {
  servers = await startTwoServers();
  ({ one, two, ask, clients } = servers);
});

afterAll(() => servers.stop());

const consume = (token: string, input: Readonly<Record<string, unknown>>): Promise<Answer> =>
  ask(token, CONSUME, { input: { idempotencyKey: clients.next(), ...input } });

/** Sends the same key again while that is what the answer says, as clients do. */
async function insist(token: string, input: Readonly<Record<string, unknown>>): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await consume(token, input);
    } catch (error) {
      if (tries === 20 || !String(error).includes('"retryable":true')) throw error;
    }
  }
}

const SECRET = `sk-${'a1B2'.repeat(12)}`;

describe('who pays', () => {
  it('is the user alone, the pool of a private organization, and the user in a public one; each sees it in its history', async () => {
    const user = await clients.user(1_000);
    const club = await clients.organization('PRIVATE', 1_000);
    const square = await clients.organization('PUBLIC', 1_000);
    await clients.setMember(club.owner, club.id, user.externalId);
    const { externalId: userExternalId } = user;
    const uses = [
      { lines: tokensFor(1) },
      { lines: tokensFor(10), organizationExternalId: club.externalId },
      { lines: tokensFor(100), organizationExternalId: square.externalId },
    ];
    const payers: unknown[] = [];
    for (const use of uses) {
      const answer = await consume(clients.service, { ...use, userExternalId });
      const [record] = answer.records as [Record<string, Record<string, unknown> | null>];
      payers.push([record['billingEntity']?.['externalId'], record['organization']?.['externalId'] ?? null]);
      expect(record['user']).toEqual({ externalId: userExternalId });
    }
    expect(payers).toEqual([
      [userExternalId, null],
      [club.externalId, club.externalId],
      [userExternalId, square.externalId],
    ]);

    const history = `query ($id: ID!) { billingEntity(id: $id) {
      credits { available used }
      usage { edges { node { credits billingEntity { externalId } user { externalId } } } }
      usageSummary(from: "2020-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z", interval: TOTAL, groupBy: [USER]) { credits user { externalId } }
    } }`;
    const of = async (id: string) => {
      const entity = await ask<{
        credits: unknown;
        usage: { edges: { node: { credits: number } }[] };
        usageSummary: { credits: number; user: unknown }[];
      }>(clients.operator, history, { id });
      return {
        credits: entity.credits,
        records: entity.usage.edges.map(({ node }) => node.credits),
        summary: entity.usageSummary.map(({ credits }) => credits),
      };
    };
    expect(await of(user.id)).toEqual({ credits: { available: 899, used: 101 }, records: [100, 1], summary: [101] });
    expect(await of(club.id)).toEqual({ credits: { available: 990, used: 10 }, records: [10], summary: [10] });
    expect(await of(square.id)).toEqual({ credits: { available: 1_000, used: 0 }, records: [100], summary: [100] });

    const members = `query ($id: ID!) { billingEntity(id: $id) { members { edges { node { user { externalId } usedThisPeriod drawnThisPeriod } } } } }`;
    const inClub = await ask<{ members: { edges: { node: { user: { externalId: string } } }[] } }>(
      club.owner,
      members,
      {
        id: club.id,
      },
    );
    expect(inClub.members.edges.map(({ node }) => node)).toContainEqual({
      user: { externalId: userExternalId },
      usedThisPeriod: 10,
      drawnThisPeriod: 10,
    });
    await clients.setMember(square.owner, square.id, userExternalId);
    const onSquare = await ask<{ members: { edges: { node: unknown }[] } }>(square.owner, members, { id: square.id });
    expect(onSquare.members.edges.map(({ node }) => node)).toContainEqual({
      user: { externalId: userExternalId },
      usedThisPeriod: 100,
      drawnThisPeriod: 0,
    });
  });

  it('changes for new use only, and a retry gets the first answer whoever would pay now', async () => {
    const user = await clients.user(1_000);
    const club = await clients.organization('PRIVATE', 1_000);
    await clients.setMember(club.owner, club.id, user.externalId);
    const setVisibility = (visibility: string) =>
      ask(club.owner, UPDATE_ORGANIZATION, {
        input: { billingEntityId: club.id, visibility },
      });
    const use = (key: string) => ({
      idempotencyKey: key,
      lines: tokensFor(10),
      userExternalId: user.externalId,
      organizationExternalId: club.externalId,
    });
    const key = clients.next();
    const first = await consume(clients.service, use(key));
    expect(first).toMatchObject({ credits: 10, replayed: false, balance: { billingEntityId: club.id } });
    await setVisibility('PUBLIC');
    // Both servers have known the club as private: each looks again.
    for (let index = 0; index < 2; index += 1) {
      expect(await consume(clients.service, use(key))).toMatchObject({
        credits: 10,
        replayed: true,
        balance: { billingEntityId: club.id, available: 990 },
        records: first.records,
      });
      const now = await consume(clients.service, use(clients.next()));
      expect(now).toMatchObject({ replayed: false, balance: { billingEntityId: user.id } });
    }
    await setVisibility('PRIVATE');
    expect(await consume(clients.service, use(clients.next()))).toMatchObject({
      balance: { billingEntityId: club.id },
    });
  });

  it('is charged once however often a key is sent while the organization’s visibility goes to and fro', async () => {
    const user = await clients.user(100_000);
    const club = await clients.organization('PRIVATE', 100_000);
    await clients.setMember(club.owner, club.id, user.externalId);
    const keys = Array.from({ length: 40 }, () => clients.next());
    const flips = (async () => {
      for (const visibility of ['PUBLIC', 'PRIVATE', 'PUBLIC', 'PRIVATE', 'PUBLIC', 'PRIVATE']) {
        await ask(club.owner, UPDATE_ORGANIZATION, {
          input: { billingEntityId: club.id, visibility },
        });
      }
    })();
    const answers = await Promise.all(
      keys.flatMap((idempotencyKey) =>
        Array.from({ length: 4 }, () =>
          insist(clients.service, {
            idempotencyKey,
            lines: tokensFor(10),
            userExternalId: user.externalId,
            organizationExternalId: club.externalId,
          }),
        ),
      ),
    );
    await flips;
    expect(answers.filter(({ replayed }) => replayed === false)).toHaveLength(keys.length);
    const used = async (id: string): Promise<number> =>
      (
        await ask<{ credits: { used: number } }>(
          clients.operator,
          'query ($id: ID!) { billingEntity(id: $id) { credits { used } } }',
          { id },
        )
      ).credits.used;
    expect((await used(user.id)) + (await used(club.id))).toBe(keys.length * 10);
  });

  it('is nobody where the user is no member of a private organization, as if it were not there', async () => {
    const user = await clients.user(1_000);
    const club = await clients.organization('PRIVATE', 1_000);
    const input = { idempotencyKey: clients.next(), lines: tokensFor(1), organizationExternalId: club.externalId };
    const refusal = async (organizationExternalId: string) => {
      const answer = await fetch(one.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${user.token}` },
        body: JSON.stringify({ query: CONSUME, variables: { input: { ...input, organizationExternalId } } }),
      });
      return answer.json();
    };
    expect(await refusal(club.externalId)).toEqual(await refusal('nowhere'));
    expect(await codeOf(one.url, user.token, CONSUME, { input })).toBe('NOT_FOUND');
    expect(await codeOf(one.url, user.token, RESERVE, { input })).toBe('NOT_FOUND');
  });

  it('refuses a removed, a suspended member and a suspended entity at the very next use, on every server', async () => {
    const user = await clients.user(1_000);
    const club = await clients.organization('PRIVATE', 1_000);
    const use = { lines: tokensFor(1), organizationExternalId: club.externalId };
    const outcome = async (url: string): Promise<unknown> => {
      const input = { idempotencyKey: clients.next(), ...use };
      const answer = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${user.token}` },
        body: JSON.stringify({ query: CONSUME, variables: { input } }),
      });
      const { data, errors } = (await answer.json()) as {
        data: { consumeCredits: Answer } | null;
        errors?: { extensions: { code: string } }[];
      };
      return errors?.[0]?.extensions.code ?? data?.consumeCredits.reason ?? data?.consumeCredits.__typename;
    };
    const everywhere = async (): Promise<unknown[]> => [await outcome(one.url), await outcome(two.url)];
    const suspend = (id: string) =>
      ask(
        clients.operator,
        'mutation ($input: BillingEntityInput!) { suspendBillingEntity(input: $input, reason: "test") { id } }',
        { input: { billingEntityId: id } },
      );
    const reinstate = (id: string) =>
      ask(clients.operator, 'mutation ($input: BillingEntityInput!) { reinstateBillingEntity(input: $input) { id } }', {
        input: { billingEntityId: id },
      });
    await clients.setMember(club.owner, club.id, user.externalId);
    expect(await everywhere()).toEqual(['ConsumeCreditsSuccess', 'ConsumeCreditsSuccess']);
    await clients.setMember(club.owner, club.id, user.externalId, { status: 'SUSPENDED' });
    expect(await everywhere()).toEqual(['MEMBER_SUSPENDED', 'MEMBER_SUSPENDED']);
    await clients.setMember(club.owner, club.id, user.externalId, { status: 'ACTIVE' });
    expect(await everywhere()).toEqual(['ConsumeCreditsSuccess', 'ConsumeCreditsSuccess']);
    for (const id of [user.id, club.id]) {
      await suspend(id);
      expect(await everywhere()).toEqual(['ENTITY_SUSPENDED', 'ENTITY_SUSPENDED']);
      await reinstate(id);
      expect(await everywhere()).toEqual(['ConsumeCreditsSuccess', 'ConsumeCreditsSuccess']);
    }
    await ask(club.owner, 'mutation ($input: RemoveMemberInput!) { removeMember(input: $input) }', {
      input: { billingEntityId: club.id, userExternalId: user.externalId },
    });
    expect(await everywhere()).toEqual(['NOT_FOUND', 'NOT_FOUND']);
  });
});

describe('keys', () => {
  it('of an organization act for it, with or without a user, and say so on the record', async () => {
    const user = await clients.user(0);
    const club = await clients.organization('PRIVATE', 1_000);
    await clients.setMember(club.owner, club.id, user.externalId);
    const key = await clients.createKey(club.owner, club.id);
    const bearer = key.secret as string;
    for (const userExternalId of [null, user.externalId]) {
      const answer = await consume(bearer, { lines: tokensFor(5), userExternalId });
      expect(answer.records).toMatchObject([
        {
          billingEntity: { externalId: club.externalId },
          organization: { externalId: club.externalId },
          user: userExternalId === null ? null : { externalId: userExternalId },
          apiKey: { id: key.id },
        },
      ]);
    }
    const stranger = await clients.user(0);
    const input = { idempotencyKey: clients.next(), lines: tokensFor(1), userExternalId: stranger.externalId };
    expect(await codeOf(one.url, bearer, CONSUME, { input })).toBe('NOT_FOUND');
  });

  it('have their limit in the period, whoever reports it and by hold or use', async () => {
    const user = await clients.user(1_000);
    const key = await clients.createKey(user.token, user.id, { creditLimit: 50 });
    expect(await consume(key.secret as string, { lines: tokensFor(30) })).toMatchObject({ credits: 30 });
    const refused = { reason: 'API_KEY_LIMIT_REACHED', scope: 'API_KEY', required: 21, available: 20 };
    const named = { userExternalId: user.externalId, apiKeyId: key.id, lines: tokensFor(21) };
    expect(await consume(clients.service, named)).toMatchObject(refused);
    const input = { idempotencyKey: clients.next(), ...named };
    expect(await ask(clients.service, RESERVE, { input })).toMatchObject(refused);
    expect(await ask(clients.service, CHECK, { input: named })).toMatchObject({ allowed: false, refusal: refused });
    expect(await consume(clients.service, { ...named, lines: tokensFor(20) })).toMatchObject({ credits: 20 });
  });

  it('of the customer’s own charge compute alone, alike in checking, holding, settling and consuming', async () => {
    const user = await clients.user(1_000);
    const key = await clients.createKey(user.token, user.id, { type: 'CUSTOM', secret: SECRET });
    const lines = [...tokensFor(100), ...computeFor(7)];
    const named = { userExternalId: user.externalId, apiKeyId: key.id, lines };
    expect(await ask(clients.service, CHECK, { input: named })).toMatchObject({
      allowed: true,
      credits: 7,
      billingMode: 'COMPUTE_ONLY',
    });
    const answer = await consume(clients.service, named);
    expect(answer).toMatchObject({
      credits: 7,
      records: [
        { resource: 'AI_TOKENS', quantity: 1_000, credits: 0, billingMode: 'COMPUTE_ONLY' },
        { resource: 'COMPUTE', credits: 7, billingMode: 'COMPUTE_ONLY' },
      ],
    });
    const input = { idempotencyKey: clients.next(), ...named };
    const { reservation } = await ask<{ reservation: { id: string } }>(clients.service, RESERVE, { input });
    expect(reservation).toMatchObject({ credits: 7 });
    const settled = await consume(clients.service, { reservationId: reservation.id, lines });
    expect(settled).toMatchObject({ credits: 7, records: [{ credits: 0 }, { credits: 7 }] });
    const summary = await ask<{ usageSummary: unknown[] }>(
      user.token,
      `query ($id: ID!) { billingEntity(id: $id) { usageSummary(from: "2020-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z",
        interval: TOTAL, groupBy: [API_KEY, RESOURCE, BILLING_MODE]) { apiKey { id } resource billingMode quantity credits } } }`,
      { id: user.id },
    );
    expect(summary.usageSummary).toEqual([
      { apiKey: { id: key.id }, resource: 'AI_TOKENS', billingMode: 'COMPUTE_ONLY', quantity: 2_000, credits: 0 },
      { apiKey: { id: key.id }, resource: 'COMPUTE', billingMode: 'COMPUTE_ONLY', quantity: 16_800, credits: 14 },
    ]);
    const full = await clients.createKey(user.token, user.id, { type: 'CUSTOM', secret: SECRET, billingMode: 'FULL' });
    expect(await consume(clients.service, { ...named, apiKeyId: full.id })).toMatchObject({ credits: 107 });
  });

  it('are refused once revoked, and those of others are not there', async () => {
    const user = await clients.user(1_000);
    const other = await clients.user(1_000);
    const key = await clients.createKey(user.token, user.id);
    const own = { userExternalId: user.externalId, apiKeyId: key.id, lines: tokensFor(1) };
    const code = (input: object): Promise<unknown> =>
      codeOf(two.url, clients.service, CONSUME, { input: { idempotencyKey: clients.next(), ...input } });
    expect(await code({ ...own, userExternalId: other.externalId })).toBe('NOT_FOUND');
    expect(await code({ ...own, apiKeyId: 'key_nonsense' })).toBe('NOT_FOUND');
    expect(await code(own)).toBeUndefined();
    await ask(user.token, 'mutation ($id: ID!) { revokeApiKey(id: $id) { status } }', { id: key.id });
    expect(await code(own)).toBe('CONFLICT');
    expect(
      await codeOf(two.url, key.secret as string, CONSUME, {
        input: { idempotencyKey: clients.next(), lines: tokensFor(1) },
      }),
    ).toBe('UNAUTHENTICATED');
  });
});
