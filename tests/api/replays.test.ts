import pg from 'pg';
import { send } from '../support/app.ts';
import { type Ask, type Clients, tokensFor } from '../support/organizations.ts';
import { startTwoServers, type TwoServers } from '../support/two-servers.ts';

let servers: TwoServers;
let database: TwoServers['database'];
let ask: Ask;
let clients: Clients;

beforeAll(async () => {
  servers = await startTwoServers();
  ({ database, ask, clients } = servers);
});

afterAll(() => servers.stop());

const BALANCE = '{ billingEntityId available held used allowance overage owed usedRatio version asOf }';
const CONSUME = `mutation ($input: ConsumeCreditsInput!) { consumeCredits(input: $input) {
  __typename
  ... on ConsumeCreditsSuccess { replayed credits balance ${BALANCE} records { id credits refundedAt } }
  ... on UsageRefused { reason required available }
} }`;
const RESERVE = `mutation ($input: ReserveCreditsInput!) { reserveCredits(input: $input) {
  __typename
  ... on ReserveCreditsSuccess { replayed balance ${BALANCE} reservation { id status credits expiresAt } }
  ... on UsageRefused { reason required available }
} }`;
const TRANSFER = `mutation ($input: TransferCreditsInput!) { transferCredits(input: $input) {
  __typename ... on TransferCreditsSuccess { replayed from { billingEntityId available } to { billingEntityId available } }
} }`;
const REMOVE = 'mutation ($input: RemoveMemberInput!) { removeMember(input: $input) }';
const VISIBILITY = 'mutation ($input: UpdateOrganizationInput!) { updateOrganization(input: $input) { id } }';

type Input = Readonly<Record<string, unknown>>;
interface Success {
  readonly balance: Readonly<Record<string, unknown>>;
  readonly reservation?: { readonly id: string };
  readonly records?: readonly { readonly id: string }[];
}

/** A command that was sent before, to be sent again. */
interface Sent {
  readonly document: string;
  readonly input: Input;
}

/** Everything that is answered: data, or the error's code and message. */
async function answer(token: string, { document, input }: Sent): Promise<Record<string, unknown>> {
  const { data, errors } = await send(servers.url(), token, document, { input });
  const [error] = errors;
  if (error) return { code: error.extensions['code'], message: error.message };
  return Object.values(data ?? {})[0] as unknown as Record<string, unknown>;
}

/** A pool of a thousand, and a member who used it in every way, by themselves or by a service: what they sent, what they were answered. */
async function usedPool(by: 'themselves' | 'a service') {
  const user = await clients.user(500);
  const club = await clients.organization('PRIVATE', 1_000);
  await clients.setMember(club.owner, club.id, user.externalId);
  const token = by === 'themselves' ? user.token : clients.service;
  const use = (credits: number): Input => ({
    idempotencyKey: clients.next(),
    lines: tokensFor(credits),
    userExternalId: user.externalId,
    organizationExternalId: club.externalId,
  });
  const reserved: Sent = { document: RESERVE, input: { ...use(50), ttlSeconds: 900 } };
  const settledHold = await ask<Success>(token, RESERVE, { input: use(30) });
  const sent: Sent[] = [
    { document: CONSUME, input: use(10) },
    reserved,
    {
      document: CONSUME,
      input: { idempotencyKey: clients.next(), lines: tokensFor(20), reservationId: settledHold.reservation?.id },
    },
    { document: CONSUME, input: { ...use(0), metadata: { b: 1, a: 2 } } },
  ];
  const first: Record<string, unknown>[] = [];
  for (const each of sent) first.push(await answer(token, each));
  return { user, club, token, sent, first };
}

const remove = (club: { id: string; owner: string }, userExternalId: string) =>
  ask(club.owner, REMOVE, { input: { billingEntityId: club.id, userExternalId } });

