import fc from 'fast-check';
import type pg from 'pg';
import type { AlertPreference } from '../../src/ledger/rules/alert-preferences.ts';
import type { Command } from '../../src/ledger/rules/commands.ts';
import { openLedgerPool } from '../../src/db/pools.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import type { Outcome } from '../../src/ledger/outcome.ts';
import type { Balance } from '../../src/ledger/rules/balance.ts';
import { toAlert, ALERT_COLUMNS, type AlertRow } from '../../src/ledger/store/alert-tables.ts';
import type { Alert } from '../../src/ledger/rules/alerts.ts';
import { Installation, type Person, SERVICE } from '../support/installation.ts';
import { administrationOf } from '../billing-entities/administration.ts';
import { AlertModel, type Seen } from './rules/alert-model.ts';
import { draft } from './rules/commands.ts';

let installation: Installation;
/** Reads amounts as the ledger does. */
let reader: pg.Pool;
const { organization, join, setMember } = administrationOf(() => installation);

beforeAll(async () => {
  installation = await Installation.open();
  // What the ledger leaves to be sent on stays where it left it.
  await Promise.all([installation.one, installation.two].map(({ alertDispatch }) => alertDispatch.stop()));
  reader = openLedgerPool(installation.database.url, { max: 1, onIdleError: () => undefined });
});

afterAll(async () => {
  await reader.end();
  await installation.close();
});

async function alertsOf(billingEntityId: string): Promise<Alert[]> {
  const { rows } = await reader.query<AlertRow>(
    `select ${ALERT_COLUMNS} from alert n where n.billing_entity_id = $1 order by n.number`,
    [billingEntityId],
  );
  return rows.map(toAlert);
}

const typesOf = async (id: string): Promise<string[]> => (await alertsOf(id)).map(({ type }) => type);

/** Credits; one is ten tokens. */
const use = ({ externalId }: Person, credits: number, index = 0, more: object = {}) =>
  installation
    .either(index)
    .consumption.consume(SERVICE, { ...installation.use({ externalId } as Person, credits * 10), ...more });

const set = (billingEntityId: string, preferences: readonly AlertPreference[]): Command => ({
  kind: 'alertPreferences',
  billingEntityId,
  actor: 'user:somebody',
  idempotency: null,
  audited: true,
  preferences,
});

const remains = (type: 'WARNING' | 'CRITICAL', remaining: bigint): AlertPreference => ({
  type,
  perMille: null,
  remaining,
  channels: ['EMAIL', 'WEBHOOK'],
  enabled: true,
});

/** Everybody of a person's credits is used, 64 at a time, on two processes. */
async function useUp(person: Person, credits: number): Promise<void> {
  let left = credits;
  const worker = async (_: unknown, index: number): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await use(person, 1, index);
    }
  };
  await Promise.all(Array.from({ length: 64 }, worker));
}

