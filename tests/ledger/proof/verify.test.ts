import { Client, DatabaseError } from 'pg';
import fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import type { Command } from '../../../src/ledger/rules/commands.ts';
import { apiKeyId, recordId } from '../../../src/kernel/public-ids.ts';
import { Installation, OPERATOR, SERVICE } from '../../support/installation.ts';
import { draft, pauseHours } from '../rules/commands.ts';
import type { Outcome } from '../../../src/ledger/outcome.ts';

let installation: Installation;

beforeAll(async () => {
  installation = await Installation.open();
});

afterAll(() => installation.close());

/** The tables that hold an account, and how verification calls a row of each. */
const TABLES: Readonly<Record<string, (row: Record<string, unknown>) => string>> = {
  credit_account: () => 'account',
  credit_grant: ({ id }) => `grant ${String(id)}`,
  ledger_entry: ({ sequence }) => `entry ${String(sequence)}`,
  usage_record: ({ sequence, line }) => `record ${String(sequence)}/${String(line)}`,
  usage_refund: ({ sequence, line }) => `record ${String(sequence)}/${String(line)}`,
  reservation: ({ id }) => `reservation ${String(id)}`,
  meter_report: ({ id }) => `report ${String(id)}`,
  use_counter: (row) => `counter ${String(row['scope'])} ${String(row['subject_id'])}`,
  usage_rollup: ({ hour }) => `summary of ${(hour as Date).toISOString()}`,
  usage_rollup_day: ({ day }) => (day as Date).toISOString().slice(0, 10),
};

const KEYS = new Set(['sequence', 'line', 'id']);

/** Something else of the same type. */
const OTHERWISE: Readonly<Record<string, (column: string) => readonly string[]>> = {
  bigint: (column) => [`coalesce(${column}, 0) + 1`, `coalesce(${column}, 1) - 1`],
  numeric: (column) => [`${column} + 1`, `${column} - 1`],
  smallint: (column) => [`coalesce(${column}, 0) + 1`],
  integer: (column) => [`${column} + 1`],
  boolean: (column) => [`not ${column}`],
  uuid: () => ['gen_random_uuid()'],
  // Where the database knows the words, another of them.
  text: (column) => [
    `coalesce(${column}, '') || 'x'`,
    ...['LAPSING', 'LAPSED', 'SETTLED', 'RELEASED', 'FAILED'].map((word) => `nullif('${word}', ${column})`),
  ],
  jsonb: () => [`'{"altered": true}'`],
  bytea: (column) => [`coalesce(${column}, '') || '\\x00'`],
  // As long as it is: arrays stand in pairs.
  ARRAY: (column) => [
    ...['gen_random_uuid()', '7::bigint'].map(
      (value) => `array_fill(${value}, array[coalesce(cardinality(${column}), 1)])`,
    ),
    `'{}'`,
  ],
  'timestamp with time zone': (column) => [
    `coalesce(${column}, now()) + interval '1 hour'`,
    `coalesce(${column}, now()) - interval '1 hour'`,
  ],
};

