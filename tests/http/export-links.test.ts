import { codeOf, download, Exporting, type Row } from './exporting.ts';

let files: Exporting;

beforeAll(async () => {
  files = await Exporting.open();
});

afterAll(() => files.close());

describe('a link', () => {
  it('is for who may read what it leads to', async () => {
    const [ann, ben] = [await files.newPerson(), await files.newPerson()];
    const [usage, ledger] = ['USAGE', 'LEDGER'].map((kind) => ({ billingEntityId: ann.id, kind }));
    expect(await codeOf(files.createExport(ben.token, usage as object as Row))).toBe('NOT_FOUND');
    expect(await codeOf(files.createExport(ben.token, { ...ledger, billingEntityId: 'nonsense' }))).toBe('NOT_FOUND');
    expect(await codeOf(files.createExport(files.service, ledger as object as Row))).toBe('FORBIDDEN');
    await files.consume(ann);
    expect(await download(await files.linkOf(files.service, usage as object as Row))).toHaveLength(1);
    expect(await download(await files.linkOf(files.operator, ledger as object as Row))).toHaveLength(2);
  });

  it('is not made with the filter of the other kind, or one that is too long', async () => {
    const { id: billingEntityId, token } = await files.newPerson();
    const wrong = [
      { billingEntityId, kind: 'USAGE', ledgerFilter: {} },
      { billingEntityId, kind: 'LEDGER', usageFilter: {} },
      { billingEntityId, kind: 'USAGE', usageFilter: { userExternalIds: ['x'.repeat(70_000)] } },
    ];
    for (const input of wrong) expect(await codeOf(files.createExport(token, input))).toBe('BAD_USER_INPUT');
    const right = { billingEntityId, kind: 'LEDGER', usageFilter: null, ledgerFilter: {} };
    expect(await codeOf(files.createExport(token, right))).toBe('');
  });

  it('gives one file, however many race for it', async () => {
    const person = await files.newPerson();
    const url = await files.usageLink(person);
    const answers = await Promise.all(Array.from({ length: 8 }, () => fetch(url)));
    expect(answers.map(({ status }) => String(status)).toSorted()).toEqual(['200', ...Array<string>(7).fill('404')]);
    expect((await fetch(url)).status).toBe(404);
  });

  it('is not used up by HEAD, which answers like GET', async () => {
    const url = await files.usageLink(await files.newPerson());
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
    const person = await files.newPerson();
    const [used, expired, gone] = [
      await files.usageLink(person),
      await files.usageLink(person),
      await files.usageLink(await files.newPerson()),
    ];
    await download(used);
    files.clock.forwardMs(300_000);
    const good = await files.usageLink(person);
    const at = (change: (token: string) => string): string => {
      const url = new URL(good);
      url.searchParams.set('token', change(url.searchParams.get('token') as string));
      return url.href;
    };
    await files.client.query(`delete from billing_entity where external_id = $1`, [`person-${files.people}`]);
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
    const person = await files.newPerson();
    for (let made = 0; made < 100; made += 1) await files.usageLink(person);
    const [refused] = (await files.createExport(person.token, { billingEntityId: person.id, kind: 'USAGE' })).errors;
    expect(refused?.extensions).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 300_000 });
    files.clock.forwardMs(300_000);
    await files.usageLink(person);
    const { rows } = await files.client.query(`select 1 from export_link where billing_entity_id = $1`, [person.id]);
    expect(rows).toHaveLength(1);
  });

  it('keeps only a hash of its secret, and leaves no trace in logs and metrics', async () => {
    const person = await files.newPerson();
    const url = await files.usageLink(person);
    const token = new URL(url).searchParams.get('token') as string;
    const { rows } = await files.client.query<{ row: string }>(`select export_link::text as row from export_link`);
    const secret = Buffer.from(token.slice('tg_export_'.length), 'base64url').subarray(32);
    expect(rows.some(({ row }) => row.includes(person.id))).toBe(true);
    expect(rows.some(({ row }) => row.includes(secret.toString('hex')))).toBe(false);
    await download(url);
    expect((await fetch(url)).status).toBe(404);
    const metrics = await (await fetch(`http://127.0.0.1:${files.app.port}/metrics`)).text();
    expect(metrics).toContain('tollgate_http_requests_total{route="/exports/usage.csv",status="404"}');
    expect(files.logged.some((line) => line.includes('"path":"/exports/usage.csv"'))).toBe(true);
    expect([...files.logged, metrics].filter((text) => text.includes(token.slice(-20)))).toEqual([]);
  });
});
