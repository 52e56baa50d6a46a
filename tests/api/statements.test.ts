import pg from 'pg';
import { send, type TestApp, tokenOf } from '../support/app.ts';
import { Bench } from '../support/bench.ts';

/** As deep as anybody sensible asks: every list with what each of its items leads to. */
const DEEPEST = `query ($user: String!, $first: Int!) {
  billingEntities(first: $first) { edges { node { id credits { available } } } }
  billingEntityByExternalId(type: USER, externalId: $user) {
    credits { available held }
    grants(first: $first, activeOnly: false) { edges { node { id remaining } } }
    reservations(first: $first, statuses: [HELD, SETTLED, RELEASED, EXPIRED]) {
      edges { node { id billingEntity { name } user { name } } }
    }
    usage(first: $first) {
      edges { node {
        id refundedAt billingEntity { name } user { name } draws { credits grant { id remaining } }
        ledgerEntry { id sequence reservation { id user { name } } usageRecords { id } }
      } }
    }
    ledger(first: $first) {
      edges { node {
        id grant { id } counterparty { name } reservation { id billingEntity { name } }
        usageRecords { id refundedAt user { name } draws { grant { id } } ledgerEntry { id } }
      } }
    }
  }
}`;

let bench: Bench;
let app: TestApp;
let statements = 0;
const query = pg.Client.prototype.query;

beforeAll(async () => {
  bench = await Bench.open();
  app = await bench.server();
  pg.Client.prototype.query = function counted(this: pg.Client, ...args: unknown[]): unknown {
    statements += 1;
    return Reflect.apply(query, this, args);
  } as typeof query;
});

afterAll(async () => {
  pg.Client.prototype.query = query;
  await bench.close();
});

test('the deepest sensible query takes no more statements for fifty of each thing than for two', async () => {
  const [service, operator] = await Promise.all([
    tokenOf('platform', { scope: 'billing:usage' }),
    tokenOf('root', { scope: 'billing:operator' }),
  ]);
  await fill(app.url, service);

  const statementsFor = async (first: number): Promise<number> => {
    statements = 0;
    const { data, errors } = await send(app.url, operator, DEEPEST, { user: 'busy', first });
    expect(errors).toEqual([]);
    const { usage } = (data as never as { billingEntityByExternalId: { usage: { edges: unknown[] } } })
      .billingEntityByExternalId;
    expect(usage.edges).toHaveLength(first);
    return statements;
  };
  const few = await statementsFor(2);
  // Which lists' loads happen to meet in one statement varies by one or two; one a row would be fifty more.
  expect(await statementsFor(50)).toBeLessThanOrEqual(few + 3);
  expect(few).toBeLessThanOrEqual(22);
});

/** Sixty people, one of whom has used much: plainly, on reservations, and refunded. */
async function fill(url: string, service: string): Promise<void> {
  const lines = [{ resource: 'AI_TOKENS', quantity: 10 }];
  const consume = `mutation ($inputs: [ConsumeCreditsInput!]!) { consumeCreditsBatch(inputs: $inputs) { __typename } }`;
  const people = Array.from({ length: 60 }, (_, index) => ({
    idempotencyKey: 'k',
    userExternalId: `p${index}`,
    lines,
  }));
  const uses = Array.from({ length: 40 }, (_, index) => ({
    idempotencyKey: `u${index}`,
    userExternalId: 'busy',
    lines,
  }));
  await send(url, service, consume, { inputs: [...people, ...uses] });
  const reserve = `mutation ($input: ReserveCreditsInput!) {
    reserveCredits(input: $input) { ... on ReserveCreditsSuccess { reservation { id } } }
  }`;
  const settle = `mutation ($input: ConsumeCreditsInput!) { consumeCredits(input: $input) { __typename } }`;
  await Promise.all(
    Array.from({ length: 60 }, async (_, index) => {
      const input = { idempotencyKey: `r${index}`, userExternalId: 'busy', lines };
      const { data } = await send(url, service, reserve, { input });
      const { id } = (data as never as { reserveCredits: { reservation: { id: string } } }).reserveCredits.reservation;
      if (index < 30) {
        await send(url, service, settle, { input: { idempotencyKey: `s${index}`, reservationId: id, lines } });
      }
    }),
  );
}
