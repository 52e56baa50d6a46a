/**
 * An organization's PLATFORM key while the organization is PUBLIC: it meters for the ACTIVE members that it names, at their
 * expense, and learns nothing of what they have. Everybody else is answered like somebody who does not exist.
 */
import { send } from '../support/app.ts';
import { type Ask, type Clients, tokensFor, UPDATE_ORGANIZATION } from '../support/organizations.ts';
import { startTwoServers, type TwoServers } from '../support/two-servers.ts';

let servers: TwoServers;
let ask: Ask;
let clients: Clients;

beforeAll(async () => {
  servers = await startTwoServers();
  ({ ask, clients } = servers);
});

afterAll(() => servers.stop());

const BALANCE = '{ available held used allowance overage owed usedRatio version }';
const NOTHING = { available: 0, held: 0, used: 0, allowance: 0, overage: 0, owed: 0, usedRatio: 0, version: 0 };
const REFUSED = `... on UsageRefused { reason scope required available balance ${BALANCE} }`;
const RECORDS =
  'records { credits user { externalId } billingEntity { externalId } apiKey { id } draws { credits } ledgerEntry { id } }';
const ANSWER = `__typename ... on ConsumeCreditsSuccess { replayed credits balance ${BALANCE} ${RECORDS} } ${REFUSED}`;
const CONSUME = `mutation ($input: ConsumeCreditsInput!) { answer: consumeCredits(input: $input) { ${ANSWER} } }`;
const BATCH = `mutation ($input: ConsumeCreditsInput!) { answer: consumeCreditsBatch(inputs: [$input]) {
  ${ANSWER} ... on UsageRejected { code message }
} }`;
const RESERVE = `mutation ($input: ReserveCreditsInput!) { answer: reserveCredits(input: $input) {
  __typename ... on ReserveCreditsSuccess { replayed balance ${BALANCE} reservation { id credits status billingEntity { externalId } apiKey { id } } } ${REFUSED}
} }`;
const CHECK = `query ($input: CheckUsageInput!) { answer: checkUsage(input: $input) {
  allowed credits billingEntity { externalId } refusal { reason scope required available balance ${BALANCE} }
} }`;
const DOCUMENTS = { consume: CONSUME, batch: BATCH, reserve: RESERVE, check: CHECK } as const;
type Kind = keyof typeof DOCUMENTS;
const KINDS = Object.keys(DOCUMENTS) as Kind[];

type Answer = Readonly<Record<string, unknown>>;

/** The answer, or the code and the message of its error; of a batch its only item. */
async function answer(kind: Kind, token: string, input: Answer): Promise<Answer> {
  const { data, errors } = await send(servers.url(), token, DOCUMENTS[kind], { input });
  const [error] = errors;
  if (error) return { code: error.extensions['code'], message: error.message };
  const given = (data as Record<string, unknown> | null)?.['answer'];
  const [item] = Array.isArray(given) ? (given as Answer[]) : [given as Answer];
  if (item?.['__typename'] === 'UsageRejected') return { code: item['code'], message: item['message'] };
  return item as Answer;
}

/** Use of this user, as this kind of operation takes it. */
const useOf = (kind: Kind, userExternalId: string, credits: number): Answer => ({
  userExternalId,
  lines: tokensFor(credits),
  ...(kind !== 'check' && { idempotencyKey: clients.next() }),
});

interface Club {
  readonly id: string;
  readonly externalId: string;
  readonly owner: string;
  readonly key: { readonly id: string; readonly secret: string };
}

async function organization(visibility: 'PRIVATE' | 'PUBLIC', terms: Answer = {}): Promise<Club> {
  const club = await clients.organization(visibility, 5_000);
  const key = await clients.createKey(club.owner, club.id, terms);
  return { ...club, key: { id: key.id, secret: key.secret as string } };
}

const turn = (club: Club, visibility: string): Promise<unknown> =>
  ask(club.owner, UPDATE_ORGANIZATION, { input: { billingEntityId: club.id, visibility } });

const balanceOf = async (id: string): Promise<number> => {
  const QUERY = 'query ($id: ID!) { billingEntity(id: $id) { credits { available } } }';
  return (await ask<{ credits: { available: number } }>(clients.operator, QUERY, { id })).credits.available;
};

