import type { Stripe } from 'stripe';
import type { Exchange } from '@tollgate/stripe-emulator';
import type { Page } from '../../src/kernel/pagination.ts';
import type { StripeServices } from '../../src/stripe/stripe.ts';
import { type GraphqlAnswer, send } from '../support/app.ts';
import { contractViolations, CONTRACT_TIMEOUT_MS } from '@tollgate/stripe-emulator/testing/contract';
import { type Buyer, CANCEL, Till } from '../support/till.ts';

const MIDDLE = '2027-02-14T00:00:00.000Z';

const INVOICES = `query ($id: ID!, $first: Int, $after: String) { billingEntity(id: $id) {
  invoices(first: $first, after: $after) { edges { cursor node {
    id number status totalCents currency periodStart periodEnd hostedUrl pdfUrl createdAt } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }`;
const UPCOMING = `query ($id: ID!) { billingEntity(id: $id) {
  upcomingInvoice { totalCents overageCents currency dueAt } } }`;
const BOTH = `query ($id: ID!) { billingEntity(id: $id) { id plan { code } credits { available }
  invoices { edges { node { id } } } upcomingInvoice { totalCents } subscription { status } } }`;

interface Invoice {
  readonly id: string;
  readonly status: string;
}

let till: Till;
const traffic: Exchange[] = [];

beforeEach(async () => {
  till = await Till.open();
});

afterEach(async () => {
  await till.control.clearFaults();
  traffic.push(...till.app.emulator.traffic);
  await till.close();
});

async function subscribed(quantity = 1): Promise<Buyer> {
  const buyer = await till.buyer();
  await till.subscribe(buyer, quantity);
  return buyer;
}

/** Somebody with so many invoices. */
async function purchased(times: number): Promise<Buyer> {
  const buyer = await till.buyer();
  for (let time = 1; time <= times; time += 1) {
    await till.control.payCheckout(await till.checkout(buyer, { credits: 12_500 * time }));
  }
  await till.settled();
  return buyer;
}

async function invoicesOf({ id, token }: Buyer, page: { first?: number; after?: string } = {}): Promise<Page<Invoice>> {
  const asked = { id, first: 12, ...page };
  return (await till.ask<{ invoices: Page<Invoice> }>(token, INVOICES, asked)).invoices;
}

async function upcomingOf({ id, token }: Buyer): Promise<unknown> {
  return (await till.ask<{ upcomingInvoice: unknown }>(token, UPCOMING, { id })).upcomingInvoice;
}

const answerTo = ({ id, token }: Buyer, document: string): Promise<GraphqlAnswer> =>
  send(till.app.url, token, document, { id });

const sync = async (buyer: Buyer): Promise<void> =>
  (till.app.services.stripe as StripeServices).sync.sync(await till.customerOf(buyer));

const ids = ({ edges }: Page<Invoice>): string[] => edges.map(({ node }) => node.id);

/** Calls of the list of invoices that only pages of callers make. */
const listings = async (): Promise<number> =>
  (await till.control.traffic()).filter(({ path, parameters }) => {
    const { limit } = parameters as { limit?: string };
    return path === '/v1/invoices' && limit === '12';
  }).length;

