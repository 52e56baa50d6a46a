import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { parse } from 'csv-parse/sync';
import pg from 'pg';
import { UsageHistory } from '../../src/usage/usage-history.ts';
import { type GraphqlAnswer, send, startTestApp, type TestApp, tokenOf } from '../support/app.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { TestClock } from '../support/services.ts';
import { waitFor } from '../support/wait-for.ts';

/** As RFC 4180 has it, and with what spreadsheets take for formulas. */
const NASTY = [
  '=1+1',
  '+1',
  '-1',
  '@SUM(A1)',
  '\t=1',
  '\r=1',
  '\n=1',
  '  =1',
  '＝1',
  '＋1',
  '－1',
  '＠1',
  'a,"b"\r\nc',
];

const PAGE = 500;
/** More, of this length, than sockets keep between a server and a client that does not read. */
const MANY = 24 * PAGE;
const LONG_NOTE = 4_000;

const clock = new TestClock();
const logged: string[] = [];
let database: TestDatabase;
let client: pg.Client;
let app: TestApp;
let service: string;
let operator: string;
let people = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  app = await startTestApp(database.url, { clock, logged, env: { LOG_LEVEL: 'debug' } });
  service = await tokenOf('platform', { scope: 'billing:usage' });
  operator = await tokenOf('root', { scope: 'billing:operator' });
});

afterAll(async () => {
  await app.stop();
  await client.end();
  await database.drop();
});

interface Person {
  readonly externalId: string;
  readonly token: string;
  readonly id: string;
}

async function newPerson(externalId = `person-${(people += 1)}`): Promise<Person> {
  const token = await tokenOf(externalId);
  const { data } = await send(app.url, token, '{ viewer { user { id } } }');
  return { externalId, token, id: (data as never as { viewer: { user: { id: string } } }).viewer.user.id };
}

async function consume({ externalId }: Person, input: Record<string, unknown> = {}): Promise<void> {
  const { data, errors } = await send(
    app.url,
    service,
    'mutation ($input: ConsumeCreditsInput!) { consumeCredits(input: $input) { __typename } }',
    {
      input: {
        idempotencyKey: `use-${Math.random()}`,
        userExternalId: externalId,
        lines: [{ resource: 'AI_TOKENS', quantity: 103 }],
        ...input,
      },
    },
  );
  expect({ data, errors }).toEqual({ data: { consumeCredits: { __typename: 'ConsumeCreditsSuccess' } }, errors: [] });
}

/** Usage that never was, with long notes: straight into the table, for what is told here is not the ledger. */
async function insertUsage({ id }: Person, { count, from = 1 }: { count: number; from?: number }): Promise<void> {
  await client.query(
    `insert into usage_record (billing_entity_id, sequence, line, user_id, billing_mode, resource, quantity, credits, overage,
       rate_units, rate_credits, carried_before, carried_after, draw_grant_ids, draw_credits, metadata, occurred_at, recorded_at)
     select $1, n, 0, $1, 'FULL', 'AI_TOKENS', 10, 1, 0, 1000, 100, '0', '0', '{}', '{}',
       jsonb_build_object('n', n, 'note', repeat('x', $4)), $5::timestamptz + n * interval '1 ms', $5
     from generate_series($2::int, $3::int) n`,
    [id, from, from + count - 1, LONG_NOTE, clock.now()],
  );
}

function createExport(token: string, input: Record<string, unknown>, at = app): Promise<GraphqlAnswer> {
  return send(
    at.url,
    token,
    'mutation ($input: CreateExportInput!) { createExport(input: $input) { url expiresAt } }',
    { input },
  );
}

async function linkOf(token: string, input: Record<string, unknown>, at = app): Promise<string> {
  const { data, errors } = await createExport(token, input, at);
  expect(errors).toEqual([]);
  return (data as never as { createExport: { url: string } }).createExport.url;
}

const usageLink = ({ token, id }: Person, at = app): Promise<string> =>
  linkOf(token, { billingEntityId: id, kind: 'USAGE' }, at);

async function codeOf(asked: Promise<GraphqlAnswer>): Promise<unknown> {
  return (await asked).errors.map(({ extensions }) => extensions['code']).join();
}

type Row = Record<string, string>;

function rowsOf(text: string): Row[] {
  return parse<Row>(text, { columns: true, record_delimiter: '\r\n' });
}

async function download(url: string): Promise<Row[]> {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  return rowsOf(await response.text());
}