const remove = (club: Club, userExternalId: string): Promise<unknown> =>
  ask(club.owner, 'mutation ($input: RemoveMemberInput!) { removeMember(input: $input) }', {
    input: { billingEntityId: club.id, userExternalId },
  });

/** Somebody who is this to the organization. */
async function somebody(club: Club, what: string): Promise<{ id: string; externalId: string }> {
  const user = await clients.user(5_000);
  if (what === 'a stranger') return user;
  if (what === 'invited') {
    const input = { billingEntityId: club.id, userExternalId: user.externalId, role: 'MEMBER' };
    await ask(club.owner, 'mutation ($input: SetMemberInput!) { setMember(input: $input) { status } }', { input });
    return user;
  }
  const role = ['OWNER', 'ADMIN', 'BILLING'].includes(what) ? what : 'MEMBER';
  await clients.setMember(clients.operator, club.id, user.externalId, { role, status: 'ACTIVE' });
  if (what === 'suspended') {
    await clients.setMember(clients.operator, club.id, user.externalId, { status: 'SUSPENDED' });
  }
  if (what === 'removed') await remove(club, user.externalId);
  return user;
}

const ACTIVE = ['OWNER', 'ADMIN', 'BILLING', 'MEMBER'];
const NOBODY = ['suspended', 'removed', 'invited', 'a stranger'];

describe.each(['PUBLIC', 'PRIVATE'] as const)('the key of a %s organization', (visibility) => {
  it.each([...ACTIVE, ...NOBODY])('naming somebody who is %s to it', async (what) => {
    const club = await organization(visibility);
    const user = await somebody(club, what);
    const payer = visibility === 'PUBLIC' ? user : club;
    for (const kind of KINDS) {
      const given = await answer(kind, club.key.secret, useOf(kind, user.externalId, 10));
      if (visibility === 'PRIVATE' && what === 'suspended') {
        expect(given['refusal'] ?? given).toMatchObject({ reason: 'MEMBER_SUSPENDED' });
        continue;
      }
      if (NOBODY.includes(what)) {
        const nobody = await answer(kind, club.key.secret, useOf(kind, clients.next('nobody'), 10));
        expect({ kind, given }).toEqual({ kind, given: nobody });
        expect(nobody).toMatchObject({ code: 'NOT_FOUND' });
        // Nor does what is asked for tell them apart.
        const absurd = { lines: [{ resource: 'AI_TOKENS', quantity: 2_000_000_000_000 }] };
        expect(await answer(kind, club.key.secret, { ...useOf(kind, user.externalId, 1), ...absurd })).toEqual(
          await answer(kind, club.key.secret, { ...useOf(kind, clients.next('nobody'), 1), ...absurd }),
        );
        continue;
      }
      const balance = visibility === 'PUBLIC' ? { balance: NOTHING } : {};
      const apiKey = { id: club.key.id };
      const record = {
        credits: 10,
        user: { externalId: user.externalId },
        billingEntity: { externalId: payer.externalId },
        apiKey,
        ledgerEntry: null,
        ...(visibility === 'PUBLIC' && { draws: [] }),
      };
      const expected = {
        consume: { __typename: 'ConsumeCreditsSuccess', credits: 10, ...balance, records: [record] },
        batch: { __typename: 'ConsumeCreditsSuccess', credits: 10, ...balance, records: [record] },
        reserve: {
          __typename: 'ReserveCreditsSuccess',
          ...balance,
          reservation: { credits: 10, billingEntity: { externalId: payer.externalId }, apiKey },
        },
        check: { allowed: true, credits: 10, billingEntity: { externalId: payer.externalId }, refusal: null },
      }[kind];
      expect(given).toMatchObject(expected);
    }
    const used = ACTIVE.includes(what) ? 30 : 0;
    expect([await balanceOf(user.id), await balanceOf(club.id)]).toEqual(
      visibility === 'PUBLIC' ? [5_000 - used, 5_000] : [5_000, 5_000 - used],
    );
  });
});