describe('an answer that is given again', () => {
  it.each(['themselves', 'a service'] as const)(
    'to who was removed says what was so then, whatever happened since: used by %s',
    async (by) => {
      const { user, club, sent, first } = await usedPool(by);
      const before = first.map((each) => ({ ...each, replayed: true }));
      await remove(club, user.externalId);
      expect(await Promise.all(sent.map((each) => answer(user.token, each)))).toEqual(before);

      // Credits come, others use them, what was charged is refunded, what was reserved is extended and ends.
      await clients.setCredits(club.id, 700);
      const { records } = first[0] as unknown as Success;
      await ask(
        clients.operator,
        'mutation ($id: ID!, $key: String!) { refundUsage(recordId: $id, idempotencyKey: $key, reason: "it failed") { replayed } }',
        { id: records?.[0]?.id, key: clients.next() },
      );
      const { reservation } = first[1] as unknown as Success;
      await ask(clients.service, 'mutation ($id: ID!) { extendReservation(id: $id, ttlSeconds: 5000) { id } }', {
        id: reservation?.id,
      });
      expect(await Promise.all(sent.map((each) => answer(user.token, each)))).toEqual(before);
      await ask(clients.service, 'mutation ($id: ID!) { releaseReservation(id: $id) { id } }', { id: reservation?.id });
      expect(await Promise.all(sent.map((each) => answer(user.token, each)))).toEqual(before);

      // Whoever sees the payer is told what is so now.
      const seen = async (token: string): Promise<void> => {
        const now = await Promise.all(sent.map((each) => answer(token, each)));
        const available = now.map(({ balance }) => (balance as { available: number }).available);
        expect(available).toEqual([710, 710, 710, 710].map((credits) => credits + 50));
        expect(now[0]).toMatchObject({ replayed: true, records: [{ refundedAt: expect.any(String) as unknown }] });
        expect(now[1]).toMatchObject({ replayed: true, reservation: { status: 'RELEASED' } });
      };
      await seen(clients.service);
      await clients.setMember(club.owner, club.id, user.externalId);
      await seen(user.token);
      await clients.setMember(club.owner, club.id, user.externalId, { status: 'SUSPENDED' });
      await seen(user.token);
    },
  );

  it('is nobody else’s: who knows key, reservation and all is answered as by a fresh key', async () => {
    const { user, club, sent } = await usedPool('themselves');
    const stranger = await clients.user(1_000);
    const colleague = await clients.user(1_000);
    await clients.setMember(club.owner, club.id, colleague.externalId);
    await remove(club, colleague.externalId);
    for (const other of [stranger, colleague]) {
      for (const { document, input } of sent) {
        const { userExternalId: _, ...implied } = input as { userExternalId?: string } & Input;
        const again = await answer(other.token, { document, input: implied });
        const fresh = await answer(other.token, { document, input: { ...implied, idempotencyKey: clients.next() } });
        expect(again).toMatchObject({ code: 'NOT_FOUND' });
        expect(again).toEqual(fresh);
        // Under the victim's name, neither.
        const named = await answer(other.token, { document, input });
        expect(named).toMatchObject({ code: 'NOT_FOUND' });
      }
    }
    // A member sees the account, and so that the key was used.
    const member = await clients.user(0);
    await clients.setMember(club.owner, club.id, member.externalId);
    const [consumed] = sent as [Sent];
    const byMember = { ...consumed.input, userExternalId: member.externalId };
    expect(await answer(member.token, { ...consumed, input: byMember })).toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
    expect(await answer(user.token, consumed)).toMatchObject({ replayed: true });
  });

  it('comes before every check: of membership, status, key, route and balance', async () => {
    const { user, club, token, sent, first } = await usedPool('themselves');
    const key = await clients.createKey(user.token, user.id);
    const onKey: Sent = {
      document: CONSUME,
      input: { idempotencyKey: clients.next(), lines: tokensFor(5), apiKeyId: key.id },
    };
    await answer(user.token, onKey);
    await ask(user.token, 'mutation ($id: ID!) { revokeApiKey(id: $id) { status } }', { id: key.id });
    expect(await answer(user.token, onKey)).toMatchObject({ replayed: true, credits: 5 });
    for (const id of [user.id, club.id]) {
      await ask(
        clients.operator,
        'mutation ($input: BillingEntityInput!) { suspendBillingEntity(input: $input, reason: "test") { id } }',
        { input: { billingEntityId: id } },
      );
    }
    await ask(clients.operator, VISIBILITY, { input: { billingEntityId: club.id, visibility: 'PUBLIC' } });
    for (const [index, each] of sent.entries()) {
      const { records, credits } = first[index] as { records?: unknown; credits?: unknown };
      const again = await answer(token, each);
      expect(again).toMatchObject({ replayed: true });
      expect([again['records'], again['credits']]).toEqual([records, credits]);
    }
    await remove(club, user.externalId);
    for (const [index, each] of sent.entries()) {
      expect(await answer(token, each)).toEqual({ ...first[index], replayed: true });
    }
  });

  it('is one’s own before another’s', async () => {
    const user = await clients.user(500);
    const square = await clients.organization('PUBLIC', 1_000);
    const key = clients.next();
    const sent: Sent = {
      document: CONSUME,
      input: { idempotencyKey: key, lines: tokensFor(10), organizationExternalId: square.externalId },
    };
    const first = await answer(user.token, sent);
    await ask(clients.operator, VISIBILITY, { input: { billingEntityId: square.id, visibility: 'PRIVATE' } });
    for (const person of [user, await clients.user(0)]) {
      await clients.setMember(square.owner, square.id, person.externalId);
      if (person === user) continue;
      // The same key in the pool, by somebody else, seen by every member.
      const input = { ...sent.input, lines: tokensFor(7) };
      expect(await answer(person.token, { ...sent, input })).toMatchObject({ credits: 7, replayed: false });
    }
    expect(await answer(user.token, sent)).toMatchObject({ credits: 10, replayed: true, records: first['records'] });
  });

  it('passed over, keeps its key in that account: who passes all checks is told so, and nothing is charged', async () => {
    const { user, club, sent } = await usedPool('themselves');
    const other = await clients.user(0);
    await clients.setMember(club.owner, club.id, other.externalId);
    // A key of the other's acts for them, and does not see the pool.
    const { secret } = await clients.createKey(other.token, other.id);
    const bearer = secret as string;
    const [consumed] = sent as [Sent];
    const { idempotencyKey } = consumed.input as { idempotencyKey: string };
    const use = { idempotencyKey, lines: tokensFor(3), organizationExternalId: club.externalId };
    const before = await ask(clients.operator, `query ($id: ID!) { billingEntity(id: $id) { credits { version } } }`, {
      id: club.id,
    });
    expect(await answer(bearer, { document: CONSUME, input: use })).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
    expect(await answer(bearer, { document: CONSUME, input: { ...use, lines: tokensFor(5_000) } })).toMatchObject({
      reason: 'INSUFFICIENT_CREDITS',
    });
    expect(
      await ask(clients.operator, 'query ($id: ID!) { billingEntity(id: $id) { credits { version } } }', {
        id: club.id,
      }),
    ).toEqual(before);
    // With a key of its own it is charged, and told then what was so then.
    const own: Sent = { document: CONSUME, input: { ...use, idempotencyKey: clients.next() } };
    const first = await answer(bearer, own);
    expect(first).toMatchObject({ credits: 3, replayed: false });
    await answer(user.token, { ...consumed, input: { ...consumed.input, idempotencyKey: clients.next() } });
    expect(await answer(bearer, own)).toEqual({ ...first, replayed: true });
  });
});

