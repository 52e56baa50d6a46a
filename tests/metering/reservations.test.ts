import type { ConsumeResult } from '../../src/metering/consumption.ts';
import type { Reservation } from '../../src/ledger/rules/reservations.ts';
import type { ReserveInput } from '../../src/metering/reservations.ts';
import { reservationId } from '../../src/kernel/public-ids.ts';
import { Refusal } from '../../src/kernel/refusal.ts';
import { Installation, OPERATOR, type Person, SERVICE } from '../support/installation.ts';

let installation: Installation;

beforeAll(async () => {
  installation = await Installation.open();
});

afterAll(() => installation.close());

const idOf = (hold: Reservation): string => reservationId(hold.billingEntityId, hold.id);

async function reserve(person: Person, tokens: number, more: Partial<ReserveInput> = {}): Promise<Reservation> {
  const result = await installation.one.reservations.reserve(SERVICE, installation.reservation(person, tokens, more));
  if (result.kind !== 'success') throw new Error(result.message);
  return result.reservation;
}

function settle(hold: Reservation, tokens: number, index = 0, key = installation.key()): Promise<ConsumeResult> {
  return installation.either(index).consumption.consume(SERVICE, {
    idempotencyKey: key,
    lines: [{ resource: 'AI_TOKENS', quantity: BigInt(tokens) }],
    userExternalId: null,
    organizationExternalId: null,
    apiKeyId: null,
    feature: null,
    reservationId: idOf(hold),
    occurredAt: null,
    metadata: null,
  });
}

/** What each came to: how many succeeded, and the codes of the others. */
async function outcomes(attempts: readonly Promise<unknown>[]): Promise<{ done: number; codes: string[] }> {
  const settled = await Promise.allSettled(attempts);
  const codes = settled.flatMap((each) => {
    if (each.status === 'fulfilled') return [];
    if (each.reason instanceof Refusal) return [each.reason.code];
    throw each.reason;
  });
  return { done: settled.length - codes.length, codes: [...new Set(codes)] };
}

