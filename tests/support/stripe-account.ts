/** An account of Stripe's to buy in: the emulator, or a sandbox of Stripe itself where STRIPE_SANDBOX_KEY names one. */
import { Stripe } from 'stripe';
import { createLog } from '../../src/kernel/log.ts';
import { StripeClient } from '../../src/stripe/account/client.ts';
import { startEmulator } from '@tollgate/stripe-emulator';
import { clientOf } from '@tollgate/stripe-emulator/testing/bench';
import { waitFor } from './wait-for.ts';

/** What the card of a customer does when it is charged. */
export type Card = 'accepted' | 'declined';

export interface StripeAccount {
  readonly sdk: Stripe;
  readonly client: StripeClient;
  /** Variables that point an application at it. */
  readonly env: Readonly<Record<string, string>>;
  /** A customer of this entity, whose time is the account's, or their own. */
  customer(billingEntityId: string): Promise<string>;
  setCard(customer: string, card: Card): Promise<void>;
  /** Moves the customer's time on, and what is due until then has happened. */
  advance(customer: string, seconds: number): Promise<void>;
  close(): Promise<void>;
}

const metadataOf = (billingEntityId: string): Record<string, string> => ({ billing_entity_id: billingEntityId });

export async function openStripeAccount(): Promise<StripeAccount> {
  const key = process.env['STRIPE_SANDBOX_KEY'];
  return key === undefined || key === '' ? openEmulator() : openSandbox(key);
}

async function openEmulator(): Promise<StripeAccount> {
  const emulator = await startEmulator();
  const sdk = clientOf(emulator);
  return {
    sdk,
    client: clientFor('sk_test_emulated', new URL(emulator.url)),
    env: {
      STRIPE_SECRET_KEY: 'sk_test_emulated',
      STRIPE_API_BASE: emulator.url,
      STRIPE_WEBHOOK_SECRET: 'whsec_of_nobody',
    },
    async customer(billingEntityId) {
      return (await sdk.customers.create({ metadata: metadataOf(billingEntityId) })).id;
    },
    setCard: (customer, card) => emulator.control.setCard(customer, card),
    async advance(_customer, advanceSeconds) {
      await emulator.control.moveClock({ advanceSeconds }, false);
    },
    close: () => emulator.stop(),
  };
}

/** Each customer on a test clock of their own, which takes them along when it is deleted. */
function openSandbox(key: string): StripeAccount {
  if (!/^(sk|rk)_test_/.test(key)) {
    throw new Error('STRIPE_SANDBOX_KEY must be a key of a sandbox: sk_test_… or rk_test_…');
  }
  const sdk = new Stripe(key);
  const clocks = new Map<string, string>();
  return {
    sdk,
    client: clientFor(key, null),
    env: { STRIPE_SECRET_KEY: key, STRIPE_WEBHOOK_SECRET: 'whsec_of_nobody' },
    async customer(billingEntityId) {
      const now = Math.floor(Date.now() / 1_000);
      const clock = await sdk.testHelpers.testClocks.create({ frozen_time: now, name: billingEntityId });
      const customer = await sdk.customers.create({ test_clock: clock.id, metadata: metadataOf(billingEntityId) });
      clocks.set(customer.id, clock.id);
      return customer.id;
    },
    async setCard(customer, card) {
      // Stripe's own test cards. The second one can be attached, and is declined whenever it is charged.
      const token = card === 'accepted' ? 'pm_card_visa' : 'pm_card_chargeCustomerFail';
      const { id } = await sdk.paymentMethods.attach(token, { customer });
      await sdk.customers.update(customer, { invoice_settings: { default_payment_method: id } });
    },
    async advance(customer, seconds) {
      const id = clocks.get(customer) as string;
      const { frozen_time: now } = await sdk.testHelpers.testClocks.retrieve(id);
      await sdk.testHelpers.testClocks.advance(id, { frozen_time: now + seconds });
      const isReady = async (): Promise<boolean> => (await sdk.testHelpers.testClocks.retrieve(id)).status === 'ready';
      await waitFor(isReady, 'the test clock to have come there');
    },
    async close() {
      for (const id of clocks.values()) await sdk.testHelpers.testClocks.del(id);
    },
  };
}

function clientFor(secretKey: string, apiBase: URL | null): StripeClient {
  return new StripeClient({ secretKey, apiBase }, createLog({ level: 'silent' }));
}
