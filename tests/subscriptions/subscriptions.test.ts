import { setTimeout as delay } from 'node:timers/promises';
import type { DeliveredReport } from '../../src/ledger/rules/entries.ts';
import { addMonths } from '../../src/ledger/rules/periods.ts';
import type { ProviderSubscription } from '../../src/ledger/rules/subscription.ts';
import { reportChecksum } from '../../src/ledger/store/tables.ts';
import { Installation, OPERATOR, type Person, SERVICE } from '../support/installation.ts';
import { waitFor } from '../support/wait-for.ts';

const UNIT = 500_000n;

let installation: Installation;

beforeAll(async () => {
  installation = await Installation.open();
});

afterAll(() => installation.close());

function wantedOf({ id }: Person, changes: Partial<ProviderSubscription> = {}): ProviderSubscription {
  const anchor = installation.clock.now();
  return {
    id: `sub_${id}`,
    plan: 'PRO',
    quantity: 1,
    paymentStanding: 'GOOD',
    status: 'ACTIVE',
    graceEndsAt: null,
    anchor,
    next: { plan: 'PRO', quantity: 1 },
    period: { start: anchor, end: addMonths(anchor, 1) },
    ...changes,
  };
}

async function baseGrants({ id }: Person): Promise<{ amount: bigint; state: string }[]> {
  const { rows } = await installation.admin.query<{ amount: string; state: string }>(
    `select amount, state from credit_grant where billing_entity_id = $1 and source = 'SUBSCRIPTION' order by created_at`,
    [id],
  );
  return rows.map(({ amount, state }) => ({ amount: BigInt(amount), state }));
}

/** As many calls as asked for at once, of both instances in turn. */
function atOnce<T>(count: number, call: (services: Installation['one']) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => call(installation.either(index))));
}