describe('alerts on PostgreSQL', () => {
  it('are one of each, in order, with 64 in flight on two processes; a second climb raises one of each again', async () => {
    const person = await installation.person(400n);
    const before = (await alertsOf(person.id)).length;
    await useUp(person, 400);
    const first = (await alertsOf(person.id)).slice(before);
    expect(first.map(({ type, used }) => [type, used])).toEqual([
      ['WARNING', 320n],
      ['CRITICAL', 380n],
      ['EXHAUSTED', 400n],
    ]);
    await installation.grant(person.id, 1_600n);
    await useUp(person, 1_600);
    expect((await typesOf(person.id)).slice(before)).toEqual([
      ...['WARNING', 'CRITICAL', 'EXHAUSTED'],
      ...['RECOVERED', 'WARNING', 'CRITICAL', 'EXHAUSTED'],
    ]);
    const numbers = (await alertsOf(person.id)).map(({ number }) => number);
    expect(numbers).toEqual(numbers.map((_, index) => BigInt(index + 1)));
    await installation.expectProven(person.id);
  });

  it('by what remains are one of each as well', async () => {
    const person = await installation.person(300n);
    await installation.one.ledger.submit(set(person.id, [remains('WARNING', 100n), remains('CRITICAL', 20n)]));
    const before = (await alertsOf(person.id)).length;
    await useUp(person, 300);
    expect((await alertsOf(person.id)).slice(before)).toMatchObject([
      { type: 'WARNING', remaining: 100n, available: 99n, channels: ['EMAIL', 'WEBHOOK'] },
      { type: 'CRITICAL', remaining: 20n, available: 19n },
      { type: 'EXHAUSTED', available: 0n },
    ]);
    await installation.expectProven(person.id);
  });

  it('of refusals are written once, also by batches in which everything is refused, and leave no other trace', async () => {
    const person = await installation.person(3n);
    const before = await installation.one.accounts.balance(person.id);
    const count = (await alertsOf(person.id)).length;
    const answers = await Promise.all(Array.from({ length: 40 }, (_, index) => use(person, 10, index)));
    for (const answer of answers) expect(answer).toMatchObject({ kind: 'refused', reason: 'INSUFFICIENT_CREDITS' });
    expect((await alertsOf(person.id)).slice(count)).toMatchObject([
      { type: 'EXHAUSTED', isRefusal: true, available: 3n },
    ]);
    expect(await installation.one.accounts.balance(person.id)).toMatchObject({
      available: 3n,
      version: before?.version,
      sequence: before?.sequence,
    });
    await installation.expectProven(person.id);
  });

  it('wait for who delivers them, each with a row of its own', async () => {
    const person = await installation.person(10n);
    await use(person, 10);
    const { rows } = await installation.admin.query<{ number: string; created_at: Date }>(
      'select number, created_at from undelivered_alert where billing_entity_id = $1 order by number',
      [person.id],
    );
    const alerts = await alertsOf(person.id);
    expect(alerts.length).toBeGreaterThan(2);
    expect(rows.map(({ number, created_at: at }) => [BigInt(number), at])).toEqual(
      alerts.map(({ number, createdAt }) => [number, createdAt]),
    );
  });

  it('are handed on after the commit, in order, and none of a batch that failed', async () => {
    const heard: Alert[] = [];
    const pool = openLedgerPool(installation.database.url, { max: 1, onIdleError: () => undefined });
    const { clock } = installation;
    const options = { lanes: 1, maxBatch: 500, maxQueued: 20_000, patienceMs: 10_000, pool, clock };
    const ledger = new Ledger({ ...options, onCommitted: (_balances, _use, alerts) => void heard.push(...alerts) });
    const person = await installation.person(100n);
    const adjust = (amount: bigint, reason: string): Promise<unknown> =>
      ledger.submit({
        kind: 'adjust',
        billingEntityId: person.id,
        actor: 'test',
        idempotency: null,
        grantId: '01900000-0000-7000-8000-00000000f001',
        amount,
        reason,
      });
    // PostgreSQL takes no such text: the statement fails, and with it the batch.
    await expect(adjust(-100n, 'nul \0')).rejects.toThrow();
    expect(heard).toEqual([]);
    await adjust(-100n, 'all of it');
    expect(heard.map(({ type }) => type)).toEqual(['EXHAUSTED']);
    expect(heard).toEqual((await alertsOf(person.id)).slice(-1));
    await pool.end();
  });

  it('say an unpaid invoice once, however many processes hear of it', async () => {
    const person = await installation.person(0n);
    const count = (await alertsOf(person.id)).length;
    await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        installation.either(index).subscriptions.noteFailedPayments(person.id, ['in_1', 'in_2']),
      ),
    );
    const invoices = (await alertsOf(person.id)).slice(count).map(({ type, invoiceId }) => `${type} ${invoiceId}`);
    expect(invoices.toSorted()).toEqual(['PAYMENT_FAILED in_1', 'PAYMENT_FAILED in_2']);
    await installation.expectProven(person.id);
  });

  it('of preferences that are set are audited, and nothing of a refused list stays', async () => {
    const person = await installation.person(10n);
    const wrong = await installation.one.ledger.submit(set(person.id, [{ ...remains('WARNING', 5n), perMille: 800 }]));
    expect(wrong).toMatchObject({ kind: 'rejected', code: 'BAD_USER_INPUT' });
    await installation.one.ledger.submit(set(person.id, [remains('WARNING', 5n)]));
    const page = await installation.one.auditLog.list(
      person.id,
      { first: 5, after: null },
      { actors: null, actions: ['alerts.set'], from: null, to: null },
    );
    expect(page.edges.map(({ node }) => node)).toMatchObject([
      {
        actor: 'user:somebody',
        before: {
          preferences: [
            { type: 'WARNING', level: 0.8 },
            { type: 'CRITICAL', level: 0.95 },
          ],
        },
        after: { preferences: [{ type: 'WARNING', level: null, remaining: 5 }] },
      },
    ]);
    await installation.expectProven(person.id);
  });
});

