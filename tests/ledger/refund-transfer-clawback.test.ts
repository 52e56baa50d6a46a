import type { Command } from '../../src/ledger/rules/commands.ts';
import { parseRecordId, recordId } from '../../src/kernel/public-ids.ts';
import { idempotency } from '../../src/ledger/idempotency.ts';
import { refundChecksum } from '../../src/ledger/store/tables.ts';
import type { Refusal } from '../../src/kernel/refusal.ts';
import { Installation, OPERATOR, type Person, SERVICE } from '../support/installation.ts';

let installation: Installation;

beforeAll(async () => {
  installation = await Installation.open();
});

afterAll(() => installation.close());

async function use(person: Person, tokens: number): Promise<string> {
  const result = await installation.one.consumption.consume(SERVICE, installation.use(person, tokens));
  if (result.kind !== 'success') throw new Error(result.message);
  const [record] = result.records;
  return recordId(person.id, record?.sequence ?? 0n, record?.line ?? 0);
}

const refund = (id: string, index = 0, idempotencyKey = installation.key(), credits: bigint | null = null) =>
  installation
    .either(index)
    .administration.refund(OPERATOR, { idempotencyKey, recordId: id, credits, reason: 'it failed' });

const refundPart = (id: string, credits: bigint, index = 0, idempotencyKey = installation.key()) =>
  refund(id, index, idempotencyKey, credits);

const transfer = (from: Person, to: Person, amount: bigint, index = 0, idempotencyKey = installation.key()) =>
  installation.either(index).transfers.transfer(OPERATOR, {
    idempotencyKey,
    fromBillingEntityId: from.id,
    toBillingEntityId: to.id,
    amount,
    reason: null,
  });

async function codesOf(attempts: readonly Promise<unknown>[]): Promise<string[]> {
  const settled = await Promise.allSettled(attempts);
  return settled.map((each) => (each.status === 'fulfilled' ? 'done' : (each.reason as Refusal).code));
}

