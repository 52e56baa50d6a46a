/** Arrangements that support, finance and the dashboard make at Stripe, one of each kind, and what a payer may do beside them. */
import type { Stripe } from 'stripe';
import { FIRST_END } from '../sync/periods.ts';

/** Everything that a payer does to a subscription of two units. */
export const ACTIONS = ['DOWN', 'SAME', 'CANCEL', 'RESUME', 'FREE', 'UP'] as const;
export type Action = (typeof ACTIONS)[number];

/** What is there when somebody arranges something. */
export interface Scene {
  readonly sdk: Stripe;
  readonly subscription: Stripe.Subscription;
  readonly customer: string;
  /** Prices: of the plan's product besides ours, and of a product of somebody else's. */
  readonly prices: { readonly otherOfPlan: string; readonly ofOther: string };
  readonly half: string;
  readonly tax: string;
}

export interface Arrangement {
  readonly name: string;
  /** The payer's actions that would undo it. All others are carried out, and leave it as it is. */
  readonly refuses: readonly Action[];
  readonly arrange: (scene: Scene) => Promise<unknown>;
  /** The card is declined from then on, so that changes wait. */
  readonly waits?: boolean;
}

type Update = Stripe.SubscriptionUpdateParams;
type Phase = Stripe.SubscriptionScheduleUpdateParams.Phase;

const updated =
  (terms: (scene: Scene) => Update | Promise<Update>) =>
  async (scene: Scene): Promise<unknown> =>
    scene.sdk.subscriptions.update(scene.subscription.id, await terms(scene));

const planItem = ({ subscription }: Scene): string => subscription.items.data[0]?.id as string;

/** The items that there are, with so many units of the plan at this price. */
const itemsOf = ({ subscription }: Scene, units: number, price?: string): Phase['items'] =>
  subscription.items.data.map((item) => ({
    price: item.quantity === undefined ? item.price.id : (price ?? item.price.id),
    ...(item.quantity !== undefined && { quantity: units }),
  }));

/** A schedule of the subscription as it is, and then of these phases, a month each. */
const scheduled =
  (coming: (scene: Scene) => readonly Phase[], terms: Stripe.SubscriptionScheduleUpdateParams = {}) =>
  async (scene: Scene): Promise<unknown> => {
    const { sdk, subscription } = scene;
    const { id, phases } = await sdk.subscriptionSchedules.create({ from_subscription: subscription.id });
    const [running] = phases;
    const now = {
      items: itemsOf(scene, 2),
      start_date: running?.start_date as number,
      end_date: running?.end_date as number,
    };
    return sdk.subscriptionSchedules.update(id, { phases: [now, ...coming(scene)], ...terms });
  };

/** A change that waits, since the card does not pay for it. */
const waiting =
  (terms: (scene: Scene) => Update) =>
  async (scene: Scene): Promise<unknown> =>
    scene.sdk.subscriptions.update(scene.subscription.id, {
      ...terms(scene),
      payment_behavior: 'pending_if_incomplete',
      proration_behavior: 'always_invoice',
    });

const TERMS: readonly Arrangement[] = [
  { name: 'a discount', refuses: [], arrange: updated(({ half }) => ({ discounts: [{ coupon: half }] })) },
  {
    name: 'a discount of three months',
    refuses: [],
    arrange: updated(async ({ sdk }) => {
      const { id } = await sdk.coupons.create({ percent_off: 20, duration: 'repeating', duration_in_months: 3 });
      return { discounts: [{ coupon: id }] };
    }),
  },
  {
    name: 'a discount of the item beside one of the whole',
    refuses: [],
    arrange: updated((scene) => ({
      discounts: [{ coupon: scene.half }],
      items: [{ id: planItem(scene), discounts: [{ coupon: scene.half }] }],
    })),
  },
  { name: 'a tax rate', refuses: [], arrange: updated(({ tax }) => ({ default_tax_rates: [tax] })) },
  {
    name: 'a tax rate of the item',
    refuses: [],
    arrange: updated((scene) => ({ items: [{ id: planItem(scene), tax_rates: [scene.tax] }] })),
  },
  {
    name: 'metadata and words',
    refuses: [],
    arrange: updated((scene) => ({
      description: 'As agreed with Ada',
      metadata: { deal: '7' },
      items: [{ id: planItem(scene), metadata: { seat: 'x' } }],
    })),
  },
  {
    name: 'a card of its own',
    refuses: [],
    arrange: updated(async ({ sdk, customer }) => {
      const { id } = await sdk.paymentMethods.attach('pm_card_visa', { customer });
      return { default_payment_method: id };
    }),
  },
  {
    name: 'something of another product beside the plan',
    refuses: [],
    arrange: updated(({ prices }) => ({ items: [{ price: prices.ofOther, quantity: 5 }] })),
  },
  { name: 'a trial', refuses: [], arrange: updated(() => ({ trial_end: FIRST_END / 1_000 - 5 * 86_400 })) },
  {
    name: 'invoices that are sent',
    refuses: ['UP'],
    arrange: updated(() => ({ collection_method: 'send_invoice', days_until_due: 14 })),
  },
  {
    name: 'collection that is paused',
    refuses: ['UP'],
    arrange: updated(() => ({ pause_collection: { behavior: 'keep_as_draft' } })),
  },
];