describe('alerts of a member’s limit on PostgreSQL', () => {
  it('are two in a period, whoever settles, however the limit or the count changes', async () => {
    const owner = await installation.person(0n);
    const externalId = `limits-${owner.externalId}`;
    const pool = await organization(owner.principal, externalId);
    const ann = await installation.person(0n);
    await installation.grant(pool, 10_000n);
    await join(owner.principal, pool, ann, { role: 'MEMBER', creditLimit: 100n });
    const inPool = { organizationExternalId: externalId };
    const members = async (): Promise<unknown[]> =>
      (await alertsOf(pool))
        .filter(({ type }) => type === 'MEMBER_LIMIT')
        .map(({ memberId, perMille, memberUsed, memberLimit }) => [memberId, perMille, memberUsed, memberLimit]);

    await use(ann, 79, 0, inPool);
    expect(await members()).toEqual([]);
    // A service settles beyond the limit: it is never refused, and comes to both levels.
    const held = await installation.one.reservations.reserve(SERVICE, installation.reservation(ann, 100, inPool));
    if (held.kind !== 'success') throw new Error(held.message);
    const { reservation } = held;
    const line = { resource: 'AI_TOKENS' as const, units: 1_000n, credits: 100n };
    await installation.two.ledger.submit({
      kind: 'settle',
      billingEntityId: pool,
      actor: 'service:platform',
      anyReservation: true,
      idempotency: null,
      reservationId: reservation.id,
      lines: [{ quantity: 250n, rate: line }],
      userId: undefined,
      organizationId: undefined,
      apiKeyId: undefined,
      feature: undefined,
      metadata: null,
      occurredAt: null,
    });
    expect(await members()).toEqual([
      [ann.id, 800, 104n, 100n],
      [ann.id, 1_000, 104n, 100n],
    ]);
    // More room, and a second climb in the same period: once each a period.
    await setMember(owner.principal, pool, ann, { role: 'MEMBER', creditLimit: 200n });
    await Promise.all(Array.from({ length: 90 }, (_, index) => use(ann, 1, index, inPool)));
    expect(await members()).toHaveLength(2);
    installation.clock.set('2026-04-02T00:00:00Z');
    await Promise.all(Array.from({ length: 200 }, (_, index) => use(ann, 1, index, inPool)));
    expect((await members()).slice(2)).toEqual([
      [ann.id, 800, 160n, 200n],
      [ann.id, 1_000, 200n, 200n],
    ]);
    await installation.expectProven(pool);
  });
});

describe('the proof of alerts', () => {
  it('names whatever is altered, missing or added', async () => {
    const person = await installation.person(200n);
    await installation.one.ledger.submit(set(person.id, [remains('WARNING', 100n), remains('CRITICAL', 20n)]));
    await use(person, 195);
    await use(person, 50);
    await installation.expectProven(person.id);
    const where = `where billing_entity_id = '${person.id}'`;
    const last = `${where} and number = (select max(number) from alert ${where})`;
    for (const damage of [
      `update alert set available = available + 1 ${last}`,
      `update alert set sequence = sequence - 1 ${last}`,
      `update alert set channels = '{IN_APP}' ${last}`,
      `update alert set created_at = created_at + interval '1 hour' ${last}`,
      `delete from alert ${last}`,
      `insert into alert select billing_entity_id, number + 1, type, per_mille, remaining, crossing || '2', used, allowance, available,
         member_id, member_limit, member_used, invoice_id, is_refusal, channels, sequence, period_start, created_at, checksum
       from alert ${last}`,
      `update credit_account set alert_state = alert_state || '{"isExhausted": false}' ${where}`,
      `update credit_account set alert_preferences = null ${where}`,
      `update alert_preference_change set preferences = '[]' ${where}`,
      `delete from alert_preference_change ${where}`,
      `update ledger_entry set step = 0 ${where} and kind = 'CONSUMPTION'`,
    ]) {
      for (const table of ['alert', 'alert_preference_change', 'credit_account', 'ledger_entry']) {
        await installation.behindItsBack(
          `drop table if exists kept_${table}`,
          `create table kept_${table} as select * from ${table} ${where}`,
        );
      }
      await installation.behindItsBack(damage);
      const { consistent } = await installation.one.verification.verify(person.id);
      expect({ damage, consistent }).toEqual({ damage, consistent: false });
      for (const table of ['alert', 'alert_preference_change', 'credit_account', 'ledger_entry']) {
        await installation.behindItsBack(
          `delete from ${table} ${where}`,
          `insert into ${table} select * from kept_${table}`,
        );
      }
      await installation.expectProven(person.id);
    }
  });
});

