import fc from 'fast-check';
import pg from 'pg';
import type { ServicePrincipal } from '../../src/billing-entities/principal.ts';
import type { Command } from '../../src/ledger/rules/commands.ts';
import type { UsageRecord } from '../../src/ledger/rules/entries.ts';
import type { ConsumeInput } from '../../src/metering/consumption.ts';
import { Refusal } from '../../src/kernel/refusal.ts';
import type { DomainServices } from '../../src/services.ts';
import { Bench } from '../support/bench.ts';
import { TestClock } from '../support/clock.ts';
import { draft, pauseHours } from './rules/commands.ts';
import { Model } from './rules/model.ts';
import type { Outcome } from '../../src/ledger/outcome.ts';

const SERVICE: ServicePrincipal = { kind: 'SERVICE', subject: 'platform', expiresAt: new Date('2100-01-01') };

let bench: Bench;
let clock: TestClock;
let one: DomainServices;
let two: DomainServices;
/** Remembers no account: all that it does is decided under the lock. */
let forgetful: DomainServices;
let admin: pg.Pool;
let people = 0;

beforeAll(async () => {
  bench = await Bench.open();
  clock = new TestClock();
  const ledger = { lanes: 2, maxBatch: 500, maxQueued: 20_000, patienceMs: 10_000, rememberedBytes: 1 };
  [one, two, forgetful] = await Promise.all([
    bench.services({ clock }),
    bench.services({ clock }),
    bench.services({ clock, ledger }),
  ]);
  admin = new pg.Pool({ connectionString: bench.database.url, max: 2 });
  admin.on('error', () => undefined);
});

afterAll(async () => {
  await admin.end();
  await bench.close();
});

async function newcomer(withTrial = true): Promise<{ externalId: string; id: string }> {
  const externalId = `person-${(people += 1)}`;
  return { externalId, id: await one.entities.ensureUser({ externalId, name: null, withTrial }) };
}

function useOf(externalId: string, tokens: number, key: string): ConsumeInput {
  return {
    idempotencyKey: key,
    lines: [{ resource: 'AI_TOKENS', quantity: BigInt(tokens) }],
    userExternalId: externalId,
    organizationExternalId: null,
    apiKeyId: null,
    feature: null,
    reservationId: null,
    occurredAt: null,
    metadata: null,
  };
}

async function expectProven(id: string): Promise<void> {
  expect((await one.verification.verify(id)).problems).toEqual([]);
}

