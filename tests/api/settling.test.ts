import { send } from '../support/app.ts';
import { type Answer, type Ask, type Clients, CONSUME, RESERVE, tokensFor } from '../support/organizations.ts';
import { startTwoServers, type TwoServers } from '../support/two-servers.ts';

let servers: TwoServers;
let one: TwoServers['one'];
let ask: Ask;
let clients: Clients;

beforeAll(async () => {
  servers = await startTwoServers();
  ({ one, ask, clients } = servers);
});

afterAll(() => servers.stop());

const HELD = `query ($id: ID!) { billingEntity(id: $id) { credits { available held owed used }
  reservations(statuses: [HELD]) { edges { node { id credits } } } } }`;
const BATCH = `mutation ($inputs: [ConsumeCreditsInput!]!) { consumeCreditsBatch(inputs: $inputs) {
  __typename ... on ConsumeCreditsSuccess { credits } ... on UsageRefused { reason required available } ... on UsageRejected { code message }
} }`;

/** Everything that an answer says, with whatever code. */
async function answerTo(token: string, input: Readonly<Record<string, unknown>>): Promise<unknown> {
  const { data, errors } = await send(one.url, token, CONSUME, { input: { idempotencyKey: clients.next(), ...input } });
  const [error] = errors;
  return error ? { code: error.extensions['code'], message: error.message } : data?.['consumeCredits'];
}

const settle = (token: string, reservationId: string, credits: number, key = clients.next()): Promise<Answer> =>
  ask(token, CONSUME, { input: { idempotencyKey: key, lines: tokensFor(credits), reservationId } });

async function reserve(token: string, input: Readonly<Record<string, unknown>>): Promise<string> {
  const { reservation } = await ask<{ reservation: { id: string } }>(token, RESERVE, {
    input: { idempotencyKey: clients.next(), ...input },
  });
  return reservation.id;
}

const held = (id: string) =>
  ask<{ credits: Record<string, number>; reservations: { edges: { node: { id: string } }[] } }>(
    clients.operator,
    HELD,
    { id },
  );

/** A pool of 1000 with a member, and the member's reservation of 20. */
async function poolWithHold(
  terms: Readonly<Record<string, unknown>> = {},
  use: Readonly<Record<string, unknown>> = {},
) {
  const user = await clients.user(0);
  const club = await clients.organization('PRIVATE', 1_000);
  await clients.setMember(club.owner, club.id, user.externalId, terms);
  const id = await reserve(user.token, {
    lines: tokensFor(20),
    organizationExternalId: club.externalId,
    ...use,
  });
  return { user, club, id };
}

