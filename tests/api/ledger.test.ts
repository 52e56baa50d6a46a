import { Bench } from '../support/bench.ts';
import { send, type TestApp, tokenOf } from '../support/app.ts';

let bench: Bench;
let app: TestApp;
let service: string;
let operator: string;
let people = 0;

beforeAll(async () => {
  bench = await Bench.open();
  app = await bench.server();
  service = await tokenOf('platform', { scope: 'billing:usage' });
  operator = await tokenOf('root', { scope: 'billing:operator' });
});

afterAll(() => bench.close());

interface Person {
  readonly subject: string;
  readonly token: string;
  readonly id: string;
}

async function newcomer(): Promise<Person> {
  const subject = `person-${(people += 1)}`;
  const token = await tokenOf(subject);
  const { data } = await send(app.url, token, '{ viewer { user { id } } }');
  return { subject, token, id: (data as never as { viewer: { user: { id: string } } }).viewer.user.id };
}

const tokens = (quantity: number) => [{ resource: 'AI_TOKENS', quantity }];

/** The answer of an operation with one root field, which is expected to have no errors. */
async function ask<T>(token: string, query: string, variables: Record<string, unknown>): Promise<T> {
  const { data, errors } = await send(app.url, token, query, variables);
  expect(errors).toEqual([]);
  return Object.values(data ?? {})[0] as T;
}

async function codeOf(token: string, query: string, variables: Record<string, unknown>): Promise<unknown> {
  const { errors } = await send(app.url, token, query, variables);
  return errors[0]?.extensions['code'];
}

const RESERVE = `mutation ($input: ReserveCreditsInput!) { reserveCredits(input: $input) {
  __typename
  ... on ReserveCreditsSuccess {
    replayed balance { available held }
    reservation { id status credits feature expiresAt createdAt billingEntity { id } user { externalId } }
  }
  ... on UsageRefused { reason required available balance { held } }
} }`;
const CONSUME = `mutation ($input: ConsumeCreditsInput!) { consumeCredits(input: $input) {
  __typename
  ... on ConsumeCreditsSuccess {
    credits replayed balance { available held owed used } records { id credits overage owed feature refundedAt }
  }
} }`;
const LEDGER = `query ($id: ID!) { billingEntity(id: $id) { ledger(first: 100) { edges { node {
  kind amount availableBefore availableAfter heldChange owedChange actor reason
  grant { source remaining } reservation { status } counterparty { id externalId } usageRecords { credits }
} } } } }`;

interface Reserved {
  readonly reservation: { readonly id: string; readonly expiresAt: string; readonly createdAt: string };
}

