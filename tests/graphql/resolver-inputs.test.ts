import { recordId, reservationId } from '../../src/kernel/public-ids.ts';
import { Refusal } from '../../src/kernel/refusal.ts';
import { argsOf, ask, names } from '../support/ask-resolvers.ts';
import { ANN, ann, balanceOf, BEN, NOON, operator, hold, recordOf, service } from '../support/fake-domain.ts';

const ofAnn: unknown = expect.objectContaining({ billingEntityId: ANN, type: 'USER' });

describe('what resolvers pass on', () => {
  const absent = { apiKeyId: null, userExternalId: null, organizationExternalId: null, feature: null };

  it('is a consumption with nothing left open', async () => {
    const answers = {
      'consumption.consume': () => {
        throw new Refusal('CONFLICT', 'just so');
      },
    };
    const asked = await ask(
      ann,
      `mutation { consumeCredits(input: { idempotencyKey: "k", lines: [{ resource: AI_TOKENS, quantity: 103 }] }) { __typename } }`,
      { answers },
    );
    expect(asked.result.codes).toEqual(['CONFLICT']);
    expect(argsOf(asked, 'consumption.consume')).toEqual([
      ann,
      {
        idempotencyKey: 'k',
        lines: [{ resource: 'AI_TOKENS', quantity: 103n }],
        ...absent,
        reservationId: null,
        occurredAt: null,
        metadata: null,
      },
    ]);
  });

  it('is every item of a batch, in order, and what each came to', async () => {
    const outcomes = [
      { kind: 'success', records: [recordOf(0)], credits: 10n, balance: balanceOf(ANN), replayed: true },
      {
        kind: 'refused',
        reason: 'INSUFFICIENT_CREDITS',
        scope: 'BALANCE',
        message: 'no',
        required: 9n,
        available: 2n,
        balance: balanceOf(ANN),
      },
      { kind: 'rejected', code: 'BAD_USER_INPUT', message: 'wrong', retryable: false },
    ];
    const inputs = ['a', 'b', 'c'].map((idempotencyKey) => ({
      idempotencyKey,
      lines: [{ resource: 'COMPUTE', quantity: -1 }],
      userExternalId: 'ann',
      occurredAt: '2026-03-10T13:00:00+01:00',
      metadata: { a: [1] },
    }));
    const asked = await ask(
      service,
      `mutation ($inputs: [ConsumeCreditsInput!]!) { consumeCreditsBatch(inputs: $inputs) {
        __typename
        ... on ConsumeCreditsSuccess { credits replayed records { id } }
        ... on UsageRefused { reason scope required available balance { available } }
        ... on UsageRejected { code message retryable }
      } }`,
      { variables: { inputs }, answers: { 'consumption.consumeBatch': () => outcomes } },
    );
    expect(asked.result).toEqual({
      codes: [],
      data: {
        consumeCreditsBatch: [
          { __typename: 'ConsumeCreditsSuccess', credits: 10, replayed: true, records: [{ id: recordId(ANN, 2n, 0) }] },
          {
            __typename: 'UsageRefused',
            reason: 'INSUFFICIENT_CREDITS',
            scope: 'BALANCE',
            required: 9,
            available: 2,
            balance: { available: 9_990 },
          },
          { __typename: 'UsageRejected', code: 'BAD_USER_INPUT', message: 'wrong', retryable: false },
        ],
      },
    });
    expect(argsOf(asked, 'consumption.consumeBatch')).toEqual([
      service,
      inputs.map((input) => ({
        ...input,
        lines: [{ resource: 'COMPUTE', quantity: -1n }],
        organizationExternalId: null,
        apiKeyId: null,
        feature: null,
        reservationId: null,
        occurredAt: NOON,
      })),
    ]);
  });

  it('is a question about use, answered with who would pay', async () => {
    const decision = { allowed: true, credits: 10n, billingEntityId: ANN, billingMode: 'FULL', refusal: null };
    const asked = await ask(
      service,
      '{ checkUsage(input: {}) { allowed credits billingMode billingEntity { id name externalId type } refusal { reason } } }',
      { answers: { 'consumption.check': () => decision } },
    );
    expect(argsOf(asked, 'consumption.check')).toEqual([service, { lines: [], ...absent }]);
    expect(asked.result.data).toEqual({
      checkUsage: {
        allowed: true,
        credits: 10,
        billingMode: 'FULL',
        billingEntity: { id: ANN, name: 'Ann', externalId: 'ann', type: 'USER' },
        refusal: null,
      },
    });
  });

  it('is a reservation with the contract’s defaults, and shows what it holds in all', async () => {
    const asked = await ask(
      service,
      `mutation { reserveCredits(input: { idempotencyKey: "r", lines: [], userExternalId: "ann" }) {
        ... on ReserveCreditsSuccess { replayed reservation { id status credits expiresAt billingEntity { name } user { name } } }
      } }`,
    );
    expect(argsOf(asked, 'reservations.reserve')).toEqual([
      service,
      { ...absent, idempotencyKey: 'r', lines: [], userExternalId: 'ann', ttlSeconds: 600 },
    ]);
    expect(asked.result.data).toEqual({
      reserveCredits: {
        replayed: false,
        reservation: {
          id: reservationId(ANN, hold.id),
          status: 'HELD',
          credits: 11,
          expiresAt: NOON.toISOString(),
          billingEntity: { name: 'Ann' },
          user: { name: 'Ann' },
        },
      },
    });
  });

  it('is a transfer, and what it came to', async () => {
    const transfer = `mutation { transferCredits(input: { idempotencyKey: "t", fromBillingEntityId: "${ANN}", toBillingEntityId: "${BEN}", amount: 5 }) {
      __typename ... on TransferCreditsSuccess { from { available } to { available } } ... on InsufficientCredits { required available }
    } }`;
    const asked = await ask(operator, transfer);
    expect(argsOf(asked, 'transfers.transfer')).toEqual([
      operator,
      { idempotencyKey: 't', fromBillingEntityId: ANN, toBillingEntityId: BEN, amount: 5n, reason: null },
    ]);
    expect(asked.result.data).toEqual({
      transferCredits: {
        __typename: 'TransferCreditsSuccess',
        from: { available: 9_990 },
        to: { available: 9_990 },
      },
    });
    const insufficient = { kind: 'insufficient', message: 'no', required: 5n, available: 2n };
    const refused = await ask(operator, transfer, { answers: { 'transfers.transfer': () => insufficient } });
    expect(refused.result.data).toEqual({
      transferCredits: { __typename: 'InsufficientCredits', required: 5, available: 2 },
    });
  });

  it('is a grant with the contract’s defaults', async () => {
    const asked = await ask(
      operator,
      `mutation { grantCredits(input: { billingEntityId: "${ANN}", idempotencyKey: "g", amount: 5, reason: "a gift" }) { replayed } }`,
    );
    expect(argsOf(asked, 'administration.grant')).toEqual([
      operator,
      {
        idempotencyKey: 'g',
        billingEntityId: ANN,
        amount: 5n,
        source: 'PROMOTION',
        priority: 50,
        effectiveAt: null,
        expiresAt: null,
        reason: 'a gift',
      },
    ]);
  });

  it('is an adjustment that takes away', async () => {
    const asked = await ask(
      operator,
      `mutation { adjustCredits(input: { billingEntityId: "${ANN.toUpperCase()}", idempotencyKey: "a", amount: -5, reason: "twice" }) { grant { id } replayed } }`,
    );
    expect(argsOf(asked, 'administration.adjust')).toEqual([
      operator,
      { idempotencyKey: 'a', billingEntityId: ANN, amount: -5n, reason: 'twice' },
    ]);
    expect(asked.result.data).toEqual({ adjustCredits: { grant: null, replayed: true } });
  });

  it('is pages and filters with nothing left open', async () => {
    const filters = 'filter: { from: "2026-03-10T12:00:00Z" }';
    const asked = await ask(
      ann,
      `{ billingEntity(id: "${ANN}") {
        grants(activeOnly: false) { edges { cursor } } ledger(first: 5, after: "x", ${filters}) { edges { cursor } }
        usage(${filters}) { edges { cursor } } all: usage(after: null, filter: null) { edges { cursor } }
      } }`,
    );
    const open = {
      to: null,
      recordedFrom: null,
      recordedTo: null,
      resources: null,
      userExternalIds: null,
      billingModes: null,
      features: null,
      apiKeyIds: null,
      organizationExternalIds: null,
      models: null,
      own: null,
    };
    const first = { first: 20, after: null };
    expect(argsOf(asked, 'history.grants')).toMatchObject([ANN, first, { activeOnly: false }]);
    expect(argsOf(asked, 'history.ledger')).toEqual([
      ANN,
      { first: 5, after: 'x' },
      { kinds: null, from: NOON, to: null },
    ]);
    expect(asked.calls.filter(({ name }) => name === 'usage.records').map(({ args }) => args)).toEqual([
      [ofAnn, first, { from: NOON, ...open }],
      [ofAnn, first, { from: null, ...open }],
    ]);
  });
});