/** A client that has read the head of the answer and nothing more. */
async function startReading(url: string): Promise<IncomingMessage> {
  const [response] = (await once(get(url, { agent: false }), 'response')) as [IncomingMessage];
  return response;
}

async function readAll(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += String(chunk);
  return text;
}

/** Counts pages as they are read: refunds are looked up once for each. */
function countPages(): { count: number; fail: boolean; held: Promise<void> | null } {
  const { usage } = app.services;
  const pages: ReturnType<typeof countPages> = { count: 0, fail: false, held: null };
  usage.refundedAt = async (keys) => {
    pages.count += 1;
    await pages.held;
    if (pages.fail) throw new Error('the disk is gone');
    return UsageHistory.prototype.refundedAt.call(usage, keys);
  };
  return pages;
}

describe('a file of usage', () => {
  it('holds what the page of the same filter shows, newest first', async () => {
    const person = await newPerson();
    for (const day of ['05', '06', '07']) {
      await consume(person, {
        occurredAt: `2026-03-${day}T12:00:00+01:00`,
        metadata: { day },
        feature: 'basic_chatflows',
      });
    }
    await consume(person, {
      lines: [{ resource: 'COMPUTE', quantity: 7 }],
      occurredAt: '2026-03-06T12:00:00Z',
    });
    const filter = { from: '2026-03-05T12:00:00Z', to: '2026-03-08T00:00:00Z', resources: ['AI_TOKENS'] };
    const input = { billingEntityId: person.id, kind: 'USAGE', usageFilter: filter };
    const { data } = await createExport(person.token, input);
    const { url, expiresAt } = (data as never as { createExport: { url: string; expiresAt: string } }).createExport;
    expect(url).toMatch(new RegExp(`^http://localhost:${app.port}/exports/usage\\.csv\\?token=tg_export_[\\w-]{86}$`));
    expect(expiresAt).toBe('2026-03-10T12:05:00.000Z');

    const response = await fetch(url);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename="usage-${person.externalId}-2026-03-10.csv"`,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
    const { data: page } = await send(
      app.url,
      person.token,
      'query ($id: ID!, $filter: UsageFilter) { billingEntity(id: $id) { usage(filter: $filter) { edges { node { id } } } } }',
      { id: person.id, filter },
    );
    const ids = (
      page as never as { billingEntity: { usage: { edges: { node: { id: string } }[] } } }
    ).billingEntity.usage.edges.map(({ node }) => node.id);
    expect(ids).toHaveLength(2);
    const common = {
      recorded_at: '2026-03-10T12:00:00.000Z',
      payer_external_id: person.externalId,
      user_external_id: person.externalId,
      feature: 'basic_chatflows',
      billing_mode: 'FULL',
      resource: 'AI_TOKENS',
      quantity: '103',
      credits: '10',
      overage: '0',
      owed: '0',
      rate_units: '1000',
      rate_credits: '100',
      refunded_at: '',
      organization_external_id: '',
      api_key_id: '',
    };
    expect(rowsOf(await response.text())).toEqual([
      {
        id: ids[0],
        occurred_at: '2026-03-07T11:00:00.000Z',
        ...common,
        carried_before: '0.6',
        carried_after: '0.9',
        metadata: '{"day":"07"}',
      },
      {
        id: ids[1],
        occurred_at: '2026-03-06T11:00:00.000Z',
        ...common,
        carried_before: '0.3',
        carried_after: '0.6',
        metadata: '{"day":"06"}',
      },
    ]);
  });

  it('tells what was refunded', async () => {
    const person = await newPerson();
    await consume(person);
    const [used] = await download(await usageLink(person));
    await client.query(
      `insert into usage_refund (billing_entity_id, sequence, line, refunded_at, refund_sequence, checksum)
       values ($1, 2, 0, $2, 3, '')`,
      [person.id, clock.now()],
    );
    expect(await download(await usageLink(person))).toEqual([{ ...used, refunded_at: '2026-03-10T12:00:00.000Z' }]);
  });

  it('is its column names alone where nothing fits', async () => {
    const person = await newPerson();
    const response = await fetch(await usageLink(person));
    expect(await response.text()).toMatch(/^id,occurred_at,[a-z_,]+,metadata,organization_external_id,api_key_id\r\n$/);
    const nobody = { userExternalIds: ['nobody', 'un\0storable', '\ud800'] };
    const input = { billingEntityId: person.id, kind: 'USAGE', usageFilter: nobody };
    expect(await download(await linkOf(person.token, input))).toEqual([]);
  });

  it('is never a formula, whoever chose the text, and the same text otherwise', async () => {
    const person = await newPerson('=cmd|calc,"x"');
    await consume(person, { metadata: Object.fromEntries(NASTY.map((text) => [text, text])) });
    const response = await fetch(await usageLink(person));
    expect(response.headers.get('content-disposition')).toBe(
      'attachment; filename="usage-_cmd_calc_x_-2026-03-10.csv"',
    );
    const [row] = rowsOf(await response.text());
    expect(row).toMatchObject({ payer_external_id: `'=cmd|calc,"x"`, user_external_id: `'=cmd|calc,"x"` });
    expect(JSON.parse(row?.['metadata'] ?? '')).toEqual(Object.fromEntries(NASTY.map((text) => [text, text])));
  });
});

describe('a file of the ledger', () => {
  const adjust = async ({ id }: Person, amount: number, reason: string): Promise<void> => {
    const { errors } = await send(
      app.url,
      operator,
      'mutation ($input: AdjustCreditsInput!) { adjustCredits(input: $input) { replayed } }',
      { input: { idempotencyKey: `adjust-${Math.random()}`, billingEntityId: id, amount, reason } },
    );
    expect(errors).toEqual([]);
  };

  it('holds every change of the balance, negative numbers as numbers, newest first', async () => {
    const person = await newPerson();
    await consume(person);
    await adjust(person, -5, 'a correction');
    const rows = await download(await linkOf(person.token, { billingEntityId: person.id, kind: 'LEDGER' }));
    expect(rows).toMatchObject([
      { sequence: '3', kind: 'ADJUSTMENT', amount: '-5', available_before: '9990', available_after: '9985' },
      { sequence: '2', kind: 'CONSUMPTION', amount: '-10', actor: 'service:platform', reason: '', grant_id: '' },
      {
        sequence: '1',
        kind: 'GRANT',
        amount: '10000',
        actor: 'system',
        grant_id: expect.stringMatching(/^grt_/) as string,
      },
    ]);
    expect(rows[0]).toMatchObject({
      id: expect.stringMatching(/^ent_/) as string,
      created_at: '2026-03-10T12:00:00.000Z',
      held_change: '0',
      overage_change: '0',
      owed_change: '0',
      reservation_id: '',
      counterparty_external_id: '',
      actor: 'operator:root',
      reason: 'a correction',
    });
  });

  it('holds what its filter says, and names the other side of a transfer', async () => {
    const [from, to] = [await newPerson(), await newPerson('@other-side')];
    await adjust(from, 7, 'a gift');
    const { errors } = await send(
      app.url,
      operator,
      'mutation ($input: TransferCreditsInput!) { transferCredits(input: $input) { __typename } }',
      { input: { idempotencyKey: 't', fromBillingEntityId: from.id, toBillingEntityId: to.id, amount: 7 } },
    );
    expect(errors).toEqual([]);
    const ledgerFilter = { kinds: ['TRANSFER_OUT'], from: clock.now().toISOString() };
    const input = { billingEntityId: from.id, kind: 'LEDGER', ledgerFilter };
    expect(await download(await linkOf(operator, input))).toMatchObject([
      { kind: 'TRANSFER_OUT', amount: '-7', counterparty_external_id: "'@other-side" },
    ]);
  });

  it('is never a formula', async () => {
    const person = await newPerson();
    // Reasons are trimmed by the ledger.
    const reasons = NASTY.filter((reason) => reason === reason.trim());
    for (const reason of reasons) await adjust(person, 1, reason);
    const input = { billingEntityId: person.id, kind: 'LEDGER', ledgerFilter: { kinds: ['ADJUSTMENT'] } };
    const rows = await download(await linkOf(person.token, input));
    expect(rows.map((row) => row['reason']).toReversed()).toEqual(
      reasons.map((reason) => (reason.startsWith('a') ? reason : `'${reason}`)),
    );
  });
});