describe('refunds on PostgreSQL', () => {
  it('happen once, however many race; the same key has the same answer', async () => {
    const person = await installation.person(100n);
    const id = await use(person, 300);
    const codes = await codesOf(Array.from({ length: 10 }, (_, index) => refund(id, index)));
    expect(codes.toSorted()).toEqual([...Array.from({ length: 9 }, () => 'CONFLICT'), 'done']);
    const other = await use(person, 300);
    const same = await Promise.all(Array.from({ length: 10 }, (_, index) => refund(other, index, 'one-refund')));
    expect(same.filter(({ replayed }) => !replayed)).toHaveLength(1);
    for (const { entry, grant } of same) {
      expect({ kind: entry.kind, amount: entry.amount, remaining: grant?.remaining }).toEqual({
        kind: 'REFUND',
        amount: 30n,
        remaining: 100n,
      });
    }
    expect(await installation.one.accounts.balance(person.id)).toMatchObject({ available: 100n, used: 0n });
    await installation.expectProven(person.id);
  });

  it('say when, and lower the summaries in the hour of the use', async () => {
    const person = await installation.person(100n);
    const id = await use(person, 300);
    await use(person, 200);
    const key = parseRecordId(id);
    expect(await installation.one.usage.refunds([key])).toEqual([null]);
    installation.clock.forwardMs(7_200_000);
    await refund(id);
    expect(await installation.two.usage.refunds([key, { ...key, line: 1 }])).toEqual([
      { credits: 30n, refundedAt: installation.clock.now() },
      null,
    ]);
    const { rows } = await installation.admin.query(
      'select quantity::int, credits::int, records::int from usage_rollup where billing_entity_id = $1',
      [person.id],
    );
    expect(rows).toEqual([{ quantity: 500, credits: 20, records: 2 }]);
    await installation.expectProven(person.id);
  });

  it('in parts come to the charge and no more, however many race on two processes', async () => {
    const person = await installation.person(100n);
    const id = await use(person, 900);
    const parts = Array.from({ length: 24 }, (_, index) => refundPart(id, BigInt(5 + (index % 3)), index));
    const codes = await codesOf([...parts, refundPart(id, 91n)]);
    const done = codes.filter((code) => code === 'done').length;
    expect([...new Set(codes)].toSorted()).toEqual(['CONFLICT', 'done']);
    const balance = await installation.one.accounts.balance(person.id);
    const back = (balance?.available ?? 0n) - 10n;
    expect(balance).toMatchObject({ used: 90n - back });
    // Nobody who was refused would have fitted into what is left.
    expect(90n - back).toBeLessThan(7n);
    expect(done).toBeGreaterThanOrEqual(12);
    expect(await installation.one.usage.refunds([parseRecordId(id)])).toMatchObject([{ credits: back }]);
    const { rows } = await installation.admin.query<{ credits: string; credits_before: string }>(
      'select credits, credits_before from usage_refund where billing_entity_id = $1 order by refund_sequence',
      [person.id],
    );
    let through = 0n;
    for (const part of rows) {
      expect(BigInt(part.credits_before)).toBe(through);
      through += BigInt(part.credits);
    }
    expect(through).toBe(back);
    await installation.expectProven(person.id);
  });

  it('in parts answer each key again with its own part; the last part says when', async () => {
    const person = await installation.person(100n);
    const id = await use(person, 900);
    const key = parseRecordId(id);
    const first = await refundPart(id, 20n, 0, 'first-part');
    installation.clock.forwardMs(60_000);
    await refundPart(id, 30n, 1, 'second-part');
    const again = await refundPart(id, 20n, 1, 'first-part');
    expect(again).toMatchObject({ replayed: true, entry: { sequence: first.entry.sequence, amount: 20n } });
    expect(await codesOf([refundPart(id, 21n, 0, 'first-part'), refund(id, 0, 'first-part')])).toEqual([
      'IDEMPOTENCY_KEY_REUSED',
      'IDEMPOTENCY_KEY_REUSED',
    ]);
    expect(await codesOf([refundPart(id, 0n), refundPart(id, -1n), refundPart(id, 41n)])).toEqual([
      'BAD_USER_INPUT',
      'BAD_USER_INPUT',
      'CONFLICT',
    ]);
    expect(await installation.one.usage.refunds([key])).toEqual([
      { credits: 50n, refundedAt: installation.clock.now() },
    ]);
    expect(await refund(id)).toMatchObject({ entry: { amount: 40n }, balance: { available: 100n, used: 0n } });
    expect(await codesOf([refundPart(id, 1n), refund(id)])).toEqual(['CONFLICT', 'CONFLICT']);
    await installation.expectProven(person.id);
  });

  it('of before there were parts were of all that their records charged', async () => {
    const person = await installation.person(100n);
    const [id, other] = [await use(person, 300), await use(person, 5)];
    for (const each of [id, other]) {
      const { entry } = await refund(each, 0, `before-parts ${each}`);
      const { billingEntityId, sequence, line } = parseRecordId(each);
      const digested = [billingEntityId, sequence, line, 'it failed'];
      expect(entry.idempotency).toEqual(idempotency(`before-parts ${each}`, 'refund', digested));
    }
    // As the release before wrote them: without credits, under the checksum of that time.
    const key = parseRecordId(id);
    const rows = await installation.admin.query<{ sequence: string; refunded_at: Date; refund_sequence: string }>(
      'select sequence, refunded_at, refund_sequence from usage_refund where billing_entity_id = $1',
      [person.id],
    );
    for (const row of rows.rows) {
      const [sequence, refundSequence] = [BigInt(row.sequence), BigInt(row.refund_sequence)];
      const names = { billingEntityId: person.id, sequence, line: 0, refundSequence };
      const then = { ...names, refundedAt: row.refunded_at, credits: null, creditsBefore: 0n };
      await installation.behindItsBack(
        `update usage_refund set credits = null, checksum = '${refundChecksum(then)}'
         where billing_entity_id = '${person.id}' and sequence = ${sequence}`,
      );
    }
    expect(await installation.one.usage.refunds([key, parseRecordId(other)])).toMatchObject([
      { credits: 30n },
      { credits: 0n },
    ]);
    expect(await codesOf([refund(id), refundPart(id, 1n), refund(other)])).toEqual(Array(3).fill('CONFLICT'));
    expect(await refund(id, 0, `before-parts ${id}`)).toMatchObject({ replayed: true, entry: { amount: 30n } });
    await installation.expectProven(person.id);
  });

  it('reach grants that are long spent or lapsed', async () => {
    const person = await installation.person(30n);
    const inAnHour = new Date(installation.clock.now().getTime() + 3_600_000);
    await installation.grant(person.id, 20n, inAnHour);
    const id = await use(person, 500);
    await installation.grant(person.id, 5n);
    installation.clock.forwardMs(3_600_000);
    await refund(id);
    expect(await installation.one.accounts.balance(person.id)).toMatchObject({ available: 55n, used: 0n });
    const page = await installation.one.history.grants(person.id, { first: 10, after: null }, { activeOnly: true });
    // The replacement of what has lapsed comes first: it ends with the period.
    expect(page.edges.map(({ node }) => node.remaining)).toEqual([20n, 30n, 5n]);
    await installation.expectProven(person.id);
  });

  it('of records that are nobody’s are NOT_FOUND', async () => {
    const person = await installation.person(30n);
    for (const id of [recordId(person.id, 99n, 0), recordId(person.id, 1n, 0), 'use_nonsense', '']) {
      await expect(refund(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
  });
});

describe('transfers on PostgreSQL', () => {
  it('to and fro between ten accounts at full speed keep the sum in every snapshot, and none fails', async () => {
    const people = await Promise.all(Array.from({ length: 10 }, () => installation.person(1_000n)));
    const ids = people.map(({ id }) => id);
    const sum = async (): Promise<number> => {
      const { rows } = await installation.admin.query<{ total: number }>(
        'select sum(available)::int as total from credit_account where billing_entity_id = any($1)',
        [ids],
      );
      return rows[0]?.total ?? 0;
    };
    const pairs = Array.from(
      { length: 1_500 },
      (_, index) => [people[index % 10], people[(index * 7 + Math.floor(index / 10)) % 10]] as [Person, Person],
    ).filter(([from, to]) => from !== to);
    const moving = Promise.all(pairs.map(([from, to], index) => transfer(from, to, BigInt(1 + (index % 60)), index)));
    const sums: number[] = [];
    const done = moving.then(() => 'done' as const);
    while ((await Promise.race([done, sum().then((total) => sums.push(total))])) !== 'done');
    const kinds = (await moving).map((result) => result.kind);
    expect([...new Set(kinds)].toSorted()).toEqual(['insufficient', 'success']);
    expect(kinds.filter((kind) => kind === 'success').length).toBeGreaterThan(500);
    expect(sums.length).toBeGreaterThan(3);
    expect(new Set(sums)).toEqual(new Set([10_000]));
    await installation.expectProven(...ids);
    // What has root, priority, expiry and sender alike is one grant: however many transfers, they are never more than these.
    const { rows } = await installation.admin.query<{ most: number; alike: number }>(
      `select (select max(open)::int from (
           select count(*) as open from credit_grant where open and billing_entity_id = any($1) group by billing_entity_id) g
         ) as most,
         (select max(alike)::int from (
           select count(*) as alike from credit_grant where open and billing_entity_id = any($1)
           group by billing_entity_id, root_grant_id, transferred_by) g
         ) as alike`,
      [ids],
    );
    expect(rows[0]?.alike).toBe(1);
    expect(rows[0]?.most).toBeLessThanOrEqual(1 + 10 * 9);
  });

  it('happen once per key; to oneself, to nobody and of nothing not at all', async () => {
    const [from, to] = [await installation.person(100n), await installation.person(0n)];
    const answers = await Promise.all(Array.from({ length: 8 }, (_, index) => transfer(from, to, 10n, index, 'once')));
    expect(answers.filter((answer) => answer.kind === 'success' && !answer.replayed)).toHaveLength(1);
    for (const answer of answers) {
      expect(answer).toMatchObject({ kind: 'success', from: { available: 90n }, to: { available: 10n } });
    }
    const nobody = { ...to, id: '01900000-0000-7000-8000-00000000beef' };
    expect(
      await codesOf([
        transfer(from, from, 1n),
        transfer(from, nobody, 1n),
        transfer(nobody, from, 1n),
        transfer(from, to, 0n),
        transfer(from, to, 11n, 0, 'once'),
      ]),
    ).toEqual(['BAD_USER_INPUT', 'NOT_FOUND', 'NOT_FOUND', 'BAD_USER_INPUT', 'IDEMPOTENCY_KEY_REUSED']);
    expect(await transfer(from, to, 91n)).toEqual({
      kind: 'insufficient',
      message: 'There are not enough credits that may leave this account.',
      required: 91n,
      available: 90n,
    });
  });

  it('never move what a trial or a promotion gave', async () => {
    const externalId = 'trial-farmer';
    const id = await installation.one.entities.ensureUser({ externalId, name: null, withTrial: true });
    const farmer = { ...(await installation.person(0n)), id, externalId };
    expect(await transfer(farmer, await installation.person(0n), 1n)).toMatchObject({
      kind: 'insufficient',
      available: 0n,
    });
  });
});

describe('clawback on PostgreSQL', () => {
  const clawBack = (person: Person, grantId: string, target: bigint, index = 0) =>
    installation.either(index).transfers.clawBack({
      billingEntityId: person.id,
      grantId,
      target,
      actor: 'system',
      reason: 'charge refunded',
    });

  it('follows credits that move on while it looks for them, and takes them once', async () => {
    const people = await Promise.all(Array.from({ length: 5 }, () => installation.person(0n)));
    const [first] = people as [Person];
    const grantId = await installation.grant(first.id, 1_000n);
    await use(first, 1_000);
    const moves = Array.from({ length: 200 }, (_, index) => {
      const [from, to] = [people[index % 5], people[(index + 1) % 5]] as [Person, Person];
      return transfer(from, to, BigInt(50 + (index % 90)), index);
    });
    const clawbacks = [300n, 1_000n, 1_000n].map((target, index) => clawBack(first, grantId, target, index));
    await Promise.all([...moves, ...clawbacks]);
    await clawBack(first, grantId, 1_000n);
    const balances = await Promise.all(people.map(({ id }) => installation.one.accounts.balance(id)));
    expect(balances.reduce((sum, balance) => sum + (balance?.available ?? 0n), 0n)).toBe(0n);
    // A hundred had been used.
    expect(balances[0]).toMatchObject({ owed: 100n });
    await installation.expectProven(...people.map(({ id }) => id));
  });

  it('is of one grant: another’s, or none, is NOT_FOUND', async () => {
    const [person, other] = [await installation.person(10n), await installation.person(10n)];
    const grantId = await installation.grant(other.id, 10n);
    await expect(clawBack(person, grantId, 5n)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(clawBack(other, grantId, 11n)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  });

  it('leaves what is held to the work that holds it', async () => {
    const person = await installation.person(0n);
    const grantId = await installation.grant(person.id, 100n);
    await installation.one.reservations.reserve(SERVICE, installation.reservation(person, 400));
    expect(await clawBack(person, grantId, 100n)).toMatchObject({ available: 0n, held: 40n, owed: 40n });
    await installation.expectProven(person.id);
  });
});

describe('overage on PostgreSQL', () => {
  it('is taken where the policy allows it, and again from nothing in the next period', async () => {
    const person = await installation.person(10n);
    await installation.subscribe(person.id, { status: 'PAUSED' });
    await installation.one.administration.adjust(OPERATOR, {
      idempotencyKey: installation.key(),
      billingEntityId: person.id,
      amount: -500_000n,
      reason: 'no base credits',
    });
    const policy: Command = {
      kind: 'policy',
      billingEntityId: person.id,
      actor: 'test',
      idempotency: null,
      overagePolicy: { enabled: true, cap: 50n },
    };
    await installation.one.ledger.submit(policy);
    await use(person, 300);
    expect(await installation.two.accounts.balance(person.id)).toMatchObject({ overage: 20n, usedRatio: 3 });
    const beyond = await installation.one.consumption.consume(SERVICE, installation.use(person, 310));
    expect(beyond).toMatchObject({
      kind: 'refused',
      reason: 'OVERAGE_CAP_REACHED',
      scope: 'OVERAGE_CAP',
      available: 30n,
    });
    await use(person, 300);
    installation.clock.set('2026-05-02T00:00:00Z');
    await use(person, 500);
    expect(await installation.two.accounts.balance(person.id)).toMatchObject({
      overage: 50n,
      used: 50n,
      allowance: 0n,
    });
    await installation.expectProven(person.id);
  });
});