/** An account to which everything has happened that can happen. */
async function eventfulAccount(): Promise<string> {
  const { one, clock } = installation;
  const person = await installation.person(500n);
  const { id } = person;
  await installation.subscribe(id);
  await one.administration.adjust(OPERATOR, {
    idempotencyKey: installation.key(),
    billingEntityId: id,
    amount: -500_000n,
    reason: 'no base credits',
  });
  const policy = { enabled: true, cap: 1_000n };
  await one.ledger.submit({
    kind: 'policy',
    billingEntityId: id,
    actor: 'test',
    idempotency: null,
    overagePolicy: policy,
  });
  await installation.grant(id, 40n, new Date(clock.now().getTime() + 3_600_000));
  const issued = await one.apiKeys.create(person.principal, id, {
    name: 'a key',
    type: 'PLATFORM',
    provider: 'OPENAI',
    billingMode: null,
    secret: null,
    creditLimit: null,
    expiresAt: null,
  });
  const onKey = { apiKeyId: apiKeyId(id, issued.apiKey.id) };
  const metadata = { model: 'large', tokens: [1, 2.5, -0, 1e21], nested: { b: 1, a: null } };
  const used = await one.consumption.consume(
    SERVICE,
    installation.use(person, 1_234, { metadata, feature: 'basic_chatflows', ...onKey }),
  );
  const [kept, released] = await Promise.all(
    [300, 200].map((tokens) => one.reservations.reserve(SERVICE, installation.reservation(person, tokens, onKey))),
  );
  const settled = await one.reservations.reserve(SERVICE, installation.reservation(person, 100));
  if (
    used.kind !== 'success' ||
    settled.kind !== 'success' ||
    released?.kind !== 'success' ||
    kept?.kind !== 'success'
  ) {
    throw new Error('nothing may be refused here');
  }
  const named = (hold: { id: string }) =>
    ({ billingEntityId: id, actor: 'test', anyReservation: true, idempotency: null, reservationId: hold.id }) as const;
  await one.ledger.submit({
    ...named(settled.reservation),
    kind: 'settle',
    lines: [{ quantity: 9_999n, rate: { resource: 'AI_TOKENS', units: 1000n, credits: 100n } }],
    userId: undefined,
    organizationId: undefined,
    apiKeyId: undefined,
    feature: undefined,
    metadata: null,
    occurredAt: null,
  });
  await one.ledger.submit({ ...named(released.reservation), kind: 'release' });
  clock.forwardMs(3_600_000);
  const [record] = used.records;
  await one.administration.refund(OPERATOR, {
    idempotencyKey: installation.key(),
    recordId: recordId(id, record?.sequence ?? 0n, 0),
    reason: 'it failed',
    credits: 1n,
  });
  await one.administration.refund(OPERATOR, {
    idempotencyKey: installation.key(),
    recordId: recordId(id, record?.sequence ?? 0n, 0),
    reason: 'all of it failed',
  });
  const other = await installation.person(0n);
  await installation.grant(id, 900n);
  await one.transfers.transfer(OPERATOR, {
    idempotencyKey: installation.key(),
    fromBillingEntityId: id,
    toBillingEntityId: other.id,
    amount: 5n,
    reason: 'a present',
  });
  await one.transfers.transfer(OPERATOR, {
    idempotencyKey: installation.key(),
    fromBillingEntityId: other.id,
    toBillingEntityId: id,
    amount: 3n,
    reason: 'some of it back',
  });
  await one.consumption.consume(SERVICE, installation.use(person, 77));
  // Everything is used, and some overage; of that, some is reported, some when the period turns.
  const { available = 0n } = (await one.accounts.balance(id)) ?? {};
  const base = { billingEntityId: id, actor: 'system', idempotency: null } as const;
  await one.consumption.consume(SERVICE, installation.use(person, Number(available) * 10 + 100));
  await one.ledger.submit({ ...base, kind: 'reportOverage', reportId: uuidv7() });
  await one.consumption.consume(SERVICE, installation.use(person, 60));
  clock.forwardMs(31 * 86_400_000);
  await one.consumption.consume(SERVICE, installation.use(person, 300));
  return id;
}