describe('reservations over the API', () => {
  it('are reserved, found again, extended, settled for more than they hold, and stand in the ledger', async () => {
    const { id, subject, token } = await newcomer();
    const input = {
      idempotencyKey: 'r',
      userExternalId: subject,
      lines: tokens(99_995),
      feature: 'basic_chatflows',
      ttlSeconds: 60,
    };
    const reserved = await ask<Reserved>(service, RESERVE, { input });
    expect(reserved).toMatchObject({
      __typename: 'ReserveCreditsSuccess',
      replayed: false,
      balance: { available: 0, held: 10_000 },
      reservation: {
        status: 'HELD',
        credits: 10_000,
        feature: 'basic_chatflows',
        billingEntity: { id },
        user: { externalId: subject },
      },
    });
    const { reservation } = reserved;
    expect(Date.parse(reservation.expiresAt) - Date.parse(reservation.createdAt)).toBe(60_000);
    expect(await ask(service, RESERVE, { input })).toMatchObject({
      replayed: true,
      reservation: { id: reservation.id },
    });
    expect(await ask(service, RESERVE, { input: { ...input, idempotencyKey: 'r2', lines: tokens(10) } })).toEqual({
      __typename: 'UsageRefused',
      reason: 'INSUFFICIENT_CREDITS',
      required: 1,
      available: 0,
      balance: { held: 10_000 },
    });

    // The platform has lost its memory, and finds what is running.
    const mine = await ask<{ reservations: { edges: { node: { id: string } }[] } }>(
      service,
      `query ($id: ID!) { billingEntity(id: $id) { reservations { edges { node { id } } } } }`,
      { id },
    );
    expect(mine.reservations.edges).toEqual([{ node: { id: reservation.id } }]);

    const extend = `mutation ($id: ID!, $ttl: Int!) { extendReservation(id: $id, ttlSeconds: $ttl) { status expiresAt } }`;
    const extended = await ask<{ expiresAt: string }>(service, extend, { id: reservation.id, ttl: 3_600 });
    expect(Date.parse(extended.expiresAt)).toBeGreaterThan(Date.parse(reservation.expiresAt));
    expect(await codeOf(service, extend, { id: reservation.id, ttl: 9 })).toBe('BAD_USER_INPUT');
    expect(await codeOf(token, extend, { id: reservation.id, ttl: 60 })).toBe('FORBIDDEN');
    const stranger = await newcomer();
    expect(await codeOf(stranger.token, extend, { id: reservation.id, ttl: 60 })).toBe('NOT_FOUND');

    const settlement = { idempotencyKey: 's', reservationId: reservation.id, lines: tokens(123_000) };
    const settled = await ask<{ records: { id: string }[] }>(service, CONSUME, { input: settlement });
    expect(settled).toMatchObject({
      credits: 12_300,
      balance: { available: 0, held: 0, owed: 2_300, used: 12_300 },
      records: [{ credits: 12_300, overage: 0, owed: 2_300, feature: 'basic_chatflows', refundedAt: null }],
    });
    expect(await ask(service, CONSUME, { input: settlement })).toMatchObject({
      replayed: true,
      records: settled.records,
    });
    expect(await codeOf(service, CONSUME, { input: { ...settlement, idempotencyKey: 's2' } })).toBe('CONFLICT');
    expect(await codeOf(service, extend, { id: reservation.id, ttl: 60 })).toBe('CONFLICT');
    const release = `mutation ($id: ID!) { releaseReservation(id: $id) { status } }`;
    expect(await codeOf(service, release, { id: reservation.id })).toBe('CONFLICT');

    const { ledger } = await ask<{ ledger: { edges: { node: Record<string, unknown> }[] } }>(token, LEDGER, { id });
    expect(ledger.edges.map(({ node }) => node)).toMatchObject([
      {
        kind: 'CONSUMPTION',
        amount: -10_000,
        owedChange: 2_300,
        actor: 'service:platform',
        reservation: { status: 'SETTLED' },
        usageRecords: [{ credits: 12_300 }],
      },
      { kind: 'RELEASE', amount: 10_000, heldChange: -10_000, reservation: { status: 'SETTLED' }, usageRecords: [] },
      { kind: 'HOLD', amount: -10_000, heldChange: 10_000, availableBefore: 10_000, availableAfter: 0 },
      { kind: 'GRANT', amount: 10_000, grant: { source: 'TRIAL' }, reservation: null },
    ]);
  });

  it('are released once and again', async () => {
    const { subject } = await newcomer();
    const input = { idempotencyKey: 'r', userExternalId: subject, lines: tokens(10) };
    const { reservation } = await ask<Reserved>(service, RESERVE, { input });
    const release = `mutation ($id: ID!) { releaseReservation(id: $id) { id status } }`;
    for (let time = 0; time < 3; time += 1) {
      expect(await ask(service, release, { id: reservation.id })).toEqual({ id: reservation.id, status: 'RELEASED' });
    }
    expect(await codeOf(service, release, { id: 'rsv_nonsense' })).toBe('NOT_FOUND');
  });

  it('tell what of them nobody used: what the charge left, all of it, or nothing yet, whatever is refunded later', async () => {
    const { id, subject, token } = await newcomer();
    const reserve = async (key: string): Promise<string> => {
      // 102.5 credits are held as 103.
      const input = { idempotencyKey: key, userExternalId: subject, lines: [...tokens(1_000), ...tokens(25)] };
      return (await ask<Reserved>(service, RESERVE, { input })).reservation.id;
    };
    const settle = async (reservationId: string, ...used: number[]): Promise<string> => {
      const input = {
        idempotencyKey: `${reservationId} s`,
        reservationId,
        lines: used.flatMap((each) => tokens(each)),
      };
      return (await ask<{ records: { id: string }[] }>(service, CONSUME, { input })).records[0]?.id as string;
    };
    const [less, more, exempt, released, held] = [
      ...[await reserve('less'), await reserve('more'), await reserve('nothing')],
      ...[await reserve('released'), await reserve('held')],
    ] as [string, string, string, string, string];
    const record = await settle(less, 400, 200);
    await settle(more, 2_000);
    await settle(exempt, 0);
    await ask(service, 'mutation ($id: ID!) { releaseReservation(id: $id) { status } }', { id: released });
    await ask(
      operator,
      'mutation ($id: ID!) { refundUsage(recordId: $id, idempotencyKey: "rf", reason: "x") { replayed } }',
      { id: record },
    );
    const { reservations } = await ask<{ reservations: { edges: { node: { id: string } }[] } }>(
      token,
      `query ($id: ID!) { billingEntity(id: $id) {
        reservations(statuses: [HELD, SETTLED, RELEASED]) { edges { node { id status credits releasedCredits } } }
      } }`,
      { id },
    );
    const node = (of: string) => reservations.edges.find((edge) => edge.node.id === of)?.node;
    expect(node(less)).toMatchObject({ status: 'SETTLED', credits: 103, releasedCredits: 43 });
    expect(node(more)).toMatchObject({ status: 'SETTLED', credits: 103, releasedCredits: 0 });
    expect(node(exempt)).toMatchObject({ status: 'SETTLED', credits: 103, releasedCredits: 103 });
    expect(node(released)).toMatchObject({ status: 'RELEASED', credits: 103, releasedCredits: 103 });
    expect(node(held)).toMatchObject({ status: 'HELD', credits: 103, releasedCredits: null });
    // The receipt finds it from the record.
    const receipt = await ask<object>(
      token,
      `query ($id: ID!, $record: ID!) { billingEntity(id: $id) {
        usageRecord(id: $record) { ledgerEntry { reservation { releasedCredits } } }
      } }`,
      { id, record },
    );
    expect(receipt).toEqual({ usageRecord: { ledgerEntry: { reservation: { releasedCredits: 43 } } } });
  });
});

