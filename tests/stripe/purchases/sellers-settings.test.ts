/** What sellers switch on at Checkout: automatic taxes, tax ids, promotion codes, e-mail of the token. Credits follow none of it. */
import type { Stripe } from 'stripe';
import { clientOf } from '@tollgate/stripe-emulator/testing/bench';
import { contractViolations, CONTRACT_TIMEOUT_MS } from '@tollgate/stripe-emulator/testing/contract';
import { tokenOf } from '../../support/app.ts';
import { type Buyer, OPEN_PORTAL, RETURNS, Till } from '../../support/till.ts';
import { preview } from './plan-changes.ts';

const ALL = {
  CHECKOUT_AUTOMATIC_TAX: '1',
  CHECKOUT_TAX_IDS: '1',
  CHECKOUT_PROMOTION_CODES: '1',
  CHECKOUT_EMAIL_FROM_TOKEN: '1',
};
const UNIT = 500_000;
/** Where the seller is registered, and pays 20 %. */
const TAXED = { address: { country: 'DE', postal_code: '10115' } };

let till: Till;
let plain: Till;
let sdk: Stripe;

beforeAll(async () => {
  till = await Till.open(undefined, ALL);
  plain = await Till.open();
  sdk = clientOf(till.app.emulator);
  await till.control.behave({ taxRegistrations: { DE: 20 } });
});

afterAll(async () => {
  await till.close();
  await plain.close();
});

/** Somebody whose token vouches for an address. */
async function withEmail(of: Till, claims: Record<string, unknown>): Promise<Buyer> {
  const buyer = await of.buyer();
  return { ...buyer, token: await tokenOf(buyer.externalId, { claims, expiresInSeconds: 10 * 365 * 86_400 }) };
}

const customerOf = async (of: Till, buyer: Buyer): Promise<Stripe.Customer> =>
  (await clientOf(of.app.emulator).customers.retrieve(await of.customerOf(buyer))) as Stripe.Customer;

async function bought(
  what: object,
  answers: Parameters<Till['control']['payCheckout']>[1] = TAXED,
  buyer?: Buyer,
): Promise<Buyer> {
  const ada = buyer ?? (await till.buyer());
  await till.control.payCheckout(await till.checkout(ada, what), answers);
  await till.settled();
  return ada;
}

const charged = async (buyer: Buyer): Promise<number[]> => (await till.chargesOf(buyer)).map(({ amount }) => amount);

async function codeFor(percent: number): Promise<string> {
  const { id: coupon } = await sdk.coupons.create({ percent_off: percent, duration: 'forever' });
  return (await sdk.promotionCodes.create({ promotion: { type: 'coupon', coupon } })).code;
}

test('nothing of it is asked for unless it is switched on', async () => {
  const ada = await withEmail(plain, { email: 'ada@example.com' });
  for (const what of [{ plan: 'PRO' }, { credits: 12_500 }]) {
    const session = await clientOf(plain.app.emulator).checkout.sessions.retrieve(await plain.checkout(ada, what));
    expect(session).toMatchObject({ allow_promotion_codes: null, automatic_tax: { enabled: false } });
    expect(session.tax_id_collection?.enabled ?? false).toBe(false);
    expect(session.billing_address_collection).toBeNull();
  }
  expect((await customerOf(plain, ada)).email).toBeNull();
});

test.each([{ plan: 'PRO' }, { credits: 12_500 }])('both kinds of Checkout ask for all of it: %o', async (what) => {
  const ada = await till.buyer();
  const session = await sdk.checkout.sessions.retrieve(await till.checkout(ada, what));
  expect(session).toMatchObject({
    allow_promotion_codes: true,
    automatic_tax: { enabled: true },
    tax_id_collection: { enabled: true },
    billing_address_collection: 'required',
  });
});

