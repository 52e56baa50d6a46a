import { CatalogIds } from '../../src/stripe/catalog/catalog-ids.ts';
import { OVERAGE_METER } from '../../src/stripe/catalog/offers.ts';
import { surveyCatalog } from '../../src/stripe/catalog/survey.ts';
import type { StripeClient } from '../../src/stripe/account/client.ts';
import { type Emulator, startEmulator } from '@tollgate/stripe-emulator';
import { contractViolations } from '@tollgate/stripe-emulator/testing/contract';
import { stripeClientOf } from '../support/stripe.ts';

let emulator: Emulator;
let stripe: StripeClient;

beforeEach(async () => {
  emulator = await startEmulator({ recordTraffic: true });
  stripe = stripeClientOf(emulator);
});

afterEach(() => emulator.stop());

const setUp = async (): Promise<readonly string[]> => (await surveyCatalog(stripe, { repair: true })).differences;
const check = async (): Promise<readonly string[]> => (await surveyCatalog(stripe, { repair: false })).differences;

describe('an empty account', () => {
  test('is set up once: the second run finds nothing to change', async () => {
    const missing = await check();
    expect(missing.length).toBeGreaterThan(6);
    expect(missing.every((line) => line.endsWith('is missing'))).toBe(true);
    expect((await setUp()).length).toBeGreaterThanOrEqual(missing.length);
    const calls = emulator.traffic.length;
    expect(await setUp()).toEqual([]);
    expect(emulator.traffic.slice(calls).every(({ method }) => method === 'GET')).toBe(true);
    expect(await check()).toEqual([]);
    expect(contractViolations(emulator.traffic)).toEqual([]);
  });

  test('then sells what the plans say', async () => {
    await setUp();
    const catalog = await new CatalogIds(stripe).get();
    const pro = await stripe.call('price', (sdk) => sdk.prices.retrieve(catalog.prices.get('PRO') as string));
    expect(pro).toMatchObject({
      currency: 'usd',
      unit_amount: 2_000,
      product: 'tollgate_pro',
      recurring: { interval: 'month', interval_count: 1, usage_type: 'licensed', meter: null },
    });
    const overage = await stripe.call('price', (sdk) => sdk.prices.retrieve(catalog.overagePrice));
    expect(overage.unit_amount_decimal?.toString()).toBe('0.004');
    expect(overage.recurring).toMatchObject({ usage_type: 'metered', meter: catalog.meter });
    const meter = await stripe.call('billing.meter', (sdk) => sdk.billing.meters.retrieve(catalog.meter));
    expect(meter).toMatchObject({ event_name: OVERAGE_METER, default_aggregation: { formula: 'sum' } });
    const links = await stripe.list('product_feature', (sdk, page) => sdk.products.listFeatures('tollgate_pro', page));
    expect(links.map((link) => link.entitlement_feature.lookup_key).toSorted()).toEqual([
      'all_chatflows',
      'basic_chatflows',
    ]);
    const portal = await stripe.call('billing_portal.configuration', (sdk) =>
      sdk.billingPortal.configurations.retrieve(catalog.portalConfiguration),
    );
    expect(portal.features).toMatchObject({
      invoice_history: { enabled: true },
      payment_method_update: { enabled: true },
      subscription_cancel: { enabled: true, mode: 'at_period_end' },
      subscription_update: { enabled: true, default_allowed_updates: ['price', 'quantity'] },
    });
    expect(portal.features.subscription_update.products).toMatchObject([
      { product: 'tollgate_pro', prices: [pro.id], adjustable_quantity: { enabled: true, minimum: 1 } },
    ]);
  });

  test('is not taken for a catalog; once it is set up, it is found', async () => {
    const ids = new CatalogIds(stripe);
    await expect(ids.get()).rejects.toMatchObject({ code: 'PAYMENT_PROVIDER_ERROR' });
    await setUp();
    const found = await ids.get();
    const calls = emulator.traffic.length;
    expect(await ids.get()).toBe(found);
    expect(emulator.traffic.length).toBe(calls);
  });
});

describe('what somebody changed by hand', () => {
  beforeEach(setUp);

  test('a key on a price of other terms: told, and moved to a new one', async () => {
    const { prices } = await new CatalogIds(stripe).get();
    const cheap = await stripe.call('price', (sdk) =>
      sdk.prices.create({
        product: 'tollgate_pro',
        currency: 'usd',
        unit_amount: 1_500,
        recurring: { interval: 'month' },
        lookup_key: 'tollgate_pro_monthly',
        transfer_lookup_key: true,
      }),
    );
    const [line, ...others] = await check();
    expect(line).toBe(`price tollgate_pro_monthly (${cheap.id}) has amount 1500 instead of 2000`);
    // The portal offers the wrong one, or none, until then.
    expect(others.every((each) => each.startsWith('portal configuration'))).toBe(true);
    expect((await setUp())[0]).toContain('replaced price tollgate_pro_monthly');
    expect(await setUp()).toEqual([]);
    const now = await new CatalogIds(stripe).get();
    expect([cheap.id, prices.get('PRO')]).not.toContain(now.prices.get('PRO'));
    expect(await stripe.call('price', (sdk) => sdk.prices.retrieve(cheap.id))).toMatchObject({
      active: false,
      lookup_key: null,
    });
  });

  test.each<{ what: string; change: (client: StripeClient) => Promise<unknown>; told: string }>([
    {
      what: 'an archived price',
      change: async (client) => {
        const { overagePrice } = await new CatalogIds(client).get();
        return client.call('price', (sdk) => sdk.prices.update(overagePrice, { active: false }));
      },
      told: 'is archived',
    },
    {
      what: 'an archived product under another name',
      change: (client) =>
        client.call('product', (sdk) => sdk.products.update('tollgate_pro', { name: 'Super', active: false })),
      told: 'product tollgate_pro is called «Super», not «Pro» and archived',
    },
    {
      what: 'a meter that was switched off',
      change: async (client) => {
        const { meter } = await new CatalogIds(client).get();
        return client.call('billing.meter', (sdk) => sdk.billing.meters.deactivate(meter));
      },
      told: 'is inactive',
    },
    {
      what: 'a feature that was taken away',
      change: async (client) => {
        const [link] = await client.list('product_feature', (sdk, page) =>
          sdk.products.listFeatures('tollgate_pro', page),
        );
        return client.call('product_feature', (sdk) => sdk.products.deleteFeature('tollgate_pro', link?.id as string));
      },
      told: 'lacks feature',
    },
    {
      what: 'an archived feature',
      change: async (client) => {
        const [feature] = await client.list('entitlements.feature', (sdk, page) =>
          sdk.entitlements.features.list({ lookup_key: 'all_chatflows', ...page }),
        );
        return client.call('entitlements.feature', (sdk) =>
          sdk.entitlements.features.update(feature?.id as string, { active: false }),
        );
      },
      told: 'feature all_chatflows is archived',
    },
    {
      what: 'a portal that cancels at once',
      change: async (client) => {
        const { portalConfiguration } = await new CatalogIds(client).get();
        return client.call('billing_portal.configuration', (sdk) =>
          sdk.billingPortal.configurations.update(portalConfiguration, {
            features: { subscription_cancel: { enabled: true, mode: 'immediately' } },
          }),
        );
      },
      told: 'differs in subscription_cancel',
    },
  ])('$what: told, and mended', async ({ change, told }) => {
    await change(stripe);
    expect((await check()).join('; ')).toContain(told);
    expect((await setUp()).length).toBe(1);
    expect(await check()).toEqual([]);
    expect(contractViolations(emulator.traffic)).toEqual([]);
  });
});
