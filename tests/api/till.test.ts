import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { Events, socketClient } from '../support/live-client.ts';
import { send, startTestApp, type TestApp, tokenOf } from '../support/app.ts';

let database: TestDatabase;
let one: TestApp;
let two: TestApp;
let service: string;
let operator: string;
let people = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  one = await startTestApp(database.url);
  two = await startTestApp(database.url);
  service = await tokenOf('platform', { scope: 'billing:usage' });
  operator = await tokenOf('root', { scope: 'billing:operator' });
});

afterAll(async () => {
  await Promise.all([one.stop(), two.stop()]);
  await database.drop();
});

const CONSUME = /* GraphQL */ `
  mutation ($input: ConsumeCreditsInput!) {
    consumeCredits(input: $input) {
      __typename
      ... on ConsumeCreditsSuccess {
        credits
        replayed
        balance {
          available
          used
          version
        }
        records {
          id
          resource
          quantity
          credits
          carriedBefore
          carriedAfter
          draws {
            credits
            grant {
              source
            }
          }
        }
      }
      ... on UsageRefused {
        reason
        scope
        required
        available
        balance {
          available
        }
      }
    }
  }
`;
const BATCH = /* GraphQL */ `
  mutation ($inputs: [ConsumeCreditsInput!]!) {
    consumeCreditsBatch(inputs: $inputs) {
      __typename
      ... on ConsumeCreditsSuccess {
        credits
        replayed
      }
      ... on UsageRejected {
        code
        retryable
      }
    }
  }
`;
const BALANCE = /* GraphQL */ `
  subscription ($id: ID!) {
    balanceUpdated(billingEntityId: $id) {
      available
      used
      version
    }
  }
`;

interface Person {
  readonly subject: string;
  readonly token: string;
  readonly id: string;
}

async function newcomer(): Promise<Person> {
  const subject = `person-${(people += 1)}`;
  const token = await tokenOf(subject);
  const { data } = await send(one.url, token, '{ viewer { user { id } } }');
  return { subject, token, id: (data as never as { viewer: { user: { id: string } } }).viewer.user.id };
}

const tokens = (quantity: number) => [{ resource: 'AI_TOKENS', quantity }];
const compute = (quantity: number) => [{ resource: 'COMPUTE', quantity }];

async function consume(token: string, input: Record<string, unknown>, url = one.url) {
  const { data, errors } = await send(url, token, CONSUME, { input });
  return { result: (data as never as { consumeCredits: Record<string, unknown> } | null)?.consumeCredits, errors };
}