describe('refunds and transfers over the API', () => {
  it('gives back parts of a charge, and shows how much came back', async () => {
    const { subject, token } = await newcomer();
    const PART = `mutation ($id: ID!, $key: String!, $credits: Credits) {
      refundUsage(recordId: $id, idempotencyKey: $key, reason: "it failed", credits: $credits) {
        replayed balance { available used } entry { amount usageRecords { refundedCredits refundedAt } }
      }
    }`;
    const input = { idempotencyKey: 'in-parts', userExternalId: subject, lines: tokens(1_000) };
    const used = await ask<{ records: { id: string }[] }>(service, CONSUME, { input });
    const record = used.records[0]?.id as string;
    expect(await ask(operator, PART, { id: record, key: 'p1', credits: 30 })).toMatchObject({
      replayed: false,
      balance: { available: 9_930, used: 70 },
      entry: { amount: 30, usageRecords: [{ refundedCredits: 30, refundedAt: expect.any(String) as unknown }] },
    });
    expect(await codeOf(operator, PART, { id: record, key: 'p2', credits: 71 })).toBe('CONFLICT');
    expect(await codeOf(operator, PART, { id: record, key: 'p2', credits: 0 })).toBe('BAD_USER_INPUT');
    expect(await codeOf(operator, PART, { id: record, key: 'p2', credits: -1 })).toBe('BAD_USER_INPUT');
    expect(await codeOf(token, PART, { id: record, key: 'p2', credits: 1 })).toBe('FORBIDDEN');
    expect(await ask(operator, PART, { id: record, key: 'p2', credits: null })).toMatchObject({
      balance: { available: 10_000, used: 0 },
      entry: { amount: 70, usageRecords: [{ refundedCredits: 100 }] },
    });
    expect(await ask(operator, PART, { id: record, key: 'p2' })).toMatchObject({ replayed: true });
    expect(await codeOf(operator, PART, { id: record, key: 'p3' })).toBe('CONFLICT');
  });

  const REFUND = `mutation ($id: ID!, $key: String!) { refundUsage(recordId: $id, idempotencyKey: $key, reason: "it failed") {
    replayed balance { available used } grant { source remaining } entry { kind amount reason usageRecords { id refundedAt } }
  } }`;
  const TRANSFER = `mutation ($input: TransferCreditsInput!) { transferCredits(input: $input) {
    __typename
    ... on TransferCreditsSuccess { replayed from { available } to { available } }
    ... on InsufficientCredits { required available }
  } }`;
  const GRANT = `mutation ($input: GrantCreditsInput!) { grantCredits(input: $input) { grant { id } } }`;

  it('give back what one record charged, once, and say so on it', async () => {
    const { subject, token } = await newcomer();
    const input = { idempotencyKey: 'u', userExternalId: subject, lines: [...tokens(1_000), ...tokens(500)] };
    const { records } = await ask<{ records: { id: string }[] }>(service, CONSUME, { input });
    const [first, second] = records as [{ id: string }, { id: string }];
    const refunded = await ask<{ entry: { usageRecords: { id: string; refundedAt: string }[] } }>(operator, REFUND, {
      id: first.id,
      key: 'f',
    });
    expect(refunded).toMatchObject({
      replayed: false,
      balance: { available: 9_950, used: 50 },
      grant: { source: 'TRIAL', remaining: 9_950 },
      entry: { kind: 'REFUND', amount: 100, reason: 'it failed', usageRecords: [{ id: first.id }] },
    });
    expect(Date.parse(refunded.entry.usageRecords[0]?.refundedAt as string)).toBeGreaterThan(0);
    expect(await ask(operator, REFUND, { id: first.id, key: 'f' })).toMatchObject({ replayed: true });
    expect(await codeOf(operator, REFUND, { id: first.id, key: 'g' })).toBe('CONFLICT');
    expect(await codeOf(operator, REFUND, { id: second.id, key: 'f' })).toBe('IDEMPOTENCY_KEY_REUSED');
    expect(await codeOf(token, REFUND, { id: second.id, key: 'h' })).toBe('FORBIDDEN');
    expect(await codeOf((await newcomer()).token, REFUND, { id: second.id, key: 'h' })).toBe('NOT_FOUND');
    // A retry of the use gives the first answer, which now says that it was refunded.
    const replay = await ask<{ records: { refundedAt: string | null }[] }>(service, CONSUME, { input });
    expect(replay.records.map(({ refundedAt }) => refundedAt !== null)).toEqual([true, false]);
  });

  it('move what may leave, with its expiry, and show the other side', async () => {
    const [from, to] = [await newcomer(), await newcomer()];
    const expiresAt = new Date(Date.now() + 86_400_000).toISOString();
    const grant = {
      idempotencyKey: 'g',
      billingEntityId: from.id,
      amount: 80,
      source: 'PURCHASE',
      reason: 'sold',
      expiresAt,
    };
    await ask(operator, GRANT, { input: grant });
    const input = { idempotencyKey: 't', fromBillingEntityId: from.id, toBillingEntityId: to.id, amount: 30 };
    expect(await ask(operator, TRANSFER, { input })).toEqual({
      __typename: 'TransferCreditsSuccess',
      replayed: false,
      from: { available: 10_050 },
      to: { available: 10_030 },
    });
    expect(await ask(operator, TRANSFER, { input })).toMatchObject({ replayed: true });
    const beyond = { ...input, idempotencyKey: 't2', amount: 51 };
    expect(await ask(operator, TRANSFER, { input: beyond })).toEqual({
      __typename: 'InsufficientCredits',
      required: 51,
      available: 50,
    });
    const { grants } = await ask<{ grants: { edges: { node: unknown }[] } }>(
      to.token,
      `query ($id: ID!) { billingEntity(id: $id) { grants { edges { node { source amount remaining expiresAt voidedAt } } } } }`,
      { id: to.id },
    );
    expect(grants.edges[0]?.node).toEqual({ source: 'TRANSFER', amount: 30, remaining: 30, expiresAt, voidedAt: null });
    const { ledger } = await ask<{ ledger: { edges: { node: unknown }[] } }>(from.token, LEDGER, { id: from.id });
    expect(ledger.edges[0]?.node).toMatchObject({
      kind: 'TRANSFER_OUT',
      amount: -30,
      counterparty: { id: to.id, externalId: to.subject },
    });
    expect(await codeOf(operator, TRANSFER, { input: { ...input, toBillingEntityId: from.id } })).toBe(
      'BAD_USER_INPUT',
    );
    expect(await codeOf(from.token, TRANSFER, { input })).toBe('NOT_FOUND');
    expect(await codeOf(service, TRANSFER, { input })).toBe('FORBIDDEN');
  });
});
