import { send, type TestApp, tokenOf } from '../support/app.ts';
import { BATCH, compute, CONSUME, Newcomers, tokens } from './newcomers.ts';

let people: Newcomers;
let one: TestApp;
let two: TestApp;
let service: string;

beforeAll(async () => {
  people = await Newcomers.open();
  ({ one, two, service } = people);
});

afterAll(() => people.close());

describe('use', () => {
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
    const { token } = await people.newcomer();
    expect((await people.consume(token, { idempotencyKey: 'a', lines: tokens(1000) })).result).toMatchObject({
      credits: 100,
    });
    expect((await people.consume(token, { idempotencyKey: 'b', lines: compute(60_000) })).result).toMatchObject({
      credits: 50,
    });
    const seconds = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        people.consume(token, { idempotencyKey: `s${index}`, lines: compute(1000) }),
      ),
    );
    const total = seconds.reduce((sum, { result }) => sum + (result?.['credits'] as number), 0);
    expect(total).toBe(50);
    const mixed = await people.consume(token, {
      idempotencyKey: 'm',
      lines: [...tokens(15), ...tokens(15), ...compute(600)],
    });
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
    const { id, subject, token } = await people.newcomer();
    const results = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        people.consume(
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
    const { token } = await people.newcomer();
    const input = { idempotencyKey: 'once', lines: tokens(2000), metadata: { b: 1, a: [2] } };
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => people.consume(token, input, (index % 2 ? one : two).url)),
    );
    expect(answers.filter(({ result }) => result?.['replayed'] === false)).toHaveLength(1);
    for (const { result } of answers) {
      expect(result).toMatchObject({ credits: 200, records: answers[0]?.result?.['records'] });
    }
    expect((await people.consume(token, { ...input, metadata: { a: [2], b: 1 } })).result).toMatchObject({
      replayed: true,
    });
    for (const other of [
      { lines: tokens(2001) },
      { lines: compute(2000) },
      { metadata: { a: [2] } },
      { occurredAt: new Date().toISOString() },
    ]) {
      const { errors } = await people.consume(token, { ...input, ...other });
      expect(errors).toMatchObject([{ extensions: { code: 'IDEMPOTENCY_KEY_REUSED' } }]);
    }
  });

  it('refuses malformed use and writes nothing', async () => {
    const { id, token } = await people.newcomer();
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
      const { errors } = await people.consume(token, input);
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
    expect((await people.consume(token, { idempotencyKey: 'zero', lines: tokens(0) })).result).toMatchObject({
      credits: 0,
      records: [{ quantity: 0 }],
    });
  });

  it('answers one wrong item of a batch alone', async () => {
    const { token } = await people.newcomer();
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
    const { subject } = await people.newcomer();
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
    const { subject, id } = await people.newcomer();
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