describe('what a summary is asked for', () => {
  const FILTER = {
    resources: null,
    userExternalIds: null,
    billingModes: null,
    features: null,
    apiKeyIds: null,
    organizationExternalIds: null,
    models: null,
    own: null,
  };

  it('is the span with the contract’s defaults, and everything that is said', async () => {
    const span = 'from: "2026-03-10T12:00:00Z", to: "2026-03-10T15:00:00+02:00"';
    const asked = await ask(
      service,
      `{ billingEntity(id: "${ANN}") {
        usageSummary(${span}, interval: DAY) { start }
        more: usageSummary(${span}, interval: TOTAL, timeZone: "Asia/Tokyo", groupBy: [FEATURE, USER],
          filter: { features: ["a"], userExternalIds: ["ben"] }) { start }
      } }`,
    );
    const [from, to] = [NOON, new Date('2026-03-10T13:00:00Z')];
    expect(asked.calls.filter(({ name }) => name === 'summaries.summarize').map(({ args }) => args)).toEqual([
      [ofAnn, { from, to, interval: 'DAY', groupBy: [], timeZone: 'UTC', filter: FILTER }],
      [
        ofAnn,
        {
          ...{ from, to, interval: 'TOTAL', groupBy: ['FEATURE', 'USER'], timeZone: 'Asia/Tokyo' },
          filter: { ...FILTER, features: ['a'], userExternalIds: ['ben'] },
        },
      ],
    ]);
  });

  it('is answered with who used it, found at once for all', async () => {
    const asked = await ask(
      ann,
      `{ billingEntity(id: "${ANN}") { usageSummary(from: "2026-03-10T12:00:00Z", to: "2026-03-10T13:00:00Z", interval: HOUR) {
        start user { externalId } organization { externalId } resource billingMode feature quantity credits overage records
      } } }`,
    );
    const bucket = {
      start: NOON.toISOString(),
      ...{
        user: { externalId: 'ann' },
        organization: null,
        resource: 'AI_TOKENS',
        billingMode: 'FULL',
        feature: 'basic_chatflows',
      },
      ...{ quantity: 103, credits: 10, overage: 0, records: 1 },
    };
    expect(asked.result).toEqual({
      data: {
        billingEntity: {
          usageSummary: [bucket, { ...bucket, user: null, feature: null, organization: { externalId: 'ben' } }],
        },
      },
      codes: [],
    });
    // Ben is asked for once, for the organization of one bucket.
    expect(names(asked)).toEqual(['entities.byIds', 'summaries.summarize', 'entities.byIds']);
  });
});
