/** Whatever Stripe refuses of Checkout and of the portal is an answer, and nobody is locked out by a customer of another account. */
import { stripeClientOf, stripeEnv } from '../../support/stripe.ts';
import { type Buyer, CHANGE, OPEN_CHECKOUT, OPEN_PORTAL, RETURNS, Till } from '../../support/till.ts';
import { reconcile, stripeOf } from '../overage/outages.ts';
import { subscribeAtStripe, DAY_MS, START } from '../sync/periods.ts';

let till: Till;

beforeAll(async () => {
  till = await Till.open();
});

afterEach(() => till.control.clearFaults());

afterAll(() => till.close());

const planOf = ({ id }: Buyer) => ({ input: { billingEntityId: id, plan: 'PRO', ...RETURNS } });
const creditsOf = ({ id }: Buyer, credits = 12_500) => ({ input: { billingEntityId: id, credits, ...RETURNS } });
const portalOf = ({ id }: Buyer) => ({ input: { billingEntityId: id, returnUrl: RETURNS.cancelUrl } });

/** The buyer's customer is one that was made while the key of another account of Stripe's was set. */
async function moveElsewhere(buyer: Buyer): Promise<string> {
  const unknown = `cus_elsewhere${buyer.id.slice(-6)}`;
  const values = [buyer.id, unknown];
  // The key comes first: from the change of the row on, whoever meets the customer notes the key as well.
  await till.sql(
    `insert into entity_key (billing_entity_id, key, namespace) values ($1, $2, 'STRIPE_CUSTOMER')`,
    values,
  );
  await till.sql('update stripe_customer set customer_id = $2 where billing_entity_id = $1', values);
  return unknown;
}

describe('a refusal', () => {
  test('of an archived price is CONFLICT', async () => {
    const ada = await till.buyer();
    const { prices } = await till.catalog();
    const id = prices.get('PRO') as string;
    await till.stripe.call('price', (sdk) => sdk.prices.update(id, { active: false }));
    expect(await till.codeOf(ada, OPEN_CHECKOUT, planOf(ada))).toBe('CONFLICT');
    await till.stripe.call('price', (sdk) => sdk.prices.update(id, { active: true }));
    expect(await till.codeOf(ada, OPEN_CHECKOUT, planOf(ada))).toBe(undefined);
  });

  test.each([
    ['Checkout', '/v1/checkout/sessions', OPEN_CHECKOUT, planOf],
    ['a sale of credits', '/v1/checkout/sessions', OPEN_CHECKOUT, creditsOf],
    ['the portal', '/v1/billing_portal/sessions', OPEN_PORTAL, portalOf],
    ['the customer', '/v1/customers', OPEN_CHECKOUT, planOf],
  ])('of %s for whatever reason is CONFLICT', async (_what, path, document, variablesOf) => {
    const ada = await till.buyer();
    await till.control.addFault({ kind: 'rejected', method: 'POST', path, times: 0 });
    expect(await till.codeOf(ada, document, variablesOf(ada))).toBe('CONFLICT');
  });

  test('of a customer who has another currency is CONFLICT, and a sale is none of it', async () => {
    const ada = await till.buyer();
    const customer = await stripeOf(till).customers.ensure({
      billingEntityId: ada.id,
      externalId: ada.externalId,
      name: 'Ada',
    });
    await till.stripe.call('invoiceitem', (sdk) =>
      sdk.invoiceItems.create({ customer, currency: 'eur', amount: 500, description: 'Training' }),
    );
    expect(await till.codeOf(ada, OPEN_CHECKOUT, planOf(ada))).toBe('CONFLICT');
    expect(await till.codeOf(ada, OPEN_CHECKOUT, creditsOf(ada))).toBe(undefined);
    expect(await till.shown(ada)).toMatchObject({ subscription: null, credits: { available: 0 } });
  });

  test('of bad input comes before Stripe hears of anybody', async () => {
    const ada = await till.buyer();
    expect(await till.codeOf(ada, OPEN_CHECKOUT, creditsOf(ada, 1))).toBe('BAD_USER_INPUT');
    expect(await till.customerOf(ada)).toBeNull();
  });
});