describe('the key of a PUBLIC organization', () => {
  it('needs a user, whoever there is', async () => {
    const club = await organization('PUBLIC');
    for (const kind of KINDS) {
      const { userExternalId: _none, ...use } = useOf(kind, '', 1);
      expect(await answer(kind, club.key.secret, use)).toMatchObject({ code: 'BAD_USER_INPUT' });
    }
  });

  it('is refused without learning what the payer has, owes or may still use as overage', async () => {
    const club = await organization('PUBLIC');
    const user = await somebody(club, 'MEMBER');
    const refusals = async (scope: string, reason: string, credits: number): Promise<void> => {
      for (const kind of KINDS) {
        const given = await answer(kind, club.key.secret, useOf(kind, user.externalId, credits));
        const refusal = { reason, scope, required: credits, available: 0, balance: NOTHING };
        expect({ kind, given: given['refusal'] ?? given }).toMatchObject({ kind, given: refusal });
      }
    };
    await refusals('BALANCE', 'INSUFFICIENT_CREDITS', 5_001);
    const reservation = await ask<{ reservation: { id: string } }>(clients.service, RESERVE, {
      input: { ...useOf('reserve', user.externalId, 1) },
    });
    const input = {
      idempotencyKey: clients.next(),
      lines: tokensFor(5_100),
      reservationId: reservation.reservation.id,
    };
    await ask(clients.service, CONSUME, { input });
    // Now 100 are owed.
    await refusals('BALANCE', 'INSUFFICIENT_CREDITS', 7);
    const suspend =
      'mutation ($id: ID!) { suspendBillingEntity(input: { billingEntityId: $id }, reason: "r") { status } }';
    await ask(clients.operator, suspend, { id: user.id });
    await refusals('BALANCE', 'ENTITY_SUSPENDED', 7);
    const other = await somebody(club, 'MEMBER');
    for (const kind of KINDS) {
      const use = { ...useOf(kind, other.externalId, 7), feature: 'all_chatflows' };
      const given = await answer(kind, club.key.secret, use);
      const refusal = { reason: 'FEATURE_NOT_IN_PLAN', scope: 'PLAN', available: 0, balance: NOTHING };
      expect(given['refusal'] ?? given).toMatchObject(refusal);
    }
  });

  it('has its own limit with each payer, and is told what that leaves', async () => {
    const club = await organization('PUBLIC', { creditLimit: 100 });
    for (const user of [await somebody(club, 'MEMBER'), await somebody(club, 'ADMIN')]) {
      expect(await answer('consume', club.key.secret, useOf('consume', user.externalId, 60))).toMatchObject({
        credits: 60,
      });
      for (const kind of KINDS) {
        const given = await answer(kind, club.key.secret, useOf(kind, user.externalId, 50));
        const refusal = {
          reason: 'API_KEY_LIMIT_REACHED',
          scope: 'API_KEY',
          required: 50,
          available: 40,
          balance: NOTHING,
        };
        expect(given['refusal'] ?? given).toMatchObject(refusal);
      }
    }
  });

  it('may be named by a service for members, and for nobody else; the service is told everything', async () => {
    const club = await organization('PUBLIC');
    const [member, stranger] = [await somebody(club, 'MEMBER'), await somebody(club, 'a stranger')];
    const where = { organizationExternalId: club.externalId, apiKeyId: club.key.id };
    for (const kind of KINDS) {
      const given = await answer(kind, clients.service, { ...useOf(kind, member.externalId, 1), ...where });
      if (kind === 'check') expect(given).toMatchObject({ allowed: true });
      else expect(given['balance']).not.toMatchObject({ available: 0 });
      expect(await answer(kind, clients.service, { ...useOf(kind, stranger.externalId, 1), ...where })).toMatchObject({
        code: 'NOT_FOUND',
      });
      const elsewhere = { apiKeyId: club.key.id };
      expect(await answer(kind, clients.service, { ...useOf(kind, member.externalId, 1), ...elsewhere })).toMatchObject(
        {
          code: 'NOT_FOUND',
        },
      );
    }
  });

  it('of one person goes on seeing the pools that it may use', async () => {
    const club = await organization('PRIVATE');
    const user = await clients.user(100);
    await clients.setMember(club.owner, club.id, user.externalId);
    const { secret } = await clients.createKey(user.token, user.id);
    const use = { ...useOf('consume', user.externalId, 1), organizationExternalId: club.externalId };
    expect(await answer('consume', secret as string, use)).toMatchObject({ balance: { available: 4_999 } });
  });
});

