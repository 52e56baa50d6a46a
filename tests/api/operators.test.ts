import { send, type TestApp } from '../support/app.ts';
import { CONSUME, Newcomers, tokens } from './newcomers.ts';

let people: Newcomers;
let one: TestApp;
let two: TestApp;
let service: string;
let operator: string;

beforeAll(async () => {
  people = await Newcomers.open();
  ({ one, two, service, operator } = people);
});

afterAll(() => people.close());

describe('what operators do', () => {
  const GRANT = `mutation ($input: GrantCreditsInput!) { grantCredits(input: $input) { replayed grant { id amount remaining source priority } entry { kind amount actor reason } balance { available } } }`;
  const ADJUST = `mutation ($input: AdjustCreditsInput!) { adjustCredits(input: $input) { replayed grant { amount source } entry { kind amount } balance { available } } }`;

  it('grants and adjusts, once per key', async () => {
    const { id } = await people.newcomer();
    const input = { idempotencyKey: 'g', billingEntityId: id, amount: 500, reason: 'welcome' };
    const first = await send(one.url, operator, GRANT, { input });
    expect(first.data).toMatchObject({
      grantCredits: {
        replayed: false,
        grant: { amount: 500, remaining: 500, source: 'PROMOTION', priority: 50 },
        entry: { kind: 'GRANT', amount: 500, actor: 'operator:root', reason: 'welcome' },
        balance: { available: 10_500 },
      },
    });
    expect((await send(two.url, operator, GRANT, { input })).data).toMatchObject({
      grantCredits: { ...(first.data?.['grantCredits'] as unknown as object), replayed: true },
    });
    const adjust = (key: string, amount: number) =>
      send(one.url, operator, ADJUST, { input: { idempotencyKey: key, billingEntityId: id, amount, reason: 'test' } });
    expect((await adjust('a', -10_400)).data).toEqual({
      adjustCredits: {
        replayed: false,
        grant: null,
        entry: { kind: 'ADJUSTMENT', amount: -10_400 },
        balance: { available: 100 },
      },
    });
    expect((await adjust('b', -101)).errors).toMatchObject([{ extensions: { code: 'CONFLICT' } }]);
    expect((await adjust('c', 7)).data).toMatchObject({
      adjustCredits: { grant: { amount: 7, source: 'ADJUSTMENT' }, balance: { available: 107 } },
    });
    expect((await adjust('g', 7)).errors).toMatchObject([{ extensions: { code: 'IDEMPOTENCY_KEY_REUSED' } }]);
  });

  it('suspends and reinstates: the very next use is refused on every process', async () => {
    const { id, token } = await people.newcomer();
    const suspended = await send(
      one.url,
      operator,
      `mutation ($id: ID!) { suspendBillingEntity(input: { billingEntityId: $id }, reason: "abuse") { status suspensionReason suspendedAt } }`,
      { id },
    );
    expect(suspended.data).toMatchObject({ suspendBillingEntity: { status: 'SUSPENDED', suspensionReason: 'abuse' } });
    expect((await people.consume(token, { idempotencyKey: 'x', lines: tokens(0) }, two.url)).result).toMatchObject({
      reason: 'ENTITY_SUSPENDED',
    });
    await send(
      one.url,
      operator,
      `mutation ($id: ID!) { reinstateBillingEntity(input: { billingEntityId: $id }, reason: " cleared ") { status } }`,
      { id },
    );
    const { data } = await send(
      one.url,
      operator,
      'query ($id: ID!) { billingEntity(id: $id) { auditLog(first: 2) { edges { node { action reason } } } } }',
      { id },
    );
    expect(data).toMatchObject({
      billingEntity: {
        auditLog: {
          edges: [
            { node: { action: 'entity.reinstate', reason: 'cleared' } },
            { node: { action: 'entity.suspend', reason: 'abuse' } },
          ],
        },
      },
    });
    expect((await people.consume(token, { idempotencyKey: 'x', lines: tokens(10) }, two.url)).result).toMatchObject({
      credits: 1,
    });
  });

  it('reinstates without a reason as well, and refuses one that says nothing', async () => {
    const { id } = await people.newcomer();
    const reinstate = (reason: string | null | undefined) =>
      send(
        one.url,
        operator,
        'mutation ($id: ID!, $reason: String) { reinstateBillingEntity(input: { billingEntityId: $id }, reason: $reason) { status } }',
        { id, reason },
      );
    expect((await reinstate(null)).data).toMatchObject({ reinstateBillingEntity: { status: 'ACTIVE' } });
    expect((await reinstate(undefined)).data).toMatchObject({ reinstateBillingEntity: { status: 'ACTIVE' } });
    for (const reason of ['', '  ', 'x'.repeat(1_001)]) {
      expect((await reinstate(reason)).errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
    }
  });

  it('is theirs alone, and what is not the caller’s does not exist', async () => {
    const [mine, other] = [await people.newcomer(), await people.newcomer()];
    const grant = (token: string, billingEntityId: string) =>
      send(one.url, token, GRANT, { input: { idempotencyKey: 'z', billingEntityId, amount: 1, reason: 'mine' } });
    expect((await grant(mine.token, mine.id)).errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
    const nowhere = '01900000-0000-7000-8000-000000000000';
    const [hidden, missing] = [await grant(mine.token, other.id), await grant(mine.token, nowhere)];
    expect(hidden).toEqual(missing);
    expect(hidden.errors).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
    for (const id of [other.id, nowhere, 'nonsense', '']) {
      const { data } = await send(one.url, mine.token, `query ($id: ID!) { billingEntity(id: $id) { id } }`, { id });
      expect(data).toEqual({ billingEntity: null });
    }
    expect((await send(one.url, mine.token, '{ billingEntities { edges { node { id } } } }')).errors).toMatchObject([
      { extensions: { code: 'FORBIDDEN' } },
    ]);
    expect((await send(one.url, null, '{ viewer { subject } }')).errors).toMatchObject([
      { extensions: { code: 'UNAUTHENTICATED' } },
    ]);
  });

  it('shows a service what it metered, and not the ledger', async () => {
    const { id, subject } = await people.newcomer();
    await people.consume(service, { idempotencyKey: 'm', userExternalId: subject, lines: tokens(10) });
    const { data, errors } = await send(
      one.url,
      service,
      `query ($id: ID!) { billingEntity(id: $id) { ledger { edges { cursor } } grants { edges { cursor } } usage { edges { node { credits ledgerEntry { sequence } } } } } }`,
      { id },
    );
    expect(errors).toEqual([]);
    expect(data).toEqual({
      billingEntity: { ledger: null, grants: null, usage: { edges: [{ node: { credits: 1, ledgerEntry: null } }] } },
    });
  });

  it('takes text that cannot be stored for a mistake, or for nobody', async () => {
    const { id, token } = await people.newcomer();
    for (const text of ['a\0b', 'a\ud800']) {
      const byName = 'query ($text: String!) { billingEntityByExternalId(type: USER, externalId: $text) { id } }';
      expect(await send(one.url, operator, byName, { text })).toMatchObject({
        data: { billingEntityByExternalId: null },
        errors: [],
      });
      const usage = `query ($id: ID!, $text: String!) { billingEntity(id: $id) { usage(filter: { userExternalIds: [$text] }) { edges { cursor } } } }`;
      expect(await send(one.url, operator, usage, { id, text })).toMatchObject({
        data: { billingEntity: { usage: { edges: [] } } },
        errors: [],
      });
      const codeOf = async (sent: Promise<Awaited<ReturnType<typeof send>>>) =>
        (await sent).errors[0]?.extensions['code'];
      const search = 'query ($text: String!) { billingEntities(search: $text) { edges { cursor } } }';
      expect(await codeOf(send(one.url, operator, search, { text }))).toBe('BAD_USER_INPUT');
      const suspend =
        'mutation ($id: ID!, $text: String!) { suspendBillingEntity(input: { billingEntityId: $id }, reason: $text) { id } }';
      expect(await codeOf(send(one.url, operator, suspend, { id, text }))).toBe('BAD_USER_INPUT');
      const input = { idempotencyKey: 'x', lines: tokens(1), organizationExternalId: text };
      expect(await codeOf(send(one.url, token, CONSUME, { input }))).toBe('NOT_FOUND');
      const named = { idempotencyKey: 'x', lines: tokens(1), userExternalId: text };
      expect(await codeOf(send(one.url, service, CONSUME, { input: named }))).toBe('BAD_USER_INPUT');
    }
  });

  it('lists everybody in pages, newest first', async () => {
    const seen: string[] = [];
    for (let after: string | null = null; ;) {
      const { data } = await send(
        one.url,
        operator,
        `query ($after: String) { billingEntities(first: 3, after: $after, search: "PERSON-") { edges { node { externalId } } pageInfo { hasNextPage endCursor } } }`,
        { after },
      );
      const { edges, pageInfo } = (
        data as never as {
          billingEntities: {
            edges: { node: { externalId: string } }[];
            pageInfo: { hasNextPage: boolean; endCursor: string };
          };
        }
      ).billingEntities;
      seen.push(...edges.map(({ node }) => node.externalId));
      if (!pageInfo.hasNextPage) break;
      after = pageInfo.endCursor;
    }
    expect(seen).toHaveLength(people.count);
    expect(new Set(seen).size).toBe(people.count);
  });
});