describe('one key, sent at once by many', () => {
  it('has one effect, answers those whose it is, and does not exist for others', async () => {
    const member = await clients.user(0);
    const [stranger, former] = [await clients.user(100), await clients.user(100)];
    const club = await clients.organization('PRIVATE', 1_000);
    for (const { externalId } of [member, former]) await clients.setMember(club.owner, club.id, externalId);
    await remove(club, former.externalId);
    for (let round = 0; round < 8; round += 1) {
      const use = {
        idempotencyKey: clients.next(),
        lines: tokensFor(10),
        organizationExternalId: club.externalId,
      };
      const named: Sent = { document: CONSUME, input: { ...use, userExternalId: member.externalId } };
      const implied: Sent = { document: CONSUME, input: use };
      const [theirs, others] = await Promise.all([
        Promise.all(
          [member.token, clients.service, clients.operator, member.token, clients.service].map((token) =>
            answer(token, named),
          ),
        ),
        Promise.all([stranger.token, former.token, stranger.token].map((token) => answer(token, implied))),
      ]);
      expect(theirs.map((each) => each['credits'])).toEqual([10, 10, 10, 10, 10]);
      expect(theirs.filter(({ replayed }) => replayed === false)).toHaveLength(1);
      for (const each of others) expect(each).toMatchObject({ code: 'NOT_FOUND' });
    }
    const used = 'query ($id: ID!) { billingEntity(id: $id) { credits { used } } }';
    expect(await ask(clients.operator, used, { id: club.id })).toEqual({ credits: { used: 80 } });
    const proof = 'query ($id: ID!) { verifyLedger(billingEntityId: $id) { problems } }';
    expect(await ask(clients.operator, proof, { id: club.id })).toEqual({ problems: [] });
  });
});

describe('an entry that is older than what is kept of commands', () => {
  it('is answered by what its own rows say: the amounts after it, and its charge as all that was used', async () => {
    const { user, club, sent } = await usedPool('themselves');
    await remove(club, user.externalId);
    const admin = new pg.Client({ connectionString: database.adminUrl });
    await admin.connect();
    try {
      await admin.query('set session_replication_role = replica');
      await admin.query(
        `update ledger_entry set last_sequence = null, used_after = null, allowance_after = null, version_after = null
         where billing_entity_id = $1`,
        [club.id],
      );
    } finally {
      await admin.end();
    }
    const answers = await Promise.all(sent.map((each) => answer(user.token, each)));
    const balances = answers.map(({ balance }) => balance);
    // A thousand: thirty held at first, ten used, fifty held besides; then twenty of the thirty used, and nothing.
    expect(balances).toMatchObject([
      { available: 960, held: 30, used: 10, allowance: 1_000 },
      { available: 910, held: 80, used: 0, allowance: 990 },
      { available: 920, held: 50, used: 20, allowance: 990 },
      { available: 920, held: 50, used: 0, allowance: 970 },
    ]);
    expect(answers).toEqual(answers.map(() => expect.objectContaining({ replayed: true }) as unknown));
    await clients.setCredits(club.id, 5);
    expect(await Promise.all(sent.map((each) => answer(user.token, each)))).toEqual(answers);
  });
});

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