describe('invoices', () => {
  test('are listed newest first, page by page', async () => {
    const ada = await purchased(5);
    const all = (await till.invoicesOf(ada)).map(({ id }) => id);
    expect(all).toHaveLength(5);
    const first = await invoicesOf(ada, { first: 2 });
    expect(ids(first)).toEqual(all.slice(0, 2));
    expect(first.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
    const second = await invoicesOf(ada, { first: 2, after: first.pageInfo.endCursor as string });
    expect(ids(second)).toEqual(all.slice(2, 4));
    expect(second.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: true });
    const last = await invoicesOf(ada, { first: 2, after: second.pageInfo.endCursor as string });
    expect(ids(last)).toEqual(all.slice(4));
    expect(last.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
    expect(ids(await invoicesOf(ada, { first: 5 }))).toEqual(all);
    expect((await invoicesOf(ada, { first: 5 })).pageInfo.hasNextPage).toBe(false);
    const none = await invoicesOf(ada, { after: last.pageInfo.endCursor as string });
    expect(none).toEqual({
      edges: [],
      pageInfo: { hasNextPage: false, hasPreviousPage: true, startCursor: null, endCursor: null },
    });
  });

  test('are as Stripe has them, a draft without number and page', async () => {
    const ada = await subscribed(2);
    await till.moveTo('2027-02-28T00:30:00.000Z');
    const [draft, paid] = (await till.invoicesOf(ada)) as [Stripe.Invoice, Stripe.Invoice];
    const [one, other] = (await invoicesOf(ada)).edges.map(({ node }) => node);
    expect(one).toEqual({
      id: draft.id,
      number: null,
      status: 'draft',
      totalCents: 4_000,
      currency: 'usd',
      periodStart: '2027-01-31T00:00:00.000Z',
      periodEnd: '2027-02-28T00:00:00.000Z',
      hostedUrl: null,
      pdfUrl: null,
      createdAt: '2027-02-28T00:00:00.000Z',
    });
    expect(other).toEqual({
      id: paid.id,
      number: paid.number,
      status: 'paid',
      totalCents: 4_000,
      currency: 'usd',
      periodStart: '2027-01-31T00:00:00.000Z',
      periodEnd: '2027-01-31T00:00:00.000Z',
      hostedUrl: paid.hosted_invoice_url,
      pdfUrl: paid.invoice_pdf,
      createdAt: '2027-01-31T00:00:00.000Z',
    });
    expect(paid.number).toMatch(/-0001$/);
  });

  test('of who never bought anything are none', async () => {
    const ada = await till.buyer();
    expect((await invoicesOf(ada)).edges).toEqual([]);
    expect(await upcomingOf(ada)).toBeNull();
    await till.checkout(ada, { plan: 'PRO' });
    expect((await invoicesOf(ada)).edges).toEqual([]);
    expect(await upcomingOf(ada)).toBeNull();
  });

  test('cannot be asked for behind what is no cursor of theirs, nor in pages of any size', async () => {
    const [ada, eve] = [await purchased(1), await purchased(1)];
    const foreign = (await invoicesOf(eve)).pageInfo.endCursor as string;
    const cursorOf = (...key: unknown[]): string => Buffer.from(JSON.stringify(key)).toString('base64url');
    for (const after of [
      'nonsense',
      '',
      cursorOf(),
      cursorOf(1),
      cursorOf('in_nobody'),
      cursorOf('a', 'b'),
      cursorOf('in_1&customer=x'),
      foreign,
    ]) {
      expect(await till.codeOf(ada, INVOICES, { id: ada.id, first: 2, after })).toBe('BAD_USER_INPUT');
    }
    for (const first of [0, -1, 101]) {
      expect(await till.codeOf(ada, INVOICES, { id: ada.id, first })).toBe('BAD_USER_INPUT');
    }
    expect(ids(await invoicesOf(ada, { first: 100 }))).toHaveLength(1);
  });

  test('are seen by those who look after the money, and by nobody else', async () => {
    const club = await till.organization();
    await till.subscribe(club);
    const seenBy = async (token: string) => {
      const { data, errors } = await answerTo({ ...club, token }, BOTH);
      expect(errors).toEqual([]);
      const { billingEntity } = data as never as {
        billingEntity: { invoices: { edges: unknown[] } | null; upcomingInvoice: unknown };
      };
      return billingEntity;
    };
    const all = { invoices: { edges: [{}] }, upcomingInvoice: { totalCents: 2_000 } };
    for (const role of ['ADMIN', 'BILLING', 'MEMBER']) {
      const colleague = await till.buyer();
      await till.clients.setMember(club.token, club.id, colleague.externalId, { role });
      const expected = role === 'MEMBER' ? { invoices: null, upcomingInvoice: null } : all;
      expect(await seenBy(colleague.token)).toMatchObject(expected);
    }
    expect(await seenBy(club.token)).toMatchObject(all);
    expect(await seenBy(till.clients.operator)).toMatchObject(all);
    expect(await seenBy(till.clients.service)).toMatchObject({ invoices: null, upcomingInvoice: null });
    const stranger = await till.buyer();
    expect(await till.ask(stranger.token, BOTH, { id: club.id })).toBeNull();
  });
});

describe('the upcoming invoice', () => {
  const due = { currency: 'usd', dueAt: '2027-02-28T01:00:00.000Z' };

  test('is of the next period’s units and of the overage that is reported, to the cent', async () => {
    const ada = await subscribed(2);
    expect(await upcomingOf(ada)).toEqual({ ...due, totalCents: 4_000, overageCents: 0 });
    await till.allowOverage(ada);
    await till.moveTo(MIDDLE);
    // $49.38268
    await till.use(ada, 1_000_000 + 1_234_567);
    await till.reported();
    await sync(ada);
    expect(await upcomingOf(ada)).toEqual({ ...due, totalCents: 4_000 + 4_938, overageCents: 4_938 });
    await till.moveTo('2027-02-28T02:00:00.000Z');
    expect((await till.chargesOf(ada))[0]?.amount).toBe(4_000 + 4_938);
    const next = { currency: 'usd', dueAt: '2027-03-31T01:00:00.000Z' };
    expect(await upcomingOf(ada)).toEqual({ ...next, totalCents: 4_000, overageCents: 0 });
  });

  test('is of fewer units where those are scheduled, and of overage alone where the end is', async () => {
    const ada = await subscribed(3);
    await till.change(ada, 1);
    expect(await upcomingOf(ada)).toEqual({ ...due, totalCents: 2_000, overageCents: 0 });
    await till.allowOverage(ada);
    await till.use(ada, 1_500_000 + 1_000_000);
    await till.reported();
    await sync(ada);
    expect(await upcomingOf(ada)).toEqual({ ...due, totalCents: 6_000, overageCents: 4_000 });
    await till.of(ada, CANCEL);
    expect(await upcomingOf(ada)).toEqual({ ...due, totalCents: 4_000, overageCents: 4_000 });
    await till.moveTo('2027-02-28T02:00:00.000Z');
    expect((await till.chargesOf(ada))[0]?.amount).toBe(4_000);
    expect(await upcomingOf(ada)).toBeNull();
  });
});

describe('what was read a moment ago', () => {
  const page = (alias: string): string => `${alias}: invoices { edges { node { id status } } }`;

  test('is asked of Stripe once, until something of the customer changes', async () => {
    const ada = await subscribed();
    const read = `query ($id: ID!) { billingEntity(id: $id) { ${page('a')} ${page('b')} ${page('c')} } }`;
    const before = await listings();
    const shown = await till.ask<Record<string, unknown>>(ada.token, read, { id: ada.id });
    expect(shown['a']).toEqual(shown['b']);
    expect(await listings()).toBe(before + 1);
    await sync(ada);
    await till.ask(ada.token, read, { id: ada.id });
    expect(await listings()).toBe(before + 2);
    // Another's is another's.
    const eve = await purchased(1);
    await till.ask(eve.token, read, { id: eve.id });
    expect(await listings()).toBe(before + 3);
  });

  test('is not shown to who has just changed something', async () => {
    const ada = await subscribed();
    expect((await invoicesOf(ada)).edges).toHaveLength(1);
    expect(await upcomingOf(ada)).toMatchObject({ totalCents: 2_000 });
    await till.change(ada, 2);
    expect((await invoicesOf(ada)).edges).toHaveLength(2);
    expect(await upcomingOf(ada)).toMatchObject({ totalCents: 4_000 });
    await till.control.payCheckout(await till.checkout(ada, { credits: 12_500 }));
    await till.settled();
    expect((await invoicesOf(ada)).edges).toHaveLength(3);
  });
});

describe('while Stripe is away', () => {
  const away = () => till.control.addFault({ kind: 'foreign_500', path: '/v1/*', times: 0 });
  const farAway = () => till.control.addFault({ kind: 'foreign_500', path: '/v1/*/*', times: 0 });

  test('invoices are an error of theirs that is worth trying again, and all the rest is answered', async () => {
    const ada = await subscribed();
    await away();
    await farAway();
    const { data, errors } = await answerTo(ada, BOTH);
    expect(data).toEqual({
      billingEntity: {
        id: ada.id,
        plan: { code: 'PRO' },
        credits: { available: 500_000 },
        subscription: { status: 'ACTIVE' },
        invoices: null,
        upcomingInvoice: null,
      },
    });
    expect(errors).toHaveLength(2);
    for (const error of errors) {
      expect(error.extensions).toEqual({ code: 'PAYMENT_PROVIDER_ERROR', retryable: true, retryAfterMs: 2_000 });
    }
    expect(errors).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ path: ['billingEntity', 'invoices'] }),
        expect.objectContaining({ path: ['billingEntity', 'upcomingInvoice'] }),
      ]),
    );
    // What failed is not kept.
    await till.control.clearFaults();
    expect((await invoicesOf(ada)).edges).toHaveLength(1);
    expect(await upcomingOf(ada)).toMatchObject({ totalCents: 2_000 });
  });

  test('credits are consumed as ever, and overage is reported when Stripe is there again', async () => {
    const ada = await subscribed();
    await till.allowOverage(ada);
    await till.moveTo(MIDDLE);
    await away();
    await farAway();
    for (const credits of [300_000, 300_000, 400_000]) {
      expect(await till.use(ada, credits)).toMatchObject({ __typename: 'ConsumeCreditsSuccess', credits });
      await till.app.services.stripe?.meterReporter.run();
    }
    expect(await till.shown(ada)).toMatchObject({ credits: { available: 0 }, subscription: { status: 'ACTIVE' } });
    await till.control.clearFaults();
    expect(await till.metered(ada)).toBe(0n);
    await till.reported();
    expect(await till.metered(ada)).toBe(500_000n);
    await till.moveTo('2027-02-28T02:00:00.000Z');
    expect((await till.chargesOf(ada))[0]?.amount).toBe(2_000 + 2_000);
    await till.expectProven(ada);
  });
});

test(
  'every call and every answer is as the SDK declares it',
  () => {
    expect(contractViolations(traffic)).toEqual([]);
  },
  CONTRACT_TIMEOUT_MS,
);