describe('reservations on PostgreSQL', () => {
  it('race for the last ten credits on two processes: one wins', async () => {
    const person = await installation.person(10n);
    const results = await Promise.all(
      [0, 1].map((index) =>
        installation.either(index).reservations.reserve(SERVICE, installation.reservation(person, 100)),
      ),
    );
    expect(results.map((result) => result.kind).toSorted()).toEqual(['refused', 'success']);
    expect(results.find((result) => result.kind === 'refused')).toMatchObject({
      reason: 'INSUFFICIENT_CREDITS',
      required: 10n,
      available: 0n,
      balance: { held: 10n },
    });
    await installation.expectProven(person.id);
  });

  it('are made once for one key sent 40 times at once', async () => {
    const person = await installation.person(100n);
    const input = installation.reservation(person, 100);
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, index) => installation.either(index).reservations.reserve(SERVICE, input)),
    );
    const ids = results.map((result) => (result.kind === 'success' ? result.reservation.id : null));
    expect(new Set(ids).size).toBe(1);
    expect(results.filter((result) => result.kind === 'success' && !result.replayed)).toHaveLength(1);
    expect(await installation.one.accounts.balance(person.id)).toMatchObject({ available: 90n, held: 10n });
    await expect(installation.one.reservations.reserve(SERVICE, { ...input, ttlSeconds: 601 })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
  });

  it('are settled once, however many settle, release and extend at once; all of one key get the same answer', async () => {
    const person = await installation.person(1_100n);
    for (let round = 0; round < 10; round += 1) {
      const hold = await reserve(person, 1_000);
      const rivals = Array.from({ length: 6 }, (_, index) => settle(hold, 500, index));
      expect(await outcomes(rivals)).toEqual({ done: 1, codes: ['CONFLICT'] });
      const other = await reserve(person, 1_000);
      const key = installation.key();
      const same = await Promise.all(Array.from({ length: 6 }, (_, index) => settle(other, 500, index, key)));
      const answers = same.map((result) => (result.kind === 'success' ? [result.credits, result.records] : result));
      for (const answer of answers) expect(answer).toEqual(answers[0]);
      expect(same.filter((result) => result.kind === 'success' && !result.replayed)).toHaveLength(1);

      const contested = await reserve(person, 1_000);
      const ends = await outcomes([
        settle(contested, 0, 0),
        installation.two.reservations.release(SERVICE, idOf(contested)),
      ]);
      expect(ends).toEqual({ done: 1, codes: ['CONFLICT'] });
    }
    expect(await installation.one.accounts.balance(person.id)).toMatchObject({
      available: 100n,
      held: 0n,
      used: 1_000n,
    });
    await installation.expectProven(person.id);
  });

  it('are settled or lapse at one instant: the clock decides, and whichever comes first is all that happens', async () => {
    const person = await installation.person(100n);
    const inTime = await reserve(person, 100, { ttlSeconds: 60 });
    const late = await reserve(person, 100, { ttlSeconds: 60 });
    installation.clock.forwardMs(59_999);
    expect(await settle(inTime, 50)).toMatchObject({ kind: 'success', credits: 5n });
    installation.clock.forwardMs(1);
    expect(
      await outcomes([installation.two.sweeper.sweep(), settle(late, 50), installation.one.sweeper.sweep()]),
    ).toEqual({
      done: 2,
      codes: ['CONFLICT'],
    });
    expect(await installation.one.accounts.balance(person.id)).toMatchObject({ available: 95n, held: 0n, used: 5n });
    await installation.expectProven(person.id);
  });

  it('give a settlement’s first answer again, and refuse its key for anything else', async () => {
    const person = await installation.person(100n);
    const hold = await reserve(person, 200);
    const key = installation.key();
    const first = await settle(hold, 150, 0, key);
    const again = await settle(hold, 150, 1, key);
    expect(again).toMatchObject({ kind: 'success', replayed: true });
    expect(again).toMatchObject({ records: first.kind === 'success' ? first.records : [] });
    const stranger = await installation.person(0n);
    const settlement = installation.use(person, 150, { idempotencyKey: key, reservationId: idOf(hold) });
    // The user named as implied is the same; another one is not.
    expect(await installation.one.consumption.consume(SERVICE, settlement)).toMatchObject({ replayed: true });
    for (const other of [
      { ...settlement, userExternalId: stranger.externalId },
      { ...settlement, reservationId: null },
      { ...settlement, lines: [{ resource: 'COMPUTE', quantity: 150n } as const] },
      { ...settlement, reservationId: idOf(await reserve(person, 100)) },
    ]) {
      await expect(installation.two.consumption.consume(SERVICE, other)).rejects.toMatchObject({
        code: 'IDEMPOTENCY_KEY_REUSED',
      });
    }
  });

  it('are charged to whom they name: another user, feature or organization is a CONFLICT', async () => {
    const person = await installation.person(100n);
    const hold = await reserve(person, 100, { feature: 'basic_chatflows' });
    const stranger = await installation.person(0n);
    const settlement = installation.use(person, 50, { reservationId: idOf(hold) });
    for (const wrong of [
      { userExternalId: stranger.externalId },
      { userExternalId: 'nobody-knows' },
      { feature: 'all_chatflows' },
      { organizationExternalId: 'acme' },
    ]) {
      await expect(installation.one.consumption.consume(SERVICE, { ...settlement, ...wrong })).rejects.toMatchObject({
        code: 'CONFLICT',
      });
    }
    expect(await installation.one.consumption.consume(SERVICE, settlement)).toMatchObject({
      kind: 'success',
      records: [{ userId: person.id, feature: 'basic_chatflows' }],
    });
    expect(await installation.one.entities.byExternalId('USER', 'nobody-knows')).toBeNull();
  });

  it('exist for their payer, who may handle those that they made themselves; for others there is nothing', async () => {
    const person = await installation.person(100n);
    const stranger = await installation.person(100n);
    const ofService = await reserve(person, 100);
    const { one } = installation;
    const own = await one.reservations.reserve(person.principal, installation.reservation(person, 100));
    const ownId = own.kind === 'success' ? idOf(own.reservation) : '';
    expect(await one.reservations.extend(person.principal, ownId, 60)).toMatchObject({ status: 'HELD' });
    expect(await one.reservations.release(person.principal, ownId)).toMatchObject({ status: 'RELEASED' });
    expect(await one.reservations.release(person.principal, ownId)).toMatchObject({ status: 'RELEASED' });
    await expect(one.reservations.release(person.principal, idOf(ofService))).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    for (const id of [idOf(ofService), ownId, 'rsv_nonsense', 'nonsense', '']) {
      await expect(one.reservations.release(stranger.principal, id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(one.reservations.extend(stranger.principal, id, 60)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      const use = installation.use(stranger, 1, { reservationId: id });
      await expect(one.consumption.consume(stranger.principal, use)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    expect(await one.reservations.extend(OPERATOR, idOf(ofService), 60)).toMatchObject({ status: 'HELD' });
  });

  it('are listed by what they are now, in pages, whether anybody has tidied them or not', async () => {
    const person = await installation.person(1_000n);
    const [lapsed, released, settled, held, alsoHeld] = [
      await reserve(person, 10, { ttlSeconds: 10 }),
      await reserve(person, 20),
      await reserve(person, 30),
      await reserve(person, 40),
      await reserve(person, 50),
    ];
    await installation.one.reservations.release(SERVICE, idOf(released));
    await settle(settled, 1);
    installation.clock.forwardMs(10_000);
    const list = async (statuses: Reservation['status'][], first = 10, after: string | null = null) =>
      installation.two.reservations.list(person.id, { first, after }, statuses);
    const ids = async (...statuses: Reservation['status'][]): Promise<string[]> =>
      (await list(statuses)).edges.map(({ node }) => node.id);
    expect(await ids('HELD')).toEqual([alsoHeld.id, held.id]);
    expect(await ids('EXPIRED')).toEqual([lapsed.id]);
    expect((await list(['EXPIRED'])).edges[0]?.node.status).toBe('EXPIRED');
    await installation.one.sweeper.sweep();
    expect(await ids('EXPIRED')).toEqual([lapsed.id]);
    expect(await ids('RELEASED', 'SETTLED')).toEqual([settled.id, released.id]);
    expect(await ids()).toEqual([]);

    const page = await list(['HELD', 'SETTLED', 'RELEASED', 'EXPIRED'], 2);
    const next = await list(['HELD', 'SETTLED', 'RELEASED', 'EXPIRED'], 10, page.pageInfo.endCursor);
    expect([...page.edges, ...next.edges].map(({ node }) => node.id)).toEqual(
      [lapsed, released, settled, held, alsoHeld].map((hold) => hold.id).toReversed(),
    );
  });

  it('are swept at their end and not before, also when an earlier end was put off', async () => {
    const person = await installation.person(100n);
    const first = await reserve(person, 100, { ttlSeconds: 60 });
    const second = await reserve(person, 100, { ttlSeconds: 120 });
    await installation.one.reservations.extend(SERVICE, idOf(first), 180);
    const heldAfterMs = async (ms: number): Promise<bigint | undefined> => {
      installation.clock.forwardMs(ms);
      await installation.two.sweeper.sweep();
      const { rows } = await installation.admin.query<{ held: string }>(
        'select held from credit_account where billing_entity_id = $1',
        [person.id],
      );
      return BigInt(rows[0]?.held ?? -1);
    };
    expect(await heldAfterMs(60_000)).toBe(20n);
    expect(await heldAfterMs(59_999)).toBe(20n);
    expect(await heldAfterMs(1)).toBe(10n);
    expect(await installation.one.reservations.byIds([second])).toMatchObject([{ status: 'EXPIRED' }]);
    expect(await heldAfterMs(60_000)).toBe(0n);
    await installation.expectProven(person.id);
  });

  it('count in whether use would be admitted, until they are over', async () => {
    const person = await installation.person(10n);
    await reserve(person, 100, { ttlSeconds: 10 });
    const check = (): Promise<unknown> =>
      installation.one.consumption.check(SERVICE, {
        lines: [{ resource: 'AI_TOKENS', quantity: 10n }],
        userExternalId: person.externalId,
        organizationExternalId: null,
        apiKeyId: null,
        feature: null,
      });
    expect(await check()).toMatchObject({ allowed: false, refusal: { available: 0n, balance: { held: 10n } } });
    installation.clock.forwardMs(10_000);
    expect(await check()).toMatchObject({ allowed: true, refusal: null });
  });

  it('refuse what is no time to hold for', async () => {
    const person = await installation.person(10n);
    const { reservations } = installation.one;
    for (const ttlSeconds of [9, 86_401, 0, -1]) {
      await expect(
        reservations.reserve(SERVICE, installation.reservation(person, 1, { ttlSeconds })),
      ).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
    }
    await expect(
      reservations.reserve(SERVICE, installation.reservation(person, 1, { lines: [] })),
    ).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  });

  it('made, extended, settled, released and lapsed a thousand at random on two processes leave nothing held', async () => {
    const person = await installation.person(3_000n);
    const holds: Reservation[] = [];
    let random = 42;
    const next = (below: number): number => {
      random = (random * 1_103_515_245 + 12_345) % 2_147_483_648;
      return random % below;
    };
    const conflictIsFine = async (work: Promise<unknown>): Promise<void> => {
      await work.catch((error: unknown) => {
        if (!(error instanceof Refusal) || error.code !== 'CONFLICT') throw error;
      });
    };
    const step = async (index: number): Promise<void> => {
      const services = installation.either(index);
      const hold = holds[next(Math.max(1, holds.length))];
      const what = hold === undefined ? 0 : next(8);
      if (what < 3) {
        const input = installation.reservation(person, next(400), { ttlSeconds: 10 + next(120) });
        const result = await services.reservations.reserve(SERVICE, input);
        if (result.kind === 'success') holds.push(result.reservation);
      } else if (what < 6) await conflictIsFine(settle(hold as Reservation, next(600), index));
      else if (what === 6) await conflictIsFine(services.reservations.release(SERVICE, idOf(hold as Reservation)));
      else await conflictIsFine(services.reservations.extend(SERVICE, idOf(hold as Reservation), 10 + next(60)));
    };
    for (let round = 0; round < 60; round += 1) {
      await Promise.all(Array.from({ length: 50 }, (_, index) => step(index)));
      installation.clock.forwardMs(next(20_000));
      if (round % 20 === 19) await installation.grant(person.id, 1_500n);
    }
    expect(holds.length).toBeGreaterThan(500);
    installation.clock.forwardMs(200_000);
    await installation.one.sweeper.sweep();
    expect(await installation.one.accounts.balance(person.id)).toMatchObject({ held: 0n });
    await installation.expectProven(person.id);
  });
});

describe('what others do', () => {
  it('takes nothing from a reservation: its id under another account names nothing', async () => {
    const [victim, other] = [await installation.person(1_000n), await installation.person(10n)];
    for (let round = 0; round < 12; round += 1) {
      const hold = await reserve(victim, 10);
      const forged = reservationId(other.id, hold.id);
      const [settled, stolen] = await Promise.allSettled([
        settle(hold, 10),
        installation.one.reservations.release(other.principal, forged),
      ]);
      expect(settled).toMatchObject({ status: 'fulfilled', value: { kind: 'success' } });
      expect(stolen).toMatchObject({ status: 'rejected', reason: { code: 'NOT_FOUND' } });
    }
  });

  it('is not kept waiting by an account whose dues cannot be applied', async () => {
    const [broken, sound] = [await installation.person(100n), await installation.person(100n)];
    await reserve(broken, 10, { ttlSeconds: 10 });
    await reserve(sound, 10, { ttlSeconds: 11 });
    // As if its row had been altered: nothing can take ten off what it holds.
    await installation.behindItsBack(
      `update credit_account set held = 0, lapse_held = 0 where billing_entity_id = '${broken.id}'`,
    );
    installation.clock.forwardMs(11_000);
    await installation.one.sweeper.sweep();
    const held = await installation.admin.query<{ held: number }>(
      'select held::int from credit_account where billing_entity_id = $1',
      [sound.id],
    );
    expect(held.rows).toEqual([{ held: 0 }]);
    const balances = await installation.one.accounts.balances([broken.id, sound.id]);
    expect(balances.get(broken.id)).toBeInstanceOf(Error);
    expect(balances.get(sound.id)).toMatchObject({ available: 100n, held: 0n });
  });
});

describe('thousands of reservations that ended while nobody looked', () => {
  it('lapse in several transactions before the first command, each of them small', async () => {
    const person = await installation.person(3_000n);
    const inputs = Array.from({ length: 2_600 }, (_, index) =>
      installation.reservation(person, 10, { ttlSeconds: index < 1_300 ? 60 : 61 + (index % 50) }),
    );
    await Promise.all(inputs.map((input) => installation.one.reservations.reserve(SERVICE, input)));
    expect(await installation.one.accounts.balance(person.id)).toMatchObject({ held: 2_600n, available: 400n });
    installation.clock.forwardMs(600_000);
    expect(
      await installation.two.consumption.check(SERVICE, {
        lines: [{ resource: 'AI_TOKENS', quantity: 20_000n }],
        userExternalId: person.externalId,
        organizationExternalId: null,
        apiKeyId: null,
        feature: null,
      }),
    ).toMatchObject({ allowed: true });
    const used = await installation.one.consumption.consume(SERVICE, installation.use(person, 10));
    expect(used).toMatchObject({ kind: 'success', balance: { held: 0n, available: 2_999n } });
    await installation.expectProven(person.id);
  });
});