describe('a subscription on PostgreSQL', () => {
  it('begins once, whoever says how often that it was paid', async () => {
    const person = await installation.person(0n);
    const providerSubscription = wantedOf(person, { quantity: 3 });
    const states = await atOnce(10, ({ subscriptions }) =>
      subscriptions.follow(person.id, { providerSubscription, paidUnits: 3 }),
    );
    expect(new Set(states.map((state) => state?.base?.grantId)).size).toBe(1);
    expect(await baseGrants(person)).toEqual([{ amount: 3n * UNIT, state: 'ACTIVE' }]);
    expect(await installation.two.subscriptions.of(person.id)).toMatchObject({
      plan: { code: 'PRO' },
      features: ['basic_chatflows', 'all_chatflows'],
      subscription: {
        quantity: 3,
        status: 'ACTIVE',
        currentPeriodStart: providerSubscription.period.start,
        currentPeriodEnd: providerSubscription.period.end,
        cancelAtPeriodEnd: false,
        scheduledPlan: { code: 'PRO' },
        scheduledQuantity: 1,
        pendingPayment: null,
      },
      unpaid: false,
    });
    await installation.expectProven(person.id);
  });

  it('turns once, whoever comes first of two instances that race for it', async () => {
    const person = await installation.person(0n);
    const { base } = await installation.subscribe(person.id);
    installation.clock.set(addMonths(base?.periodStart as Date, 1));
    const balances = await atOnce(12, ({ accounts }) => accounts.advance(person.id));
    balances.push(...(await atOnce(2, ({ accounts }) => accounts.balance(person.id))).filter((each) => each !== null));
    await atOnce(6, ({ consumption }) => consumption.consume(SERVICE, installation.use(person, 100)));
    expect(balances.every((balance) => balance.available === UNIT)).toBe(true);
    expect(await baseGrants(person)).toEqual([
      { amount: UNIT, state: 'LAPSED' },
      { amount: UNIT, state: 'ACTIVE' },
    ]);
    expect(await installation.one.accounts.balance(person.id)).toMatchObject({ used: 60n, available: UNIT - 60n });
    await installation.expectProven(person.id);
  });

  it('turns by the sweeper after months in which nothing ran, though nobody used anything', async () => {
    const [person, other] = [await installation.person(0n), await installation.person(0n)];
    // A year is paid of the one, and a month of the other, who gets nothing ahead of a payment any more (rule 25).
    const paidUntil = new Date(installation.clock.now().getTime() + 365 * 86_400_000);
    await installation.subscribe(person.id, { paidUntil });
    await installation.subscribe(other.id);
    installation.clock.forwardMs(160 * 86_400_000);
    await Promise.all([installation.one.sweeper.sweep(), installation.two.sweeper.sweep()]);
    expect(await baseGrants(other)).toEqual([{ amount: UNIT, state: 'LAPSED' }]);
    expect(await baseGrants(person)).toEqual([
      { amount: UNIT, state: 'LAPSED' },
      { amount: UNIT, state: 'ACTIVE' },
    ]);
    await installation.expectProven(person.id);
  });

  it('turns once when the connection that turns it is cut', async () => {
    const person = await installation.person(0n);
    await installation.subscribe(person.id);
    installation.clock.forwardMs(31 * 86_400_000);
    const blocker = await installation.admin.connect();
    await blocker.query('begin');
    await blocker.query('select from credit_account where billing_entity_id = $1 for update', [person.id]);
    const turned = installation.one.accounts.advance(person.id);
    let waiting: number | undefined;
    await waitFor(async () => {
      const { rows } = await installation.admin.query<{ pid: number }>(
        `select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
      );
      waiting = rows[0]?.pid;
      return waiting !== undefined;
    }, 'the turn to wait for the lock');
    await blocker.query('select pg_terminate_backend($1)', [waiting]);
    await blocker.query('commit');
    blocker.release();
    expect((await turned).available).toBe(UNIT);
    expect(await baseGrants(person)).toHaveLength(2);
    await installation.expectProven(person.id);
  });

  it('that is lost and found again within its period gets no second base', async () => {
    const person = await installation.person(0n);
    const providerSubscription = wantedOf(person);
    await installation.one.subscriptions.follow(person.id, { providerSubscription, paidUnits: 1 });
    await installation.two.subscriptions.follow(person.id, { providerSubscription: null, paidUnits: 0 });
    expect(await installation.one.subscriptions.of(person.id)).toMatchObject({
      plan: { code: 'FREE_TRIAL' },
      subscription: null,
    });
    const found = await installation.one.subscriptions.follow(person.id, { providerSubscription, paidUnits: 1 });
    expect(found?.base?.periodStart).toEqual(providerSubscription.period.start);
    expect(await baseGrants(person)).toEqual([{ amount: UNIT, state: 'LAPSED' }]);
    await installation.expectProven(person.id);
  });

  it('refuses use while it is unpaid, in a check as in earnest, and says so', async () => {
    const person = await installation.person(10n);
    const providerSubscription = wantedOf(person, {
      paymentStanding: 'PAST_DUE',
      status: 'PAST_DUE',
      graceEndsAt: new Date(installation.clock.now().getTime() + 60_000),
    });
    await installation.one.subscriptions.follow(person.id, { providerSubscription, paidUnits: 1 });
    const check = async (): Promise<unknown> =>
      installation.two.consumption.check(SERVICE, { ...installation.use(person, 10), lines: [] });
    expect(await check()).toMatchObject({ allowed: true });
    installation.clock.forwardMs(60_000);
    const refusal = { reason: 'PAYMENT_PAST_DUE', scope: 'PLAN', message: 'The subscription is unpaid.' };
    expect(await check()).toMatchObject({ allowed: false, refusal });
    expect(await installation.one.consumption.consume(SERVICE, installation.use(person, 0))).toMatchObject(refusal);
    expect(await installation.one.subscriptions.of(person.id)).toMatchObject({ unpaid: true });
  });

  it('keeps an overage policy on any plan', async () => {
    const person = await installation.person(0n);
    const policy = { billingEntityId: person.id, enabled: true, cap: 7n };
    expect(await installation.one.subscriptions.setOveragePolicy(person.principal, policy)).toEqual({
      enabled: true,
      cap: 7n,
    });
    expect(await installation.one.consumption.consume(SERVICE, installation.use(person, 10))).toMatchObject({
      reason: 'INSUFFICIENT_CREDITS',
    });
    await installation.subscribe(person.id, { status: 'PAUSED' });
    expect(await installation.one.consumption.consume(SERVICE, installation.use(person, 5_000_070))).toMatchObject({
      kind: 'success',
      balance: { overage: 7n },
    });
    await expect(
      installation.one.subscriptions.setOveragePolicy(OPERATOR, { ...policy, cap: -1n }),
    ).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  });
});

describe('credits that an invoice paid for', () => {
  it('come once for each line, whatever is said the second time, and answer with the same grant', async () => {
    const person = await installation.person(0n);
    const paid = {
      billingEntityId: person.id,
      source: 'PURCHASE',
      amount: 12_500n,
      invoiceId: 'in_1',
      lineId: 'il_1',
      reason: null,
    } as const;
    const results = await atOnce(8, ({ invoiceCredits }) => invoiceCredits.credit(paid));
    expect(new Set(results.map(({ grantId }) => grantId)).size).toBe(1);
    expect(results.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(await installation.two.invoiceCredits.credit({ ...paid, amount: 25_000n })).toMatchObject({
      replayed: true,
    });
    await installation.two.invoiceCredits.credit({ ...paid, lineId: 'il_2' });
    expect(await installation.one.accounts.balance(person.id)).toMatchObject({ available: 25_000n });

    const [{ grantId } = { grantId: '' }] = results;
    const back = { billingEntityId: person.id, grantId, actor: 'system', reason: 'refunded' };
    await installation.one.transfers.clawBack({ ...back, target: 12_500n });
    await atOnce(4, ({ invoiceCredits }) => invoiceCredits.reinstate(person.id, { grantId, reason: 'dispute won' }));
    expect(await installation.one.accounts.balance(person.id)).toMatchObject({ available: 25_000n, owed: 0n });
    await installation.expectProven(person.id);
  });
});

describe('reports of overage on PostgreSQL', () => {
  async function inOverage(credits: number): Promise<Person> {
    const person = await installation.person(0n);
    await installation.subscribe(person.id);
    const policy = { billingEntityId: person.id, enabled: true, cap: null };
    await installation.one.subscriptions.setOveragePolicy(person.principal, policy);
    await installation.one.consumption.consume(SERVICE, installation.use(person, 5_000_000 + credits * 10));
    return person;
  }

  it('freeze each credit once, whoever asks at once', async () => {
    const person = await inOverage(40);
    expect(await installation.two.meterReports.unreported({ after: null, limit: 100 })).toContain(person.id);
    const [frozen] = await Promise.all([
      atOnce(6, ({ meterReports }) => meterReports.freeze(person.id)),
      atOnce(6, ({ consumption }) => consumption.consume(SERVICE, installation.use(person, 10))),
    ]);
    const last = await installation.one.meterReports.freeze(person.id);
    const credits = [...frozen, last].reduce((sum, report) => sum + (report?.credits ?? 0n), 0n);
    expect(credits).toBe(46n);
    expect(await installation.two.meterReports.unreported({ after: null, limit: 100 })).not.toContain(person.id);
    await installation.expectProven(person.id);
  });

  it('note what became of them, one after the other, and stay as they were frozen', async () => {
    const person = await inOverage(25);
    const made = await installation.one.meterReports.freeze(person.id);
    const key = { billingEntityId: person.id, id: made?.id ?? '' };
    const read = await installation.two.meterReports.byId(key);
    if (read === null) throw new Error('it is there');
    expect(read).toMatchObject({ ...made, state: 'PENDING', attempts: 0 });
    const undelivered = await installation.two.meterReports.undelivered({ after: null, limit: 100 });
    expect(undelivered.map(({ id }) => id)).toContain(read.id);

    const sentAt = installation.clock.now();
    const sent = { state: 'SENT', attempts: 1, error: null, sentAt } as const;
    const noted = await atOnce(4, ({ meterReports }) => meterReports.note(read, sent));
    expect(noted.filter(Boolean)).toHaveLength(1);
    expect(await installation.one.meterReports.byId(key)).toMatchObject(sent);
    const { rows } = await installation.admin.query('select 1 from meter_report where id = $1 and state = $2', [
      read.id,
      'SENT',
    ]);
    expect(rows).toHaveLength(1);
    for (const change of [
      'credits = credits + 1',
      `stamped_at = stamped_at - interval '1 s'`,
      'id = gen_random_uuid()',
    ]) {
      await expect(
        installation.admin.query(`update meter_report set ${change} where id = $1`, [read.id]),
      ).rejects.toMatchObject({ code: '23001' });
    }
    await expect(installation.admin.query('delete from meter_report where id = $1', [read.id])).rejects.toMatchObject({
      code: '23001',
    });
    await installation.expectProven(person.id);
  });

  it('that were altered behind the ledger’s back are not noted, so that their checksums go on telling', async () => {
    const person = await inOverage(25);
    const made = await installation.one.meterReports.freeze(person.id);
    const key = { billingEntityId: person.id, id: made?.id ?? '' };
    const alter = (attempts: number): Promise<unknown> =>
      installation.admin.query('update meter_report set attempts = $2 where id = $1', [key.id, attempts]);
    await alter(3);
    const altered = (await installation.one.meterReports.byId(key)) as DeliveredReport;
    expect(altered.attempts).toBe(3);
    const sent = { state: 'SENT', attempts: 4, error: null, sentAt: installation.clock.now() } as const;
    expect(await installation.one.meterReports.note(altered, sent)).toBe(false);
    expect(await installation.one.meterReports.byId(key)).toEqual(altered);
    const { problems } = await installation.one.verification.verify(person.id);
    expect(problems).toEqual([`report ${key.id} was altered after it was written: its checksum differs`]);
    await alter(0);
    expect(await installation.one.meterReports.note({ ...altered, attempts: 0 }, sent)).toBe(true);
    await installation.expectProven(person.id);
  });

  it('wait for a process that notes one without the lock of its account, as the last release does', async () => {
    const person = await inOverage(25);
    const made = await installation.one.meterReports.freeze(person.id);
    const key = { billingEntityId: person.id, id: made?.id ?? '' };
    const read = (await installation.one.meterReports.byId(key)) as DeliveredReport;
    const trying = { state: 'PENDING', attempts: 1, error: null, sentAt: null } as const;
    const earlier = await installation.admin.connect();
    try {
      await earlier.query('begin');
      const theirs = { ...read, ...trying, error: 'theirs' };
      await earlier.query('update meter_report set attempts = 1, error = $2, checksum = $3 where id = $1', [
        key.id,
        theirs.error,
        reportChecksum(theirs),
      ]);
      let isNoted: boolean | undefined;
      const noting = installation.two.meterReports.note(read, trying).then((noted) => (isNoted = noted));
      await delay(300);
      expect(isNoted).toBeUndefined();
      await earlier.query('commit');
      expect(await noting).toBe(false);
      expect(await installation.one.meterReports.byId(key)).toEqual(theirs);
    } finally {
      earlier.release();
    }
    await installation.expectProven(person.id);
  });

  it('are made by a turn within its transaction', async () => {
    const person = await inOverage(9);
    const { subscription } = await installation.one.subscriptions.of(person.id);
    const end = subscription?.currentPeriodEnd as Date;
    installation.clock.set(end);
    await atOnce(4, ({ accounts }) => accounts.advance(person.id));
    const all = await installation.one.meterReports.undelivered({ after: null, limit: 100 });
    const own = all.filter(({ billingEntityId }) => billingEntityId === person.id);
    expect(own).toMatchObject([
      { credits: 9n, subscriptionId: `sub_${person.id}`, stampedAt: new Date(end.getTime() - 1), period: { end } },
    ]);
    const [first] = all;
    const next = await installation.one.meterReports.undelivered({ after: first ?? null, limit: 100 });
    expect(next).toEqual(all.slice(1));
    await installation.expectProven(person.id);
  });
});