/** Lets time pass, from one scheduled event of the account to the next. */
async function passHours(id: string, hours: number, look: (balance: Balance) => void): Promise<void> {
  const end = installation.clock.now().getTime() + hours * 3_600_000;
  for (let steps = 0; steps < 200; steps += 1) {
    const { rows } = await installation.admin.query<{ due_at: Date | null }>(
      'select due_at from credit_account where billing_entity_id = $1',
      [id],
    );
    const dueAt = rows[0]?.due_at?.getTime() ?? end;
    installation.clock.set(new Date(Math.max(installation.clock.now().getTime(), Math.min(dueAt, end))));
    look(await installation.one.accounts.advance(id));
    if (dueAt >= end) {
      installation.clock.set(new Date(end));
      look(await installation.one.accounts.advance(id));
      return;
    }
  }
  throw new Error('time does not pass');
}

describe('any history, folded in any way', () => {
  it('raises what a naive model raises that looks at the state after each command', async () => {
    const round = fc.tuple(
      fc.integer({ min: 0, max: 60 }),
      fc.array(draft, { minLength: 1, maxLength: 12 }),
      fc.option(fc.constantFrom<AlertPreference[]>([], [remains('WARNING', 700n)], [remains('CRITICAL', 90_000n)]), {
        freq: 3,
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(round, { maxLength: 8 }), async (rounds) => {
        const externalId = `folded-${installation.key()}`;
        const id = await installation.one.entities.ensureUser({ externalId, name: null, withTrial: false });
        const seen = (balance: { available: bigint; used: bigint; allowance: bigint; overage: bigint }): Seen => ({
          ...balance,
          cap: null,
          periodStart: installation.clock.now(),
        });
        const model = new AlertModel(seen({ available: 0n, used: 0n, allowance: 0n, overage: 0n }));
        const reservations: string[] = [];
        const records: { sequence: bigint; line: number; credits: bigint }[] = [];
        for (const [hours, drafts, preferences] of rounds) {
          await passHours(id, hours, (balance) => model.step(seen(balance)));
          if (preferences !== null) {
            await installation.two.ledger.submit(set(id, preferences));
            model.set(preferences);
          }
          const now = installation.clock.now();
          const commands = drafts.map((make) =>
            make({ billingEntityId: id, now, key: installation.key(), reservations, records: records as never }),
          );
          // As many batches as it happens, of two processes.
          const outcomes = await Promise.all(
            commands.map((command, index) => installation.either(index).ledger.submit(command) as Promise<Outcome>),
          );
          // A refusal leaves the version as it was.
          const inOrder = outcomes
            .filter((outcome) => outcome.kind === 'committed' || outcome.kind === 'refused')
            .sort(
              (a, b) =>
                Number(a.balance.version - b.balance.version) ||
                Number(a.kind === 'refused') - Number(b.kind === 'refused'),
            );
          for (const outcome of inOrder) {
            model.step(seen(outcome.balance));
            if (outcome.kind === 'refused') model.refused(outcome.reason);
            else {
              reservations.push(...outcome.reservations.map((hold) => hold.id));
              records.push(...outcome.records);
            }
          }
        }
        const raised = (await alertsOf(id)).map(({ type, perMille, remaining }) => ({
          type,
          of: perMille === null ? (remaining === null ? '' : `-${remaining}`) : `${perMille}`,
        }));
        expect(raised).toEqual(model.raised);
        await installation.expectProven(id);
      }),
      { numRuns: 25 },
    );
  });
});
