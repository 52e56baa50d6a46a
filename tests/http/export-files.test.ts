import { send } from '../support/app.ts';
import { download, Exporting, NASTY, type Person, rowsOf } from './exporting.ts';

let files: Exporting;

beforeAll(async () => {
  files = await Exporting.open();
});

afterAll(() => files.close());

describe('a file of usage', () => {
  it('holds what the page of the same filter shows, newest first', async () => {
    const person = await files.newPerson();
    for (const day of ['05', '06', '07']) {
      await files.consume(person, {
        occurredAt: `2026-03-${day}T12:00:00+01:00`,
        metadata: { day },
        feature: 'basic_chatflows',
      });
    }
    await files.consume(person, {
      lines: [{ resource: 'COMPUTE', quantity: 7 }],
      occurredAt: '2026-03-06T12:00:00Z',
    });
    const filter = { from: '2026-03-05T12:00:00Z', to: '2026-03-08T00:00:00Z', resources: ['AI_TOKENS'] };
    const input = { billingEntityId: person.id, kind: 'USAGE', usageFilter: filter };
    const { data } = await files.createExport(person.token, input);
    const { url, expiresAt } = (data as never as { createExport: { url: string; expiresAt: string } }).createExport;
    expect(url).toMatch(
      new RegExp(`^http://localhost:${files.app.port}/exports/usage\\.csv\\?token=tg_export_[\\w-]{86}$`),
    );
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
      files.app.url,
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
      refunded_credits: '0',
      organization_external_id: '',
      api_key_id: '',
      model: '',
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
    const person = await files.newPerson();
    await files.consume(person);
    const [used] = await download(await files.usageLink(person));
    await files.client.query(
      `insert into usage_refund (billing_entity_id, sequence, line, refunded_at, refund_sequence, checksum)
       values ($1, 2, 0, $2, 3, '')`,
      [person.id, files.clock.now()],
    );
    expect(await download(await files.usageLink(person))).toEqual([
      // A row of before parts: all of it.
      { ...used, refunded_at: '2026-03-10T12:00:00.000Z', refunded_credits: used?.['credits'] },
    ]);
  });

  it('is its column names alone where nothing fits', async () => {
    const person = await files.newPerson();
    const response = await fetch(await files.usageLink(person));
    expect(await response.text()).toMatch(
      /^id,occurred_at,[a-z_,]+,metadata,organization_external_id,api_key_id,refunded_credits,model\r\n$/,
    );
    const nobody = { userExternalIds: ['nobody', 'un\0storable', '\ud800'] };
    const input = { billingEntityId: person.id, kind: 'USAGE', usageFilter: nobody };
    expect(await download(await files.linkOf(person.token, input))).toEqual([]);
  });

  it('is never a formula, whoever chose the text, and the same text otherwise', async () => {
    const person = await files.newPerson('=cmd|calc,"x"');
    await files.consume(person, { metadata: Object.fromEntries(NASTY.map((text) => [text, text])) });
    const response = await fetch(await files.usageLink(person));
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
      files.app.url,
      files.operator,
      'mutation ($input: AdjustCreditsInput!) { adjustCredits(input: $input) { replayed } }',
      { input: { idempotencyKey: `adjust-${Math.random()}`, billingEntityId: id, amount, reason } },
    );
    expect(errors).toEqual([]);
  };

  it('holds every change of the balance, negative numbers as numbers, newest first', async () => {
    const person = await files.newPerson();
    await files.consume(person);
    await adjust(person, -5, 'a correction');
    const rows = await download(await files.linkOf(person.token, { billingEntityId: person.id, kind: 'LEDGER' }));
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
    const [from, to] = [await files.newPerson(), await files.newPerson('@other-side')];
    await adjust(from, 7, 'a gift');
    const { errors } = await send(
      files.app.url,
      files.operator,
      'mutation ($input: TransferCreditsInput!) { transferCredits(input: $input) { __typename } }',
      { input: { idempotencyKey: 't', fromBillingEntityId: from.id, toBillingEntityId: to.id, amount: 7 } },
    );
    expect(errors).toEqual([]);
    const ledgerFilter = { kinds: ['TRANSFER_OUT'], from: files.clock.now().toISOString() };
    const input = { billingEntityId: from.id, kind: 'LEDGER', ledgerFilter };
    expect(await download(await files.linkOf(files.operator, input))).toMatchObject([
      { kind: 'TRANSFER_OUT', amount: '-7', counterparty_external_id: "'@other-side" },
    ]);
  });

  it('is never a formula', async () => {
    const person = await files.newPerson();
    // Reasons are trimmed by the ledger.
    const reasons = NASTY.filter((reason) => reason === reason.trim());
    for (const reason of reasons) await adjust(person, 1, reason);
    const input = { billingEntityId: person.id, kind: 'LEDGER', ledgerFilter: { kinds: ['ADJUSTMENT'] } };
    const rows = await download(await files.linkOf(person.token, input));
    expect(rows.map((row) => row['reason']).toReversed()).toEqual(
      reasons.map((reason) => (reason.startsWith('a') ? reason : `'${reason}`)),
    );
  });
});