describe('a customer whom this account of Stripe’s does not know', () => {
  test('is made anew where nothing was ever paid, and stays known beside the new one', async () => {
    const ada = await till.buyer();
    await till.checkout(ada, { plan: 'PRO' });
    const unknown = await moveElsewhere(ada);
    expect(await till.codeOf(ada, CHANGE, { input: { billingEntityId: ada.id, plan: 'PRO', quantity: 2 } })).toBe(
      'CONFLICT',
    );
    const { remaining } = await reconcile(till);
    expect(remaining).toEqual([]);
    expect(await till.codeOf(ada, OPEN_PORTAL, portalOf(ada))).toBe(undefined);
    await till.subscribe(ada);
    expect(await till.shown(ada)).toMatchObject({
      credits: { available: 500_000 },
      subscription: { status: 'ACTIVE' },
    });
    expect(await till.customerOf(ada)).not.toBe(unknown);
    expect(await stripeOf(till).customers.ownerOf(unknown)).toBe(ada.id);
    await till.expectProven(ada);
  });

  test('keeps what was paid for: nobody is made anew, and people are told', async () => {
    const ada = await till.subscribed();
    const unknown = await moveElsewhere(ada);
    expect(await till.codeOf(ada, OPEN_CHECKOUT, creditsOf(ada))).toBe('CONFLICT');
    expect(await till.codeOf(ada, OPEN_PORTAL, portalOf(ada))).toBe('CONFLICT');
    expect(await till.customerOf(ada)).toBe(unknown);
    const { remaining } = await reconcile(till);
    expect(remaining).toEqual([expect.stringMatching(`^${unknown}: ${unknown} is not known to the account`)]);
    const { subscription, credits } = await till.shown(ada);
    expect(credits).toEqual({ available: 500_000, owed: 0 });
    expect(subscription?.waiting?.map(({ kind }) => kind)).toEqual(['CUSTOMER_UNKNOWN']);
    await till.sql('delete from stripe_customer where billing_entity_id = $1', [ada.id]);
  });
});

test('what is paid under a customer of before is credited when its account of Stripe’s is back', async () => {
  const ada = await till.buyer();
  const session = await till.checkout(ada, { plan: 'PRO' });
  const before = await till.customerOf(ada);
  const other = await Till.open();
  try {
    const elsewhere = await till.beside(stripeEnv(other.app.emulator));
    const { checkout } = elsewhere.services.stripe as NonNullable<typeof elsewhere.services.stripe>;
    const payer = { billingEntityId: ada.id, externalId: ada.externalId, name: 'Ada' };
    await checkout.open(payer, { plan: 'PRO', quantity: 1, credits: null, ...RETURNS });
    await elsewhere.stop();
    expect(await till.customerOf(ada)).not.toBe(before);
    await till.control.payCheckout(session);
    await till.settled();
    expect(await till.shown(ada)).toMatchObject({
      credits: { available: 500_000 },
      subscription: { status: 'ACTIVE' },
    });
    expect(await till.complete(ada, session)).toMatchObject({ status: 'ACTIVE', quantity: 1 });
    expect(await till.change(ada, 2)).toMatchObject({ quantity: 2 });
  } finally {
    await other.close();
  }
});

describe('a double click', () => {
  const sessionsOf = async (buyer: Buyer) => {
    const customer = await till.customerOf(buyer);
    return stripeClientOf(till.app.emulator).list('checkout.session', (sdk, page) =>
      sdk.checkout.sessions.list({ customer, ...page }),
    );
  };

  test('opens one page, and another purchase another', async () => {
    const ada = await till.buyer();
    const pages = await Promise.all([1, 2, 3].map(() => till.checkout(ada, { plan: 'PRO' })));
    expect(new Set(pages).size).toBe(1);
    expect(await till.checkout(ada, { plan: 'PRO', quantity: 2 })).not.toBe(pages[0]);
    expect(await sessionsOf(ada)).toHaveLength(2);
  });

  test('after a purchase of credits opens a page for the next one', async () => {
    const ada = await till.buyer();
    for (const available of [12_500, 25_000, 37_500]) {
      await till.purchase(ada, 12_500);
      expect(await till.available(ada)).toBe(available);
    }
  });
});

describe('in a trial', () => {
  const PREVIEW = `query ($input: ChangePlanInput!) { previewPlanChange(input: $input) {
    timing dueNowCents creditsAdded nextInvoiceCents } }`;

  test('more units are announced as they come', async () => {
    const ada = await till.buyer();
    await subscribeAtStripe(till, ada, { trial_end: (START + 20 * DAY_MS) / 1_000 });
    await till.setCard(ada, 'accepted');
    await till.settled();
    const before = await till.available(ada);
    const input = { billingEntityId: ada.id, plan: 'PRO', quantity: 3 };
    const preview = await till.ask(ada.token, PREVIEW, { input });
    expect(preview).toEqual({ timing: 'NOW', dueNowCents: 0, creditsAdded: 0, nextInvoiceCents: 6_000 });
    expect(await till.change(ada, 3)).toMatchObject({ quantity: 3, pendingPayment: null });
    await till.settled();
    expect(await till.available(ada)).toBe(before);
  });
});