describe('settling what one reserved oneself', () => {
  it('is no way around a member’s limit: not a million times over, not one by one', async () => {
    const { user, club, id } = await poolWithHold({ creditLimit: 30 });
    const key = clients.next();
    const refusal = { __typename: 'UsageRefused', reason: 'MEMBER_LIMIT_REACHED', scope: 'MEMBER', available: 30 };
    expect(await settle(user.token, id, 100_000_000_000, key)).toMatchObject({ ...refusal, required: 100_000_000_000 });
    expect(await settle(user.token, id, 31, key)).toMatchObject({ ...refusal, required: 31 });
    const before = await held(club.id);
    expect(before.credits).toEqual({ available: 980, held: 20, owed: 0, used: 0 });
    expect(before.reservations.edges.map(({ node }) => node)).toEqual([{ id, credits: 20 }]);

    const batch = await ask<unknown[]>(user.token, BATCH, {
      inputs: [31, 30, 30].map((credits, index) => ({
        idempotencyKey: index === 0 ? key : `${key}-${index}`,
        lines: tokensFor(credits),
        reservationId: id,
      })),
    });
    expect(batch).toEqual([
      { __typename: 'UsageRefused', reason: 'MEMBER_LIMIT_REACHED', required: 31, available: 30 },
      { __typename: 'ConsumeCreditsSuccess', credits: 30 },
      expect.objectContaining({ __typename: 'UsageRejected', code: 'CONFLICT' }),
    ]);
    expect((await held(club.id)).credits).toEqual({ available: 970, held: 0, owed: 0, used: 30 });
  });

  it('was refused, and a smaller one with the same key may succeed', async () => {
    const { user, id } = await poolWithHold({ creditLimit: 30 });
    const key = clients.next();
    expect(await settle(user.token, id, 40, key)).toMatchObject({ reason: 'MEMBER_LIMIT_REACHED' });
    expect(await settle(user.token, id, 25, key)).toMatchObject({ credits: 25, replayed: false });
    expect(await settle(user.token, id, 25, key)).toMatchObject({ credits: 25, replayed: true });
  });

  it('is charged in full when a service settles it', async () => {
    const { club, id } = await poolWithHold({ creditLimit: 30 });
    expect(await settle(clients.service, id, 1_500)).toMatchObject({ credits: 1_500 });
    expect((await held(club.id)).credits).toEqual({ available: 0, held: 0, owed: 500, used: 1_500 });
  });

  it('admits with a hold of nothing nothing more', async () => {
    const user = await clients.user(0);
    const id = await reserve(user.token, { lines: tokensFor(0) });
    expect(await settle(user.token, id, 1)).toMatchObject({
      reason: 'INSUFFICIENT_CREDITS',
      required: 1,
      available: 0,
    });
    expect(await settle(user.token, id, 0)).toMatchObject({ credits: 0 });
  });

  it('ends at what is held for who was removed, and tells them no balance', async () => {
    const answers: unknown[] = [];
    for (const credits of [1_000, 20]) {
      const { user, club, id } = await poolWithHold();
      await clients.setCredits(club.id, credits);
      await ask(club.owner, 'mutation ($input: RemoveMemberInput!) { removeMember(input: $input) }', {
        input: { billingEntityId: club.id, userExternalId: user.externalId },
      });
      for (const charge of [21, 100_000_000_000]) {
        answers.push(await answerTo(user.token, { lines: tokensFor(charge), reservationId: id }));
      }
      expect(await settle(user.token, id, 20)).toMatchObject({ credits: 20 });
      expect((await held(club.id)).credits).toMatchObject({ held: 0, used: 20, owed: 0 });
    }
    const [first] = answers;
    expect(first).toMatchObject({ code: 'CONFLICT' });
    expect(answers).toEqual(answers.map(() => first));
  });

  it('ends at what is held on a key that was revoked, and beyond its limit', async () => {
    const user = await clients.user(1_000);
    const key = await clients.createKey(user.token, user.id, { creditLimit: 50 });
    const bearer = key.secret as string;
    const byBearer = await reserve(bearer, { lines: tokensFor(20) });
    expect(await settle(bearer, byBearer, 51)).toMatchObject({ reason: 'API_KEY_LIMIT_REACHED', available: 50 });
    expect(await settle(bearer, byBearer, 50)).toMatchObject({ credits: 50 });

    const other = await clients.createKey(user.token, user.id);
    const id = await reserve(user.token, { lines: tokensFor(20), apiKeyId: other.id });
    await ask(user.token, 'mutation ($id: ID!) { revokeApiKey(id: $id) { status } }', { id: other.id });
    expect(await answerTo(user.token, { lines: tokensFor(21), reservationId: id })).toMatchObject({ code: 'CONFLICT' });
    expect(await settle(user.token, id, 20)).toMatchObject({ credits: 20 });
  });

  it('is refused to a suspended member beyond the hold, as new use is', async () => {
    const { user, club, id } = await poolWithHold();
    await clients.setMember(club.owner, club.id, user.externalId, { status: 'SUSPENDED' });
    expect(await settle(user.token, id, 21)).toMatchObject({ reason: 'MEMBER_SUSPENDED', required: 21 });
    expect(await settle(user.token, id, 20)).toMatchObject({ credits: 20 });
  });
});
