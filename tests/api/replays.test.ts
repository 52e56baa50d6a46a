import pg from 'pg';
import { type Ask, type Clients, tokensFor, UPDATE_ORGANIZATION } from '../support/organizations.ts';
import { startTwoServers, type TwoServers } from '../support/two-servers.ts';
import { CONSUME, type Input, repeatingOn, type Sent, type Success } from './repeating.ts';

let servers: TwoServers;
let database: TwoServers['database'];
let ask: Ask;
let clients: Clients;

beforeAll(async () => {
  servers = await startTwoServers();
  ({ database, ask, clients } = servers);
});

afterAll(() => servers.stop());

const { answer, usedPool, remove } = repeatingOn(() => servers);

const AFTER_REFUND = { refundedAt: expect.any(String) as unknown, refundedCredits: 10 };

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
        expect(now[0]).toMatchObject({ replayed: true, records: [AFTER_REFUND] });
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
    await ask(clients.operator, UPDATE_ORGANIZATION, { input: { billingEntityId: club.id, visibility: 'PUBLIC' } });
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
    await ask(clients.operator, UPDATE_ORGANIZATION, { input: { billingEntityId: square.id, visibility: 'PRIVATE' } });
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