describe('the till', () => {
  it('makes a newcomer with one trial however many first requests race', async () => {
    const token = await tokenOf('racer', { name: 'Ray Racer' });
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        send(
          (index % 2 ? one : two).url,
          token,
          '{ viewer { kind subject user { id name type plan { code } credits { available } } } }',
        ),
      ),
    );
    for (const { data } of answers) {
      expect(data).toEqual(answers[0]?.data);
      expect(data).toMatchObject({
        viewer: {
          kind: 'USER',
          subject: 'racer',
          user: { name: 'Ray Racer', type: 'USER', plan: { code: 'FREE_TRIAL' }, credits: { available: 10_000 } },
        },
      });
    }
  });

  it('charges tokens and compute exactly, and carries the fractions', async () => {
    const { token } = await newcomer();
    expect((await consume(token, { idempotencyKey: 'a', lines: tokens(1000) })).result).toMatchObject({ credits: 100 });
    expect((await consume(token, { idempotencyKey: 'b', lines: compute(60_000) })).result).toMatchObject({
      credits: 50,
    });
    const seconds = await Promise.all(
      Array.from({ length: 60 }, (_, index) => consume(token, { idempotencyKey: `s${index}`, lines: compute(1000) })),
    );
    const total = seconds.reduce((sum, { result }) => sum + (result?.['credits'] as number), 0);
    expect(total).toBe(50);
    const mixed = await consume(token, { idempotencyKey: 'm', lines: [...tokens(15), ...tokens(15), ...compute(600)] });
    expect(mixed.result).toMatchObject({
      credits: 3,
      records: [
        { credits: 1, carriedBefore: '0', carriedAfter: '0.5', draws: [{ credits: 1, grant: { source: 'TRIAL' } }] },
        { credits: 2, carriedBefore: '0.5', carriedAfter: '0' },
        { credits: 0, carriedBefore: '0', carriedAfter: '0.5', draws: [] },
      ],
    });
  });

  it('lets exactly 100 of 200 racing uses have the trial, on two processes, and proves it', async () => {
    const { id, subject, token } = await newcomer();
    const results = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        consume(
          service,
          { idempotencyKey: `r${index}`, userExternalId: subject, lines: tokens(1000) },
          (index % 2 ? one : two).url,
        ),
      ),
    );
    const refused = results.filter(({ result }) => result?.['__typename'] === 'UsageRefused');
    expect(refused).toHaveLength(100);
    for (const { result } of refused) {
      expect(result).toMatchObject({
        reason: 'INSUFFICIENT_CREDITS',
        scope: 'BALANCE',
        required: 100,
        available: 0,
        balance: { available: 0 },
      });
    }
    const { data } = await send(
      two.url,
      token,
      `query ($id: ID!) {
        billingEntity(id: $id) { credits { available used } ledger(first: 100) { edges { node { sequence amount availableBefore availableAfter } } pageInfo { hasNextPage endCursor } } }
        verifyLedger(billingEntityId: $id) { consistent entriesChecked problems }
      }`,
      { id },
    );
    expect(data).toMatchObject({
      billingEntity: { credits: { available: 0, used: 10_000 }, ledger: { pageInfo: { hasNextPage: true } } },
      verifyLedger: { consistent: true, entriesChecked: 101, problems: [] },
    });
  });

  it('takes effect once for one key sent 20 times at once, and refuses other input under it', async () => {
    const { token } = await newcomer();
    const input = { idempotencyKey: 'once', lines: tokens(2000), metadata: { b: 1, a: [2] } };
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => consume(token, input, (index % 2 ? one : two).url)),
    );
    expect(answers.filter(({ result }) => result?.['replayed'] === false)).toHaveLength(1);
    for (const { result } of answers) {
      expect(result).toMatchObject({ credits: 200, records: answers[0]?.result?.['records'] });
    }
    expect((await consume(token, { ...input, metadata: { a: [2], b: 1 } })).result).toMatchObject({ replayed: true });
    for (const other of [
      { lines: tokens(2001) },
      { lines: compute(2000) },
      { metadata: { a: [2] } },
      { occurredAt: new Date().toISOString() },
    ]) {
      const { errors } = await consume(token, { ...input, ...other });
      expect(errors).toMatchObject([{ extensions: { code: 'IDEMPOTENCY_KEY_REUSED' } }]);
    }
  });

  it('refuses malformed use and writes nothing', async () => {
    const { id, token } = await newcomer();
    const good = { idempotencyKey: 'k', lines: tokens(10) };
    const wrong: Record<string, unknown>[] = [
      { ...good, lines: tokens(-1) },
      { ...good, lines: tokens(1.5) },
      { ...good, lines: [{ resource: 'AI_TOKENS', quantity: '5' }] },
      { ...good, lines: [] },
      { ...good, lines: Array.from({ length: 11 }, () => tokens(1)[0]) },
      { ...good, lines: [{ resource: 'GPU', quantity: 1 }] },
      { ...good, idempotencyKey: '' },
      { ...good, idempotencyKey: 'x'.repeat(201) },
      { ...good, idempotencyKey: 'nul\0' },
      { ...good, occurredAt: new Date(Date.now() - 36 * 86_400_000).toISOString() },
      { ...good, occurredAt: new Date(Date.now() + 600_000).toISOString() },
      { ...good, occurredAt: '2026-02-30T00:00:00Z' },
      { ...good, metadata: { text: 'x'.repeat(4_096) } },
      { ...good, metadata: { text: '\0' } },
      { ...good, metadata: { text: '\ud800' } },
      { ...good, metadata: [1] },
      { lines: tokens(1) },
    ];
    for (const input of wrong) {
      const { errors } = await consume(token, input);
      expect({ input, code: errors[0]?.extensions['code'] }).toEqual({ input, code: 'BAD_USER_INPUT' });
    }
    // 2^53 + 1 cannot even be written in JavaScript: sent as text.
    for (const body of [
      `{"query":${JSON.stringify(CONSUME)},"variables":{"input":{"idempotencyKey":"k","lines":[{"resource":"AI_TOKENS","quantity":9007199254740993}]}}}`,
      JSON.stringify({
        query: CONSUME.replace('($input: ConsumeCreditsInput!)', '').replace(
          'input: $input',
          'input: { idempotencyKey: "k", lines: [{ resource: AI_TOKENS, quantity: 9007199254740993 }] }',
        ),
      }),
    ]) {
      const response = await fetch(one.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body,
      });
      expect(await response.json()).toMatchObject({
        errors: [{ extensions: { code: expect.stringMatching(/BAD_USER_INPUT|GRAPHQL_VALIDATION_FAILED/) } }],
      });
    }
    for (const inputs of [[], Array.from({ length: 1001 }, () => good)]) {
      const { errors } = await send(one.url, token, BATCH, { inputs });
      expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
    }
    const { data } = await send(
      one.url,
      token,
      `query ($id: ID!) { billingEntity(id: $id) { credits { version } usage { edges { cursor } } } }`,
      { id },
    );
    expect(data).toEqual({ billingEntity: { credits: { version: 1 }, usage: { edges: [] } } });
    expect((await consume(token, { idempotencyKey: 'zero', lines: tokens(0) })).result).toMatchObject({
      credits: 0,
      records: [{ quantity: 0 }],
    });
  });

  it('answers one wrong item of a batch alone', async () => {
    const { token } = await newcomer();
    const { data } = await send(one.url, token, BATCH, {
      inputs: [
        { idempotencyKey: 'a', lines: tokens(1000) },
        { idempotencyKey: 'b', lines: tokens(-1) },
        { idempotencyKey: 'a', lines: tokens(1000) },
        { idempotencyKey: 'c', lines: tokens(1000), userExternalId: 'somebody-else' },
        { idempotencyKey: 'd', lines: tokens(1000), organizationExternalId: 'nowhere' },
      ],
    });
    expect(data).toEqual({
      consumeCreditsBatch: [
        { __typename: 'ConsumeCreditsSuccess', credits: 100, replayed: false },
        { __typename: 'UsageRejected', code: 'BAD_USER_INPUT', retryable: false },
        { __typename: 'ConsumeCreditsSuccess', credits: 100, replayed: true },
        { __typename: 'UsageRejected', code: 'NOT_FOUND', retryable: false },
        { __typename: 'UsageRejected', code: 'NOT_FOUND', retryable: false },
      ],
    });
  });

  it('takes the largest batch that it promises, with the largest metadata', async () => {
    const { subject } = await newcomer();
    const metadata = { text: 'x'.repeat(4_000) };
    const inputs = Array.from({ length: 1_000 }, (_, index) => ({
      idempotencyKey: `big-${index}`,
      userExternalId: subject,
      lines: tokens(10),
      metadata,
    }));
    const { data } = await send(one.url, service, BATCH, { inputs });
    const results = (data as never as { consumeCreditsBatch: { credits: number }[] }).consumeCreditsBatch;
    expect(results).toHaveLength(1_000);
    expect(results.every((result) => result.credits === 1)).toBe(true);
  });

  it('says by checkUsage what consumeCredits would do, and charges nothing', async () => {
    const { subject, id } = await newcomer();
    const check = (quantity: number) =>
      send(
        one.url,
        service,
        `query ($input: CheckUsageInput!) { checkUsage(input: $input) { allowed credits billingMode billingEntity { id } refusal { reason required available } } }`,
        {
          input: { userExternalId: subject, lines: tokens(quantity) },
        },
      );
    expect((await check(100_000)).data).toEqual({
      checkUsage: { allowed: true, credits: 10_000, billingMode: 'FULL', billingEntity: { id }, refusal: null },
    });
    expect((await check(100_010)).data).toMatchObject({
      checkUsage: {
        allowed: false,
        credits: 10_001,
        refusal: { reason: 'INSUFFICIENT_CREDITS', required: 10_001, available: 10_000 },
      },
    });
    expect((await one.services.accounts.balance(id))?.version).toBe(1n);
  });
});

