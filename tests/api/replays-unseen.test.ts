import { type Ask, type Clients, tokensFor } from '../support/organizations.ts';
import { startTwoServers, type TwoServers } from '../support/two-servers.ts';
import { CONSUME, repeatingOn, RESERVE, TRANSFER } from './repeating.ts';

let servers: TwoServers;
let ask: Ask;
let clients: Clients;

beforeAll(async () => {
  servers = await startTwoServers();
  ({ ask, clients } = servers);
});

afterAll(() => servers.stop());

const { answer, usedPool, remove } = repeatingOn(() => servers);

describe('an organization that the caller does not see', () => {
  it('is answered like one that does not exist, with any key: fresh, used by them, used in it', async () => {
    const { club, sent } = await usedPool('themselves');
    const former = await clients.organization('PRIVATE', 100);
    for (const kind of ['user', 'key'] as const) {
      const caller = await clients.user(1_000);
      const token =
        kind === 'user' ? caller.token : ((await clients.createKey(caller.token, caller.id)).secret as string);
      const use = { lines: tokensFor(2) };
      const usedAlone = clients.next();
      const usedOnSquare = clients.next();
      const square = await clients.organization('PUBLIC');
      await answer(token, { document: CONSUME, input: { ...use, idempotencyKey: usedAlone } });
      await answer(token, {
        document: RESERVE,
        input: { ...use, idempotencyKey: usedOnSquare, organizationExternalId: square.externalId },
      });
      const keys = [
        clients.next(),
        usedAlone,
        usedOnSquare,
        ...sent.map(({ input }) => (input as { idempotencyKey: string }).idempotencyKey),
      ];
      for (const document of [CONSUME, RESERVE]) {
        for (const idempotencyKey of keys) {
          const of = (organizationExternalId: string) =>
            answer(token, { document, input: { ...use, idempotencyKey, organizationExternalId } });
          const nowhere = await of('nowhere');
          expect({ idempotencyKey, answer: await of(club.externalId) }).toEqual({ idempotencyKey, answer: nowhere });
          expect(await of(former.externalId)).toEqual(nowhere);
          const isOwn = idempotencyKey === usedAlone || idempotencyKey === usedOnSquare;
          expect(nowhere).toMatchObject({ code: isOwn ? 'IDEMPOTENCY_KEY_REUSED' : 'NOT_FOUND' });
        }
      }
    }
    // A mistake makes nobody known.
    const unknown = { lines: tokensFor(1), userExternalId: 'never-seen', organizationExternalId: 'nowhere' };
    expect(
      await answer(clients.service, { document: CONSUME, input: { ...unknown, idempotencyKey: clients.next() } }),
    ).toMatchObject({ code: 'NOT_FOUND', message: 'there is no such organization' });
    expect(
      await ask(
        clients.operator,
        'query ($id: String!) { billingEntityByExternalId(type: USER, externalId: $id) { id } }',
        {
          id: 'never-seen',
        },
      ),
    ).toBeNull();
  });
});

describe('a transfer that is sent again', () => {
  it('is answered whatever right was lost since, and tells no balance that is not theirs to read', async () => {
    const user = await clients.user(0);
    await ask(clients.operator, 'mutation ($input: GrantCreditsInput!) { grantCredits(input: $input) { replayed } }', {
      input: {
        idempotencyKey: clients.next(),
        billingEntityId: user.id,
        amount: 100,
        source: 'PURCHASE',
        reason: 'test',
      },
    });
    const club = await clients.organization('PRIVATE', 0);
    await clients.setMember(club.owner, club.id, user.externalId, { role: 'ADMIN' });
    const gift = {
      idempotencyKey: clients.next(),
      fromBillingEntityId: user.id,
      toBillingEntityId: club.id,
      amount: 40,
    };
    const back = {
      idempotencyKey: clients.next(),
      fromBillingEntityId: club.id,
      toBillingEntityId: user.id,
      amount: 10,
    };
    for (const input of [gift, back]) {
      expect(await answer(user.token, { document: TRANSFER, input })).toMatchObject({
        replayed: false,
        from: { billingEntityId: input.fromBillingEntityId },
        to: { billingEntityId: input.toBillingEntityId },
      });
    }
    await remove(club, user.externalId);
    const own = { billingEntityId: user.id, available: 70 };
    expect(await answer(user.token, { document: TRANSFER, input: gift })).toEqual({
      __typename: 'TransferCreditsSuccess',
      replayed: true,
      from: own,
      to: null,
    });
    expect(await answer(user.token, { document: TRANSFER, input: back })).toMatchObject({
      replayed: true,
      from: null,
      to: own,
    });
    const stranger = await clients.user(0);
    for (const input of [gift, back]) {
      const fresh = { ...input, idempotencyKey: clients.next() };
      const refusal = await answer(stranger.token, { document: TRANSFER, input: fresh });
      expect(refusal).toMatchObject({ code: 'NOT_FOUND' });
      expect(await answer(stranger.token, { document: TRANSFER, input })).toEqual(refusal);
      expect(await answer(user.token, { document: TRANSFER, input: { ...input, amount: 1 } })).toMatchObject({
        code: 'IDEMPOTENCY_KEY_REUSED',
      });
      expect(await answer(user.token, { document: TRANSFER, input: fresh })).toEqual(refusal);
    }
    expect(
      await ask(clients.operator, 'query ($id: ID!) { billingEntity(id: $id) { credits { available } } }', {
        id: user.id,
      }),
    ).toEqual({ credits: { available: 70 } });
  });
});