describe('a link', () => {
  it('is for who may read what it leads to', async () => {
    const [ann, ben] = [await newPerson(), await newPerson()];
    const [usage, ledger] = ['USAGE', 'LEDGER'].map((kind) => ({ billingEntityId: ann.id, kind }));
    expect(await codeOf(createExport(ben.token, usage as object as Row))).toBe('NOT_FOUND');
    expect(await codeOf(createExport(ben.token, { ...ledger, billingEntityId: 'nonsense' }))).toBe('NOT_FOUND');
    expect(await codeOf(createExport(service, ledger as object as Row))).toBe('FORBIDDEN');
    await consume(ann);
    expect(await download(await linkOf(service, usage as object as Row))).toHaveLength(1);
    expect(await download(await linkOf(operator, ledger as object as Row))).toHaveLength(2);
  });

  it('is not made with the filter of the other kind, or one that is too long', async () => {
    const { id: billingEntityId, token } = await newPerson();
    const wrong = [
      { billingEntityId, kind: 'USAGE', ledgerFilter: {} },
      { billingEntityId, kind: 'LEDGER', usageFilter: {} },
      { billingEntityId, kind: 'USAGE', usageFilter: { userExternalIds: ['x'.repeat(70_000)] } },
    ];
    for (const input of wrong) expect(await codeOf(createExport(token, input))).toBe('BAD_USER_INPUT');
    const right = { billingEntityId, kind: 'LEDGER', usageFilter: null, ledgerFilter: {} };
    expect(await codeOf(createExport(token, right))).toBe('');
  });

  it('gives one file, however many race for it', async () => {
    const person = await newPerson();
    const url = await usageLink(person);
    const answers = await Promise.all(Array.from({ length: 8 }, () => fetch(url)));
    expect(answers.map(({ status }) => String(status)).toSorted()).toEqual(['200', ...Array<string>(7).fill('404')]);
    expect((await fetch(url)).status).toBe(404);
  });

  it('is not used up by HEAD, which answers like GET', async () => {
    const url = await usageLink(await newPerson());
    const head = await fetch(url, { method: 'HEAD' });
    const body = await fetch(url);
    expect([head.status, await head.text(), body.status]).toEqual([200, '', 200]);
    const headersOf = ({ headers }: Response): object =>
      Object.fromEntries(
        [...headers].filter(
          ([name]) => !['date', 'x-request-id', 'transfer-encoding', 'connection', 'keep-alive'].includes(name),
        ),
      );
    expect(headersOf(head)).toEqual(headersOf(body));
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(404);
  });

  it('does not tell used, expired, malformed, foreign and unknown tokens apart', async () => {
    const person = await newPerson();
    const [used, expired, gone] = [
      await usageLink(person),
      await usageLink(person),
      await usageLink(await newPerson()),
    ];
    await download(used);
    clock.forwardMs(300_000);
    const good = await usageLink(person);
    const at = (change: (token: string) => string): string => {
      const url = new URL(good);
      url.searchParams.set('token', change(url.searchParams.get('token') as string));
      return url.href;
    };
    await client.query(`delete from billing_entity where external_id = $1`, [`person-${people}`]);
    const answers = await Promise.all(
      [
        used,
        expired,
        gone,
        good.replace('usage.csv', 'ledger.csv'),
        good.slice(0, good.indexOf('?')),
        at((token) => `${token}A`),
        at((token) => token.slice(0, -1)),
        at((token) => token.slice(0, -2) + (token.endsWith('AA') ? 'BA' : 'AA')),
        at(() => `tg_export_${'A'.repeat(86)}`),
      ].map(async (url) => {
        const response = await fetch(url);
        return [response.status, await response.text(), response.headers.get('referrer-policy')];
      }),
    );
    const refusal = {
      errors: [{ message: 'This link was used, has expired, or never was.', extensions: { code: 'NOT_FOUND' } }],
    };
    expect(answers).toEqual(answers.map(() => [404, JSON.stringify(refusal), 'no-referrer']));
    expect((await fetch(good)).status).toBe(200);
  });

  it('is swept away when it has expired, and at most a hundred of an entity are valid', async () => {
    const person = await newPerson();
    for (let made = 0; made < 100; made += 1) await usageLink(person);
    const [refused] = (await createExport(person.token, { billingEntityId: person.id, kind: 'USAGE' })).errors;
    expect(refused?.extensions).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 300_000 });
    clock.forwardMs(300_000);
    await usageLink(person);
    const { rows } = await client.query(`select 1 from export_link where billing_entity_id = $1`, [person.id]);
    expect(rows).toHaveLength(1);
  });

  it('keeps only a hash of its secret, and leaves no trace in logs and metrics', async () => {
    const person = await newPerson();
    const url = await usageLink(person);
    const token = new URL(url).searchParams.get('token') as string;
    const { rows } = await client.query<{ row: string }>(`select export_link::text as row from export_link`);
    const secret = Buffer.from(token.slice('tg_export_'.length), 'base64url').subarray(32);
    expect(rows.some(({ row }) => row.includes(person.id))).toBe(true);
    expect(rows.some(({ row }) => row.includes(secret.toString('hex')))).toBe(false);
    await download(url);
    expect((await fetch(url)).status).toBe(404);
    const metrics = await (await fetch(`http://127.0.0.1:${app.port}/metrics`)).text();
    expect(metrics).toContain('tollgate_http_requests_total{route="/exports/usage.csv",status="404"}');
    expect(logged.some((line) => line.includes('"path":"/exports/usage.csv"'))).toBe(true);
    expect([...logged, metrics].filter((text) => text.includes(token.slice(-20)))).toEqual([]);
  });
});