describe('what operators do', () => {
  const GRANT = `mutation ($input: GrantCreditsInput!) { grantCredits(input: $input) { replayed grant { id amount remaining source priority } entry { kind amount actor reason } balance { available } } }`;
  const ADJUST = `mutation ($input: AdjustCreditsInput!) { adjustCredits(input: $input) { replayed grant { amount source } entry { kind amount } balance { available } } }`;

  it('grants and adjusts, once per key', async () => {
    const { id } = await newcomer();
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
    const { id, token } = await newcomer();
    const suspended = await send(
      one.url,
      operator,
      `mutation ($id: ID!) { suspendBillingEntity(input: { billingEntityId: $id }, reason: "abuse") { status suspensionReason suspendedAt } }`,
      { id },
    );
    expect(suspended.data).toMatchObject({ suspendBillingEntity: { status: 'SUSPENDED', suspensionReason: 'abuse' } });
    expect((await consume(token, { idempotencyKey: 'x', lines: tokens(0) }, two.url)).result).toMatchObject({
      reason: 'ENTITY_SUSPENDED',
    });
    await send(
      one.url,
      operator,
      `mutation ($id: ID!) { reinstateBillingEntity(input: { billingEntityId: $id }) { status } }`,
      { id },
    );
    expect((await consume(token, { idempotencyKey: 'x', lines: tokens(10) }, two.url)).result).toMatchObject({
      credits: 1,
    });
  });

  it('is theirs alone, and what is not the caller’s does not exist', async () => {
    const [mine, other] = [await newcomer(), await newcomer()];
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
    const { id, subject } = await newcomer();
    await consume(service, { idempotencyKey: 'm', userExternalId: subject, lines: tokens(10) });
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
    const { id, token } = await newcomer();
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
    expect(seen).toHaveLength(people);
    expect(new Set(seen).size).toBe(people);
  });
});