describe('the ledger on PostgreSQL', () => {
  it('gives a newcomer one trial, however many first requests race on two processes', async () => {
    const user = { externalId: 'newcomer', name: null, withTrial: true };
    const ids = await Promise.all(
      Array.from({ length: 40 }, (_, index) => (index % 2 ? one : two).entities.ensureUser(user)),
    );
    expect(new Set(ids).size).toBe(1);
    const [id] = ids as [string];
    expect(await one.accounts.balance(id)).toMatchObject({ available: 10_000n, sequence: 1n });
  });

  it('gives no trial to whom an administrator named, until they come themselves (rule 4)', async () => {
    const { id, externalId } = await newcomer(false);
    expect((await one.accounts.balance(id))?.available).toBe(0n);
    await two.entities.ensureUser({ externalId, name: 'Ada', withTrial: true });
    expect((await one.accounts.balance(id))?.available).toBe(10_000n);
    expect((await one.entities.byIds([id])).get(id)?.name).toBe('Ada');
  });

  it('lets exactly 100 of 200 racing consumptions of 100 credits have 10 000, on two processes', async () => {
    const { id, externalId } = await newcomer();
    const results = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        (index % 2 ? one : two).consumption.consume(SERVICE, useOf(externalId, 1000, `race-${index}`)),
      ),
    );
    const refusals = results.filter((result) => result.kind === 'refused');
    expect(refusals).toHaveLength(100);
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({
        reason: 'INSUFFICIENT_CREDITS',
        scope: 'BALANCE',
        required: 100n,
        available: 0n,
      });
    }
    expect(await one.accounts.balance(id)).toMatchObject({
      available: 0n,
      used: 10_000n,
      allowance: 10_000n,
      usedRatio: 1,
    });
    await expectProven(id);
  });

  it('takes effect once for one key sent 40 times at once on two processes, and all answers agree', async () => {
    const { id, externalId } = await newcomer();
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        (index % 2 ? one : two).consumption.consume(SERVICE, useOf(externalId, 1000, 'same')),
      ),
    );
    expect(results.filter((result) => result.kind === 'success' && !result.replayed)).toHaveLength(1);
    const answers = results.map((result) => (result.kind === 'success' ? result.records : null));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect((await one.accounts.balance(id))?.used).toBe(100n);
    await expect(one.consumption.consume(SERVICE, useOf(externalId, 999, 'same'))).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
  });

  it('gives the first answer again whatever has changed since: balance, status, the age of occurredAt', async () => {
    const { id, externalId } = await newcomer();
    const use = { ...useOf(externalId, 100_000, 'old'), occurredAt: clock.now() };
    const first = await one.consumption.consume(SERVICE, use);
    await one.entities.suspend({ billingEntityId: id, actor: 'operator:root', reason: 'test' });
    clock.forwardMs(40 * 86_400_000);
    const again = await two.consumption.consume(SERVICE, use);
    expect(again).toMatchObject({
      kind: 'success',
      replayed: true,
      credits: 10_000n,
      balance: { available: 0n, used: 0n },
    });
    expect(again).toMatchObject({ records: first.kind === 'success' ? first.records : [] });
  });

  it('answers each item of a batch by itself, and the same key twice within it with one effect', async () => {
    const { id, externalId } = await newcomer();
    const results = await one.consumption.consumeBatch(SERVICE, [
      useOf(externalId, 1000, 'a'),
      useOf(externalId, -1, 'b'),
      useOf(externalId, 1000, 'a'),
      useOf(externalId, 2000, 'a'),
      { ...useOf(externalId, 1, 'c'), occurredAt: new Date(clock.now().getTime() - 36 * 86_400_000) },
      useOf(externalId, 10_000_000, 'd'),
      useOf(externalId, 1000, 'e'),
    ]);
    expect(results).toMatchObject([
      { kind: 'success', replayed: false },
      { kind: 'rejected', code: 'BAD_USER_INPUT', retryable: false },
      { kind: 'success', replayed: true, credits: 100n },
      { kind: 'rejected', code: 'IDEMPOTENCY_KEY_REUSED' },
      { kind: 'rejected', code: 'BAD_USER_INPUT' },
      { kind: 'refused', required: 1_000_000n, available: 9_900n },
      { kind: 'success', credits: 100n },
    ]);
    expect((await one.accounts.balance(id))?.used).toBe(200n);
  });

  it('does not remember a refusal: the same key succeeds once credits arrive', async () => {
    const { id, externalId } = await newcomer(false);
    await one.administration.adjust(
      { ...SERVICE, kind: 'OPERATOR' },
      { idempotencyKey: 'gift', billingEntityId: id, amount: 5n, reason: 'test' },
    );
    await one.entities.ensureUser({ externalId, name: null, withTrial: true });
    const use = useOf(externalId, 110_000, 'patient');
    expect(await one.consumption.consume(SERVICE, use)).toMatchObject({
      kind: 'refused',
      required: 11_000n,
      available: 10_005n,
    });
    await one.administration.adjust(
      { ...SERVICE, kind: 'OPERATOR' },
      { idempotencyKey: 'gift-2', billingEntityId: id, amount: 1_000n, reason: 'test' },
    );
    expect(await one.consumption.consume(SERVICE, use)).toMatchObject({ kind: 'success', replayed: false });
  });

  it('keeps a command whose statement fails from hurting the batch around it', async () => {
    const { id, externalId } = await newcomer();
    const good = Array.from({ length: 20 }, (_, index) =>
      one.consumption.consume(SERVICE, useOf(externalId, 10, `good-${index}`)),
    );
    // No caller can send this: it gets past validation only here, and PostgreSQL refuses the text.
    const bad = one.ledger.submit({
      kind: 'adjust',
      billingEntityId: id,
      actor: 'nul \0',
      idempotency: null,
      grantId: '01900000-0000-7000-8000-00000000dead',
      amount: 1n,
      reason: 'test',
    });
    const more = Array.from({ length: 20 }, (_, index) =>
      one.consumption.consume(SERVICE, useOf(externalId, 10, `more-${index}`)),
    );
    await expect(bad).rejects.toThrow();
    for (const result of await Promise.all([...good, ...more])) expect(result.kind).toBe('success');
    expect((await one.accounts.balance(id))?.used).toBe(40n);
    await expectProven(id);
  });

  it('loses and doubles nothing while connections are cut under load', async () => {
    const { id, externalId } = await newcomer();
    const cut = (): Promise<unknown> =>
      admin.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name = 'tollgate' order by random() limit 2`,
      );
    await Promise.all(
      Array.from({ length: 400 }, async (_, index) => {
        const services = index % 2 ? one : two;
        const use = useOf(externalId, 10, `cut-${index}`);
        if (index % 10 === 0) await cut();
        const result = await untilAnswered(() => services.consumption.consume(SERVICE, use));
        expect(result.kind).toBe('success');
      }),
    );
    expect((await one.accounts.balance(id))?.used).toBe(400n);
    await expectProven(id);
  });

  it('refuses at once when too much is waiting, and when the database is away', async () => {
    const { id } = await newcomer();
    const narrow = await bench.services({
      clock,
      ledger: { lanes: 1, maxBatch: 1, maxQueued: 3, patienceMs: 0 },
    });
    const lock = new pg.Client({ connectionString: bench.database.url });
    await lock.connect();
    await lock.query('begin');
    await lock.query('select 1 from credit_account where billing_entity_id = $1 for update', [id]);
    const command = (key: string): Command => ({
      kind: 'adjust',
      billingEntityId: id,
      actor: 'test',
      idempotency: { key, fingerprint: Buffer.alloc(16) },
      grantId: '01900000-0000-7000-8000-000000000001',
      amount: -1n,
      reason: 'test',
    });
    const waiting = [narrow.ledger.submit(command('1'))];
    while (narrow.ledger.queued > 0) await new Promise(setImmediate);
    waiting.push(...['2', '3', '4'].map((key) => narrow.ledger.submit(command(key))));
    await expect(narrow.ledger.submit(command('5'))).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true });
    await lock.query('commit');
    await lock.end();
    for (const outcome of await Promise.all(waiting)) expect(outcome.kind).toBe('committed');
    await narrow.stop();

    const away = await bench.services({
      databaseUrl: 'postgres://nobody:nothing@127.0.0.1:1/none',
      clock,
      ledger: { lanes: 1, maxBatch: 10, maxQueued: 10, patienceMs: 50 },
    });
    await expect(away.ledger.submit(command('6'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await away.stop();
  });

  it('sweeps what falls due while nobody touches it', async () => {
    const { id } = await newcomer(false);
    const operator = { ...SERVICE, kind: 'OPERATOR' } as const;
    const inAnHour = new Date(clock.now().getTime() + 3_600_000);
    const terms = { billingEntityId: id, source: 'PROMOTION', priority: 50, reason: 'test' } as const;
    await one.administration.grant(operator, {
      ...terms,
      idempotencyKey: 'g1',
      amount: 30n,
      effectiveAt: null,
      expiresAt: inAnHour,
    });
    await one.administration.grant(operator, {
      ...terms,
      idempotencyKey: 'g2',
      amount: 7n,
      effectiveAt: inAnHour,
      expiresAt: null,
    });
    const stored = async (): Promise<unknown> =>
      (await admin.query(`select available::int from credit_account where billing_entity_id = $1`, [id])).rows[0];
    expect(await stored()).toEqual({ available: 30 });
    clock.forwardMs(3_600_000);
    await one.sweeper.sweep();
    expect(await stored()).toEqual({ available: 7 });
    await expectProven(id);
  });
});

/** What a client does that is told UNAVAILABLE: sends the same again. */
async function untilAnswered<T>(send: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'UNAVAILABLE' || attempt === 20) throw error;
    }
  }
}

/** In the order of the ledger. */
function recordsOf(executed: readonly { readonly outcome: Outcome }[]): UsageRecord[] {
  const records = executed.flatMap(({ outcome }) => (outcome.kind === 'committed' ? outcome.records : []));
  return records.sort((a, b) => Number(a.sequence - b.sequence) || a.line - b.line);
}

describe('random commands, concurrently', () => {
  it('leave what the model says, in the order that the ledger gives them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(pauseHours, fc.array(draft, { minLength: 1, maxLength: 12 })), { maxLength: 8 }),
        async (rounds) => {
          const { id } = await newcomer(false);
          const executed: { command: Command; outcome: Outcome; now: Date }[] = [];
          let keys = 0;
          for (const [hours, drafts] of rounds) {
            clock.forwardMs(Math.abs(hours) * 3_600_000);
            const now = clock.now();
            const reservations = executed.flatMap(({ outcome }) =>
              outcome.kind === 'committed' ? outcome.reservations.map((hold) => hold.id) : [],
            );
            const records = recordsOf(executed);
            // An extension leaves no entry by which its place among the others could be told.
            const commands = drafts
              .map((make) => make({ billingEntityId: id, now, key: `key-${(keys += 1)}`, reservations, records }))
              .filter((command) => command.kind !== 'extend');
            const outcomes = await Promise.all(
              commands.map((command, index) =>
                ([one, two, forgetful][index % 3] as DomainServices).ledger.submit(command),
              ),
            );
            commands.forEach((command, index) => executed.push({ command, outcome: outcomes[index] as Outcome, now }));
          }
          const model = new Model().at(clock.now());
          const committed = executed.flatMap((each) =>
            each.outcome.kind === 'committed' && each.outcome.entries.length > 0
              ? [{ ...each, outcome: each.outcome }]
              : [],
          );
          committed.sort((a, b) =>
            Number((a.outcome.entries[0]?.sequence ?? 0n) - (b.outcome.entries[0]?.sequence ?? 0n)),
          );
          const records = recordsOf(committed);
          for (const { command, outcome, now } of committed) {
            const named = command.kind === 'refund' ? command.record : null;
            const recordIndex = records.findIndex((r) => r.sequence === named?.sequence && r.line === named.line);
            expect(model.at(now).execute(command, recordIndex)).toBe('done');
            expect(outcome.balance).toMatchObject({
              available: model.available,
              held: model.held,
              used: model.used,
              owed: model.owed,
            });
          }
          model.at(clock.now());
          expect(await one.accounts.balance(id)).toMatchObject({
            available: model.available,
            held: model.held,
            used: model.used,
            owed: model.owed,
          });
          await expectProven(id);
        },
      ),
      { numRuns: 40 },
    );
  }, 120_000);
});