describe('the stream', () => {
  let person: Person;
  beforeAll(async () => {
    person = await newPerson();
    await insertUsage(person, { count: MANY });
  });
  const quiet = (): Promise<void> => waitFor(() => app.services.exports.openStreams === 0, 'all streams to end');

  it('reads a page when the client has read the one before, and shows what there was when it began', async () => {
    const pages = countPages();
    const slow = await startReading(await usageLink(person));
    // Whatever the slow one could have been sent unread, this one is sent after it, and all of it.
    const before = await readAll(await startReading(await usageLink(person)));
    expect(before.split('\r\n')).toHaveLength(MANY + 2);
    expect(pages.count - MANY / PAGE).toBeLessThan(15);
    await insertUsage(person, { from: MANY + 1, count: 10 });
    expect((await readAll(slow)) === before).toBe(true);
    expect(pages.count).toBe((2 * MANY) / PAGE);
    const from = new Date(clock.now().getTime() + MANY + 1);
    const newest = { billingEntityId: person.id, kind: 'USAGE', usageFilter: { from } };
    expect(await download(await linkOf(person.token, newest))).toHaveLength(10);
    await quiet();
  });

  it('stops when the client goes away', async () => {
    const pages = countPages();
    const slow = await startReading(await usageLink(person));
    slow.destroy();
    await quiet();
    expect(pages.count).toBeLessThan(15);
    expect(logged.filter((line) => line.includes('an export broke off'))).toEqual([]);
  });

  it('stops also when the client goes away before the first row', async () => {
    const pages = countPages();
    const { promise, resolve } = Promise.withResolvers<void>();
    pages.held = promise;
    const request = get(await usageLink(person), { agent: false }).on('error', () => undefined);
    await waitFor(() => pages.count === 1, 'the first page to be read');
    request.destroy();
    // Whatever the server was told before this, it has heard when it answers.
    await fetch(`http://127.0.0.1:${app.port}/healthz`);
    resolve();
    await quiet();
    expect(pages.count).toBe(1);
    expect(logged.filter((line) => line.includes('an export broke off'))).toEqual([]);
  });

  it('is cut off where it fails midway, and never looks complete', async () => {
    const pages = countPages();
    const response = await startReading(await usageLink(person));
    pages.fail = true;
    await expect(readAll(response)).rejects.toMatchObject({ code: 'ECONNRESET' });
    await quiet();
    expect(logged.filter((line) => line.includes('an export broke off'))).toEqual([
      expect.stringContaining('the disk is gone'),
    ]);
  });

  it('that fails before its first row is an error with a status', async () => {
    countPages().fail = true;
    const url = await usageLink(person);
    const response = await fetch(url);
    expect([response.status, response.headers.get('content-type')]).toEqual([500, 'application/json; charset=utf-8']);
    await quiet();
  });

  it('waits for room without spending the link', async () => {
    countPages();
    const other = await newPerson();
    const [first, second] = [await startReading(await usageLink(person)), await startReading(await usageLink(person))];
    const url = await usageLink(person);
    const busy = await fetch(url);
    expect([busy.status, busy.headers.get('retry-after')]).toEqual([503, '10']);
    expect(await download(await usageLink(other))).toEqual([]);
    first.destroy();
    await waitFor(() => app.services.exports.openStreams === 1, 'the first stream to end');
    expect((await startReading(url)).destroy().statusCode).toBe(200);
    second.destroy();
    await quiet();
  });

  it('needs one place for a link, however many race for it', async () => {
    countPages();
    const other = await startReading(await usageLink(person));
    const url = await usageLink(person);
    const answers = await Promise.all(Array.from({ length: 8 }, () => startReading(url)));
    const statuses = answers.map((answer) => String(answer.destroy().statusCode));
    expect(statuses.toSorted()).toEqual(['200', ...Array<string>(7).fill('404')]);
    other.destroy();
    await quiet();
  });

  it('is sent to one principal twice at a time, of however many entities, and others have theirs', async () => {
    countPages();
    const at = await startTestApp(database.url, { clock, env: { EXPORT_STREAMS: '6' } });
    const owners = await Promise.all(Array.from({ length: 4 }, () => newPerson()));
    for (const owner of owners) await insertUsage(owner, { count: MANY / 2 });
    // One who may read all of them, and reads none to its end.
    const links = await Promise.all(owners.map((owner) => usageLink({ ...owner, token: operator }, at)));
    const slow = await Promise.all(links.slice(0, 2).map(startReading));
    const [third = ''] = links.slice(2);
    const refused = await fetch(third);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '10']);
    expect(((await refused.json()) as { errors: { extensions: { code: string } }[] }).errors[0]?.extensions.code).toBe(
      'UNAVAILABLE',
    );
    const [other] = owners.slice(3) as [Person];
    expect(await download(await usageLink(other, at))).toHaveLength(MANY / 2);
    slow[0]?.destroy();
    await waitFor(() => at.services.exports.openStreams === 1, 'the first stream to end');
    // What was refused was not used up; what was cut is.
    expect(await download(third)).toHaveLength(MANY / 2);
    expect((await fetch(links[0] as string)).status).toBe(404);
    slow[1]?.destroy();
    await at.stop();
  });

  it('is cut off when the client reads, and too slowly; one that is fast enough has all of it', async () => {
    // As much as kernels keep is taken at once, so what is asked for is more than a slow one takes of the rest.
    const env = { EXPORT_STALL_MS: '1000', EXPORT_LEAST_BYTES: '8000000' };
    const at = await startTestApp(database.url, { clock, env });
    const slow = await startReading(await usageLink(person, at));
    let read = 0;
    const dripping = setInterval(() => {
      const chunk = slow.read(4_096) as Buffer | null;
      read += chunk?.length ?? 0;
    }, 50);
    slow.on('error', () => undefined);
    await waitFor(() => at.services.exports.openStreams === 0, 'the slow stream to be cut off');
    clearInterval(dripping);
    expect(read).toBeGreaterThan(0);
    await expect(readAll(slow)).rejects.toMatchObject({ code: 'ECONNRESET' });
    await at.stop();
    const patient = await startTestApp(database.url, { clock, env: { ...env, EXPORT_LEAST_BYTES: '1000' } });
    expect((await download(await usageLink(person, patient))).length).toBeGreaterThanOrEqual(MANY);
    await patient.stop();
  });

  it('leaves no place taken when its connection goes while it waits behind another answer', async () => {
    countPages();
    const { hostname, port } = new URL(await usageLink(person));
    const [first, second] = [await usageLink(person), await usageLink(person)].map((url) =>
      url.slice(url.indexOf('/exports')),
    );
    const ask = (path = ''): string => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`;
    const socket = connect(Number(port), hostname, () => socket.write(ask(first) + ask(second))).pause();
    await waitFor(() => app.services.exports.openStreams === 2, 'both streams to begin');
    socket.destroy();
    await quiet();
  });

  it('is cut off when the client stops reading, or the server stops', async () => {
    const env = { EXPORT_STALL_MS: '100', EXPORT_STREAMS: '1', DRAIN_TIMEOUT_MS: '200' };
    const [impatient, stopping] = await Promise.all([
      startTestApp(database.url, { clock, env }),
      startTestApp(database.url, { clock, env: { ...env, EXPORT_STALL_MS: '60000' } }),
    ]);
    const stalled = await startReading(await usageLink(person, impatient));
    await waitFor(() => impatient.services.exports.openStreams === 0, 'the stalled stream to be cut off');
    await expect(readAll(stalled)).rejects.toMatchObject({ code: 'ECONNRESET' });
    const drained = await startReading(await usageLink(person, stopping));
    expect((await fetch(await usageLink(await newPerson(), stopping))).status).toBe(503);
    await Promise.all([impatient.stop(), stopping.stop()]);
    await expect(readAll(drained)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});