describe('verification', () => {
  it('names whichever row was altered, whatever in it', async () => {
    const id = await eventfulAccount();
    await installation.expectProven(id);
    // A stamp says nothing of the account, only that it was written.
    const { rows: columns } = await installation.admin.query<{ table: string; column: string; type: string }>(
      `select table_name as table, column_name as column, data_type as type from information_schema.columns
       where table_schema = 'public' and table_name = any($1) and column_name not in ('billing_entity_id', 'stamp')
       order by table_name, ordinal_position`,
      [Object.keys(TABLES)],
    );
    await installation.behindItsBack(
      ...Object.keys(TABLES).map(
        (table) => `create table sound_${table} as select * from ${table} where billing_entity_id = '${id}'`,
      ),
    );
    const unnamed: unknown[] = [];
    const refused: string[] = [];
    for (const { table, column, type } of columns) {
      const { rows } = await installation.admin.query<Record<string, unknown> & { ctid: string }>(
        `select ctid, * from ${table} where billing_entity_id = $1 order by ${column} desc nulls last limit 1`,
        [id],
      );
      const row = rows[0] as Record<string, unknown> & { ctid: string };
      let altered = false;
      for (const otherwise of (OTHERWISE[type] as (column: string) => readonly string[])(column)) {
        try {
          await installation.behindItsBack(
            `update ${table} set ${column} = ${otherwise} where billing_entity_id = '${id}' and ctid = '${row.ctid}'`,
          );
        } catch (error) {
          // A check of the database itself, or a type that the value does not fit: nothing was altered.
          const refusals = ['23502', '23514', '42804', '23505'];
          if (error instanceof DatabaseError && refusals.includes(error.code ?? '')) continue;
          throw error;
        }
        altered = true;
        const { problems } = await installation.two.verification.verify(id);
        const name = (TABLES[table] as (row: Record<string, unknown>) => string)(row);
        // Under another key it is another row: one is missing, and one is too many. Nothing else names a report.
        const most = table === 'meter_report' ? 0 : 1;
        const isNamed = KEYS.has(column) ? problems.length > most : problems.some((problem) => problem.includes(name));
        if (!isNamed) unnamed.push({ table, column, otherwise, problems });
        await installation.behindItsBack(
          `delete from ${table} where billing_entity_id = '${id}'`,
          `insert into ${table} select * from sound_${table}`,
        );
        break;
      }
      if (!altered) refused.push(`${table}.${column}`);
    }
    expect(unnamed).toEqual([]);
    // These cannot be altered alone: checks of the database hold them against their neighbours.
    expect(refused).toEqual([
      'credit_account.owed',
      'credit_account.owed_this_period',
      'credit_account.lapse_held',
      'credit_grant.open',
      'meter_report.sent_at',
      'reservation.open',
      'usage_record.model_folded',
      'use_counter.scope',
    ]);
    expect(columns.length).toBeGreaterThan(120);
    await installation.expectProven(id);
  });

  it('names rows that have lost their checksum with what was altered, and rows of no instant that there is', async () => {
    const id = await eventfulAccount();
    const fresh = await installation.one.entities.ensureUser({ externalId: 'untouched', name: null, withTrial: false });
    const alterations = [
      [id, `ledger_entry set actor = 'nobody', checksum = null where sequence = 1 and`, 'entry 1 has lost'],
      [id, `usage_record set metadata = null, checksum = null where line = 0 and`, 'has lost its checksum'],
      [
        id,
        `credit_grant set reason = 'x', created_at = '2020-01-01', checksum = null where source = 'PURCHASE' and`,
        'grant ',
      ],
      [id, `credit_account set overage_cap = null, checksum = null where`, 'account has lost'],
      [id, `credit_account set sealed_from = 1000, checksum = null where`, 'has a checksum too early'],
      [id, `credit_account set due_at = 'infinity' where`, 'account'],
      [id, `credit_grant set expires_at = 'infinity' where source = 'TRIAL' and`, 'grant '],
      [id, `usage_rollup set hour = '-infinity' where feature = 'basic_chatflows' and`, 'of no hour or day'],
      [id, `usage_rollup set hour = '9999-01-01' where feature = 'basic_chatflows' and`, 'summary of 9999'],
      [id, `ledger_entry set created_at = 'infinity' where sequence = 2 and`, 'entry 2'],
      [fresh, `credit_account set overage_enabled = true where`, 'account'],
      [fresh, `credit_account set trial_given = true where`, 'account'],
    ] as const;
    const tables = ['credit_account', 'credit_grant', 'ledger_entry', 'usage_record', 'usage_rollup'];
    for (const [entity, alteration, named] of alterations) {
      await installation.behindItsBack(
        ...tables.map(
          (table) => `create table kept_${table} as select * from ${table} where billing_entity_id = '${entity}'`,
        ),
        `update ${alteration} billing_entity_id = '${entity}'`,
      );
      const { problems } = await installation.one.verification.verify(entity);
      expect({ alteration, named: problems.some((problem) => problem.includes(named)) }).toEqual({
        alteration,
        named: true,
      });
      await installation.behindItsBack(
        ...tables.flatMap((table) => [
          `delete from ${table} where billing_entity_id = '${entity}'`,
          `insert into ${table} select * from kept_${table}`,
          `drop table kept_${table}`,
        ]),
      );
    }
    await installation.expectProven(id, fresh);
  });

  it('misses no row that was removed or added', async () => {
    const id = await eventfulAccount();
    for (const table of Object.keys(TABLES).filter((name) => name !== 'credit_account')) {
      await installation.behindItsBack(
        `create table whole_${table} as select * from ${table} where billing_entity_id = '${id}'`,
        `delete from ${table} where ctid = (select ctid from ${table} where billing_entity_id = '${id}' limit 1)`,
      );
      const { consistent } = await installation.one.verification.verify(id);
      expect({ table, consistent }).toEqual({ table, consistent: false });
      await installation.behindItsBack(
        `delete from ${table} where billing_entity_id = '${id}'`,
        `insert into ${table} select * from whole_${table}`,
      );
    }
    for (const copy of [
      `insert into reservation select billing_entity_id, gen_random_uuid(), status, open, covered, overage, user_id, billing_mode,
         feature, actor, expires_at, created_at, opened_sequence, closed_sequence, checksum
       from reservation where billing_entity_id = '${id}' limit 1`,
      `insert into usage_refund select billing_entity_id, sequence, 9, refunded_at, refund_sequence, checksum
       from usage_refund where billing_entity_id = '${id}' limit 1`,
    ]) {
      await installation.behindItsBack(copy);
      expect((await installation.one.verification.verify(id)).consistent).toBe(false);
    }
  });

  it('agrees with any history, refunds, transfers and clawbacks among it, made on two processes at once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(pauseHours, fc.array(fc.tuple(draft, fc.nat(99)), { minLength: 1, maxLength: 15 })), {
          maxLength: 6,
        }),
        async (rounds) => {
          const people = [await installation.person(300n), await installation.person(0n)];
          const reservations: string[] = [];
          const made: { sequence: bigint; line: number }[] = [];
          const grants: string[] = [];
          for (const [hours, drafts] of rounds) {
            installation.clock.forwardMs(Math.abs(hours) * 3_600_000);
            const now = installation.clock.now();
            const [from, to] = people.map(({ id }) => id) as [string, string];
            const outcomes = await Promise.all(
              drafts.map(([make, dice], index): Promise<Outcome | null> => {
                const base = { billingEntityId: from, actor: 'test', idempotency: null, reason: 'test' } as const;
                const record = made[dice % Math.max(1, made.length)];
                const grantId = grants[dice % Math.max(1, grants.length)];
                const services = installation.either(index);
                if (dice < 15 && record !== undefined) {
                  // All that is left, or a part of it; what others take meanwhile may leave less.
                  const credits = dice % 3 === 0 ? null : BigInt(1 + (dice % 4) * 40);
                  return services.ledger.submit({ ...base, kind: 'refund', record, credits });
                }
                if (dice < 25) {
                  const amount = BigInt(1 + dice);
                  const [billingEntityId, toBillingEntityId] = dice % 2 ? [from, to] : [to, from];
                  return services.ledger.submit({
                    ...base,
                    kind: 'transfer',
                    isReturn: false,
                    billingEntityId,
                    toBillingEntityId,
                    amount,
                  });
                }
                if (dice < 30 && grantId !== undefined) {
                  const command: Command = {
                    ...base,
                    kind: 'clawback',
                    grantId,
                    target: BigInt(dice),
                    elsewhere: [to],
                  };
                  return services.ledger.submit(command);
                }
                return services.ledger.submit(make({ billingEntityId: from, now, key: null, reservations }));
              }),
            );
            for (const outcome of outcomes) {
              if (outcome?.kind !== 'committed') continue;
              made.push(...outcome.records.filter((each) => each.billingEntityId === from));
              reservations.push(...outcome.reservations.map((hold) => hold.id));
              grants.push(...outcome.grants.flatMap((grant) => (grant.billingEntityId === from ? grant.id : [])));
            }
          }
          await installation.expectProven(...people.map(({ id }) => id));
        },
      ),
      { numRuns: 25 },
    );
  }, 120_000);

  it('of one account runs once at a time: who asks meanwhile shares the answer', async () => {
    const { id } = await installation.person(10n);
    const { verification } = installation.one;
    const [first, second] = [verification.verify(id), verification.verify(id)];
    expect(second).toBe(first);
    await first;
    await installation.grant(id, 5n);
    expect((await verification.verify(id)).entriesChecked).toBe((await first).entriesChecked + 1n);
  });

  it('of an account that nothing has happened to finds nothing', async () => {
    const id = await installation.one.entities.ensureUser({ externalId: 'new', name: null, withTrial: false });
    expect(await installation.one.verification.verify(id)).toMatchObject({ consistent: true, entriesChecked: 0n });
  });

  it('history cannot be rewritten: not by the application’s own role, which owns the tables, and not by a superuser', async () => {
    const id = await eventfulAccount();
    const application = new Client({ connectionString: installation.database.url });
    await application.connect();
    for (const table of ['ledger_entry', 'usage_record', 'usage_refund']) {
      for (const change of [`update ${table} set sequence = sequence`, `delete from ${table}`, `truncate ${table}`]) {
        await expect(application.query(change)).rejects.toMatchObject({ code: '42501' });
      }
      for (const change of [`update ${table} set sequence = sequence`, `delete from ${table}`]) {
        await expect(installation.admin.query(`${change} where billing_entity_id = $1`, [id])).rejects.toMatchObject({
          code: '23001',
        });
      }
    }
    await application.end();
    await installation.expectProven(id);
  });
});