describe('taxes', () => {
  test('come on top of plan and credits, and bring no credits; what goes back takes its share of the whole', async () => {
    const ada = await bought({ plan: 'PRO' });
    await bought({ credits: 25_000 }, TAXED, ada);
    expect(await charged(ada)).toEqual([120, 2_400]);
    expect(await till.available(ada)).toBe(UNIT + 25_000);
    const [ofCredits, ofPlan] = await till.chargesOf(ada);
    await till.control.refund(ofPlan?.id as string, 1_200);
    await till.control.refund(ofCredits?.id as string, 60);
    await till.settled();
    expect(await till.available(ada)).toBe(UNIT / 2 + 12_500);
    await till.expectProven(ada);
  });

  test('of more units are in the preview and in the charge, and not in the credits', async () => {
    const ada = await bought({ plan: 'PRO' });
    const foreseen = await preview(till, ada, 2);
    expect(foreseen).toMatchObject({ dueNowCents: 2_400, creditsAdded: UNIT });
    expect(await till.change(ada, 2)).toMatchObject({ quantity: 2 });
    await till.settled();
    expect(await charged(ada)).toEqual([2_400, 2_400]);
    expect(await till.available(ada)).toBe(2 * UNIT);
  });

  test('stay with fewer units, however often they are chosen', async () => {
    const ada = await bought({ plan: 'PRO', quantity: 3 });
    expect(await till.change(ada, 1)).toMatchObject({ scheduledQuantity: 1 });
    expect(await till.change(ada, 2)).toMatchObject({ scheduledQuantity: 2 });
    const { automatic_tax: tax, schedule } = await till.stripeSubscriptionOf(ada);
    expect(tax.enabled).toBe(true);
    const { phases } = await sdk.subscriptionSchedules.retrieve(schedule as string);
    expect(phases.map((phase) => phase.automatic_tax?.enabled)).toEqual([true, true]);
  });
});

test('a business gives its tax id, and keeps the name that it gave with it', async () => {
  const business = { ...TAXED, name: 'Acme GmbH', taxId: { type: 'eu_vat', value: 'DE123456789' } } as const;
  const ada = await bought({ plan: 'PRO' }, business);
  // Reverse charge.
  expect(await charged(ada)).toEqual([2_000]);
  await till.checkout(ada, { credits: 12_500 });
  await till.ask(ada.token, OPEN_PORTAL, { input: { billingEntityId: ada.id, returnUrl: RETURNS.cancelUrl } });
  expect(await customerOf(till, ada)).toMatchObject({ name: 'Acme GmbH', address: { country: 'DE' } });
});

describe('a promotion code', () => {
  test('makes a plan cheaper, and not less', async () => {
    const ada = await bought({ plan: 'PRO' }, { ...TAXED, promotionCode: await codeFor(25) });
    expect(await charged(ada)).toEqual([1_800]);
    expect(await till.available(ada)).toBe(UNIT);
    const [charge] = await till.chargesOf(ada);
    await till.control.refund(charge?.id as string, 450);
    await till.settled();
    // A quarter of what was paid.
    expect(await till.available(ada)).toBe((UNIT * 3) / 4);
    await till.expectProven(ada);
  });

  test('makes credits cheaper, and not fewer', async () => {
    const ada = await bought({ credits: 50_000 }, { ...TAXED, promotionCode: await codeFor(50) });
    expect(await charged(ada)).toEqual([120]);
    expect(await till.available(ada)).toBe(50_000);
    await till.expectProven(ada);
  });
});

describe('the e-mail address of the token', () => {
  test('is the customer’s, and one that is there already stays', async () => {
    const ada = await withEmail(till, { email: 'ada@example.com' });
    await till.checkout(ada, { plan: 'PRO' });
    expect((await customerOf(till, ada)).email).toBe('ada@example.com');
    await sdk.customers.update(await till.customerOf(ada), { email: 'accounts@example.com' });
    await till.checkout(ada, { plan: 'PRO', quantity: 2 });
    expect((await customerOf(till, ada)).email).toBe('accounts@example.com');
  });

  test.each([
    ['nobody vouched for', { email: 'ada@example.com', email_verified: false }],
    ['is not there', {}],
  ])('that %s is not told', async (_why, claims) => {
    const ada = await withEmail(till, claims);
    await till.checkout(ada, { credits: 12_500 });
    expect((await customerOf(till, ada)).email).toBeNull();
  });
});

test(
  'every call and every answer is as the SDK declares it',
  () => {
    const { traffic } = till.app.emulator;
    expect(contractViolations(traffic.filter(({ path }) => path !== '/v1/events'))).toEqual([]);
  },
  CONTRACT_TIMEOUT_MS,
);