describe('an organization that turns', () => {
  const SETTLE = 'consume';

  it('PUBLIC lets its key go on, at the members’ expense, and back again; what was sent is answered as it was', async () => {
    const club = await organization('PRIVATE');
    const user = await somebody(club, 'MEMBER');
    const sent: { kind: Kind; input: Answer; first: Answer; payer: string }[] = [];
    for (const visibility of ['PRIVATE', 'PUBLIC', 'PRIVATE', 'PUBLIC']) {
      await turn(club, visibility);
      for (const kind of ['consume', 'batch', 'reserve'] as const) {
        const input = useOf(kind, user.externalId, 10);
        const first = await answer(kind, club.key.secret, input);
        expect(first['__typename']).toMatch(/Success$/);
        sent.push({ kind, input, first, payer: visibility });
      }
      for (const { kind, input, first, payer } of sent) {
        const again = await answer(kind, club.key.secret, input);
        expect(again).toMatchObject({ __typename: first['__typename'], replayed: true });
        expect(again['records']).toEqual(first['records']);
        if (payer === 'PUBLIC') expect(again['balance']).toEqual(NOTHING);
        else expect(again['balance']).not.toMatchObject({ version: 0 });
      }
    }
    // Twice two charges of ten each, and two holds.
    expect([await balanceOf(user.id), await balanceOf(club.id)]).toEqual([4_940, 4_940]);
    await remove(club, user.externalId);
    const last = sent.filter(({ payer }) => payer === 'PUBLIC');
    for (const { kind, input, first } of last) {
      const again = await answer(kind, club.key.secret, input);
      expect(again).toMatchObject({ __typename: first['__typename'], replayed: true, balance: NOTHING });
    }
    expect(await answer('consume', club.key.secret, useOf('consume', user.externalId, 1))).toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it.each([
    ['PRIVATE', 'PUBLIC'],
    ['PUBLIC', 'PRIVATE'],
    ['PUBLIC', 'PUBLIC'],
    ['PRIVATE', 'PRIVATE'],
  ])('%s then %s between a hold and its settlement charges who held it', async (before, after) => {
    const club = await organization(before as 'PRIVATE');
    const user = await somebody(club, 'MEMBER');
    const hold = async (): Promise<string> => {
      const { reservation } = await answer('reserve', club.key.secret, useOf('reserve', user.externalId, 100));
      return (reservation as { id: string }).id;
    };
    const [within, beyond, gone] = [await hold(), await hold(), await hold()];
    await turn(club, after);
    const settle = (reservationId: string, credits: number): Promise<Answer> =>
      answer(SETTLE, club.key.secret, { idempotencyKey: clients.next(), lines: tokensFor(credits), reservationId });
    const settled = await settle(within, 60);
    expect(settled).toMatchObject({ __typename: 'ConsumeCreditsSuccess', credits: 60 });
    if (before === 'PUBLIC') expect(settled['balance']).toEqual(NOTHING);
    else expect(settled['balance']).not.toMatchObject({ version: 0 });
    const more = await settle(beyond, 110);
    if (before !== after) expect(more).toMatchObject({ code: 'CONFLICT' });
    else expect(more).toMatchObject({ credits: 110 });
    const refused = await settle(gone, 100_000);
    if (before !== after) expect(refused).toMatchObject({ code: 'CONFLICT' });
    else if (before === 'PUBLIC') {
      expect(refused).toMatchObject({
        reason: 'INSUFFICIENT_CREDITS',
        required: 100_000,
        available: 0,
        balance: NOTHING,
      });
    } else expect(refused).toMatchObject({ reason: 'INSUFFICIENT_CREDITS', required: 100_000 });
    await remove(club, user.externalId);
    expect(await settle(gone, 101)).toMatchObject({ code: 'CONFLICT' });
    expect(await settle(gone, 100)).toMatchObject({ credits: 100 });
  });
});