const ENDS: readonly Arrangement[] = [
  {
    name: 'an end on a day to come',
    refuses: ['DOWN', 'SAME', 'CANCEL', 'RESUME', 'FREE'],
    arrange: updated(() => ({ cancel_at: Date.parse('2027-05-15T00:00:00.000Z') / 1_000 })),
  },
  {
    name: 'an end within the period',
    refuses: ['DOWN', 'SAME', 'RESUME'],
    arrange: updated(() => ({ cancel_at: Date.parse('2027-02-10T00:00:00.000Z') / 1_000 })),
  },
  { name: 'an end with the period', refuses: [], arrange: updated(() => ({ cancel_at_period_end: true })) },
];

const CHANGES: readonly Action[] = ['DOWN', 'CANCEL', 'FREE', 'UP'];

const SCHEDULES: readonly Arrangement[] = [
  { name: 'a schedule that says nothing', refuses: [], arrange: scheduled(() => []) },
  { name: 'a schedule of units', refuses: [], arrange: scheduled((scene) => [{ items: itemsOf(scene, 3) }]) },
  {
    name: 'a schedule of units in three phases',
    refuses: ACTIONS,
    arrange: scheduled((scene) => [{ items: itemsOf(scene, 3) }, { items: itemsOf(scene, 4) }]),
  },
  {
    name: 'a schedule of a discount',
    refuses: CHANGES,
    arrange: scheduled((scene) => [{ items: itemsOf(scene, 2), discounts: [{ coupon: scene.half }] }]),
  },
  {
    name: 'a schedule of a discount of the item',
    refuses: CHANGES,
    arrange: scheduled((scene) => [
      { items: itemsOf(scene, 2).map((item) => ({ ...item, discounts: [{ coupon: scene.half }] })) },
    ]),
  },
  {
    name: 'a schedule of another price of the plan',
    refuses: CHANGES,
    arrange: scheduled((scene) => [{ items: itemsOf(scene, 2, scene.prices.otherOfPlan) }]),
  },
  {
    name: 'a schedule of as many units of another product',
    refuses: ACTIONS,
    arrange: scheduled((scene) => [{ items: itemsOf(scene, 2, scene.prices.ofOther) }]),
  },
  {
    name: 'a schedule of something beside the plan',
    refuses: CHANGES,
    arrange: scheduled((scene) => [{ items: [...itemsOf(scene, 2), { price: scene.prices.ofOther, quantity: 2 }] }]),
  },
  {
    name: 'a schedule of a tax rate',
    refuses: CHANGES,
    arrange: scheduled((scene) => [{ items: itemsOf(scene, 2), default_tax_rates: [scene.tax] }]),
  },
  {
    name: 'a schedule of metadata',
    refuses: CHANGES,
    arrange: scheduled((scene) => [{ items: itemsOf(scene, 2), metadata: { deal: '8' } }]),
  },
  {
    name: 'a schedule of words',
    refuses: CHANGES,
    arrange: scheduled((scene) => [{ items: itemsOf(scene, 2), description: 'As agreed' }]),
  },
  {
    name: 'a schedule of invoices that are sent',
    refuses: CHANGES,
    arrange: scheduled((scene) => [
      { items: itemsOf(scene, 2), collection_method: 'send_invoice', invoice_settings: { days_until_due: 30 } },
    ]),
  },
  {
    name: 'a schedule that bears a mark',
    refuses: CHANGES,
    arrange: scheduled((scene) => [{ items: itemsOf(scene, 2) }], { metadata: { deal: '9' } }),
  },
  { name: 'a schedule that ends it', refuses: ACTIONS, arrange: scheduled(() => [], { end_behavior: 'cancel' }) },
  {
    name: 'a schedule that ends it after another month',
    refuses: ACTIONS,
    arrange: scheduled((scene) => [{ items: itemsOf(scene, 2) }], { end_behavior: 'cancel' }),
  },
];

/** What others let wait stays, also where the payer ends the subscription or lets it go on. */
const REPLACES: readonly Action[] = ['DOWN', 'SAME', 'UP'];

const UPDATES: readonly Arrangement[] = [
  {
    name: 'units that wait for their payment',
    refuses: [],
    waits: true,
    arrange: waiting((scene) => ({ items: [{ id: planItem(scene), quantity: 4 }] })),
  },
  {
    name: 'units and something beside them that wait for their payment',
    refuses: REPLACES,
    waits: true,
    arrange: waiting((scene) => ({
      items: [
        { id: planItem(scene), quantity: 4 },
        { price: scene.prices.ofOther, quantity: 5 },
      ],
    })),
  },
  {
    name: 'another price that waits for its payment',
    refuses: REPLACES,
    waits: true,
    arrange: waiting((scene) => ({ items: [{ id: planItem(scene), price: scene.prices.ofOther, quantity: 9 }] })),
  },
  {
    name: 'units with metadata that wait for their payment',
    refuses: REPLACES,
    waits: true,
    arrange: waiting((scene) => ({ items: [{ id: planItem(scene), quantity: 4 }], metadata: { deal: '7' } })),
  },
];

export const ARRANGEMENTS: readonly Arrangement[] = [...TERMS, ...ENDS, ...SCHEDULES, ...UPDATES];