describe('live balances', () => {
  it('come at once, then rise, at most ten a second, on either process, and the last one always', async () => {
    const { id, token, subject } = await newcomer();
    const clients = [socketClient(one.socketUrl, token), socketClient(two.socketUrl, token)];
    interface Balance {
      available: number;
      used: number;
      version: number;
    }
    const streams = clients.map((client) => new Events<Balance>(client, BALANCE, { id }));
    for (const stream of streams) {
      expect(await stream.first(() => true)).toEqual({ available: 10_000, used: 0, version: 1 });
    }
    const startedAt = performance.now();
    for (let round = 0; round < 30; round += 1) {
      await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          consume(service, { idempotencyKey: `l${round}-${index}`, userExternalId: subject, lines: tokens(10) }),
        ),
      );
    }
    for (const stream of streams) {
      await stream.first((balance) => balance.used === 300);
      const seconds = (performance.now() - startedAt) / 1_000;
      const versions = stream.all.map((balance) => balance.version);
      expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
      expect(stream.all.length).toBeLessThanOrEqual(2 + Math.ceil(seconds * 10));
      expect(stream.all.at(-1)).toEqual({ available: 9_700, used: 300, version: 301 });
      await stream.stop();
    }
    for (const client of clients) await client.dispose();
  });

  it('show records as they come, newest first, and how many more there were', async () => {
    const { id, token, subject } = await newcomer();
    const client = socketClient(two.socketUrl, token);
    interface Usage {
      records: { quantity: number }[];
      skipped: number;
    }
    const usage = new Events<Usage>(
      client,
      `subscription ($id: ID!) { usageRecorded(billingEntityId: $id) { records { quantity } skipped } }`,
      { id },
    );
    const balance = new Events<{ version: number }>(client, BALANCE, { id });
    await balance.first(() => true);
    const inputs = Array.from({ length: 50 }, (_, index) => ({
      idempotencyKey: `u${index}`,
      userExternalId: subject,
      lines: tokens(index),
    }));
    await send(one.url, service, BATCH, { inputs });
    const seen = (): number => usage.all.reduce((sum, event) => sum + event.records.length + event.skipped, 0);
    await usage.first(() => seen() === 50);
    expect(usage.all.at(-1)?.records[0]).toEqual({ quantity: 49 });
    for (const { records } of usage.all) expect(records.length).toBeLessThanOrEqual(20);
    await Promise.all([usage.stop(), balance.stop()]);
    await client.dispose();
  });

  it('are not for strangers', async () => {
    const [mine, other] = [await newcomer(), await newcomer()];
    const client = socketClient(one.socketUrl, mine.token);
    const stream = new Events(client, BALANCE, { id: other.id });
    await expect(stream.first(() => true)).rejects.toThrow('NOT_FOUND');
    await client.dispose();
  });

  it('end when the token does', async () => {
    const { id, subject } = await newcomer();
    const client = socketClient(one.socketUrl, await tokenOf(subject, { expiresInSeconds: 2 }));
    const closed = new Promise<{ code: number }>((resolve) =>
      client.on('closed', (event) => resolve(event as { code: number })),
    );
    const stream = new Events(client, BALANCE, { id });
    await stream.first(() => true);
    expect((await closed).code).toBeGreaterThanOrEqual(4400);
    await client.dispose();
  });
});
