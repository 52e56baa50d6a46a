import type * as wire from './wire.ts';

/** All that the account holds, by id and in order of creation. Plain JSON in maps, so that it can be kept in a file. */
export interface Tables {
  readonly customers: Map<string, wire.Customer>;
  readonly deletedCustomers: Map<string, wire.DeletedCustomer>;
  readonly paymentMethods: Map<string, wire.PaymentMethod>;
  readonly products: Map<string, wire.Product>;
  readonly prices: Map<string, wire.Price>;
  readonly features: Map<string, wire.Feature>;
  readonly meters: Map<string, wire.Meter>;
  readonly meterSessions: Map<string, wire.MeterEventSession>;
  readonly subscriptions: Map<string, wire.Subscription>;
  readonly schedules: Map<string, wire.SubscriptionSchedule>;
  readonly invoices: Map<string, wire.Invoice>;
  readonly invoiceItems: Map<string, wire.InvoiceItem>;
  readonly invoicePayments: Map<string, wire.InvoicePayment>;
  readonly coupons: Map<string, wire.Coupon>;
  readonly promotionCodes: Map<string, wire.PromotionCode>;
  readonly discounts: Map<string, wire.Discount>;
  readonly taxRates: Map<string, wire.TaxRate>;
  readonly taxIds: Map<string, wire.TaxId>;
  readonly creditNotes: Map<string, wire.CreditNote>;
  readonly balanceTransactions: Map<string, wire.BalanceTransaction>;
  readonly paymentIntents: Map<string, wire.PaymentIntent>;
  readonly charges: Map<string, wire.Charge>;
  readonly refunds: Map<string, wire.Refund>;
  readonly disputes: Map<string, wire.Dispute>;
  readonly checkoutSessions: Map<string, wire.CheckoutSession>;
  readonly portalConfigurations: Map<string, wire.PortalConfiguration>;
  readonly portalSessions: Map<string, wire.PortalSession>;
  readonly events: Map<string, wire.SnapshotEvent>;
  readonly thinEvents: Map<string, wire.ThinEvent>;
  readonly webhookEndpoints: Map<string, wire.WebhookEndpoint>;

  // What Stripe knows and its API does not show.
  readonly productFeatures: Map<string, ProductFeatureLink>;
  readonly couponTerms: Map<string, Pick<wire.Coupon, 'amount_off' | 'percent_off' | 'duration'>>;
  readonly usage: Map<string, Usage>;
  readonly checkoutDetails: Map<string, CheckoutDetails>;
  readonly invoiceNotes: Map<string, InvoiceNotes>;
  readonly subscriptionNotes: Map<string, SubscriptionNotes>;
  readonly entitled: Map<string, string[]>;
  readonly answers: Map<string, StoredAnswer>;
  readonly counters: Map<string, number>;
  readonly endpoints: Map<string, Endpoint>;
  readonly deliveries: Map<string, Delivery>;
}

/** A card's answer to every charge. `requires_action` asks for 3-D Secure every time. */
export type CardOutcome = 'accepted' | 'declined' | 'requires_action';

export interface ProductFeatureLink {
  id: string;
  product: string;
  feature: string;
}

/** One meter event. A rejected one was answered 200 and never counts. */
export interface Usage {
  event: wire.MeterEvent;
  meter: string;
  customer: string;
  units: number;
  rejected: boolean;
}

export interface CheckoutDetails {
  lines: { price: string; quantity: number; id: string }[];
  subscriptionMetadata: wire.Metadata;
  subscriptionDescription: string | null;
  trialEnd: number | null;
  trialDays: number | null;
  missingPaymentMethod: 'cancel' | 'create_invoice' | 'pause';
  intentMetadata: wire.Metadata;
  intentDescription: string | null;
  shipping: wire.PaymentIntent['shipping'];
  setupFutureUsage: 'off_session' | 'on_session' | null;
  /** The parts of what the page is told that are written to a customer who was there before. */
  updates?: { address: boolean; name: boolean };
  /** Terms that the page was told so far. */
  told?: ToldAtCheckout;
  /** The card that the customer picked, while 3-D Secure waits for an answer. */
  authenticating: boolean;
}

/** Answers of a buyer's on a Checkout page, besides the card. */
export interface ToldAtCheckout {
  address: wire.Customer['address'];
  name: string | null;
  taxId: { type: wire.TaxId['type']; value: string } | null;
}

export interface InvoiceNotes {
  /** Retries that have been made after the first attempt failed. */
  retries: number;
  /** Lines whose quantity is counted again until the invoice is finalized. */
  usageLines: { line: string; meter: string; price: string; start: number; end: number }[];
  /** The subscription whose pending update waits for this invoice. */
  pendingUpdateOf: string | null;
  /** The paused subscription that goes on, in this period, once it is settled; until then it waits for so long. */
  resumption?: { subscription: string; anchor: number; from: number; expiresAt: number };
  /** True: its due date went by, and that has had its effect. */
  overdue?: boolean;
}

export interface SubscriptionNotes {
  trialWarned: boolean;
  /** Until then an incomplete subscription waits for its first payment. */
  incompleteUntil: number | null;
  /** The pause gave back what was not used of its period; absent: it was not paused so. */
  creditedByPause?: boolean;
  /** Use until then stands on an item already, because the subscription was paused; absent: none does. */
  usageNotedUntil?: number;
}

/** The answer that an idempotency key had. Without an answer the first call is still being worked on. */
export interface StoredAnswer {
  fingerprint: string;
  createdAt: number;
  answer: { status: number; body: string } | null;
}

/** An address that webhooks go to. */
export interface Endpoint {
  id: string;
  url: string;
  secret: string;
  /** Types, or `*`. */
  events: string[];
  thin: boolean;
}

/** One event on its way to one endpoint. */
export interface Delivery {
  id: string;
  endpoint: string;
  event: string;
  type: string;
  state: 'waiting' | 'held' | 'delivered' | 'dropped' | 'failed';
  attempts: number;
  /** Status of the last answer; null without one. */
  status: number | null;
}

/** The account's settings, and choices that Stripe's types leave open. The control API sets them. */
export interface Behaviour {
  /** Days after the first failed attempt at which payment is tried again. */
  retryDays: number[];
  /** The state of a subscription after the last retry has failed. */
  afterRetries: 'cancel' | 'unpaid' | 'past_due';
  /** A renewal's invoice stays a draft for so long. */
  draftSeconds: number;
  /** True: one customer and meter may have only one call at a time, as at Stripe. */
  serialMeterEvents: boolean;
  /** The parent of a proration line has one of two shapes. */
  prorationParent: 'subscription_item_details' | 'invoice_item_details';
  /** True: a trial that begins in a paid period brings an invoice at once, credit and all; false: the credit waits. */
  trialStartInvoices: boolean;
  /** True: the first, shortened period of `billing_cycle_anchor` stands on its invoice as a proration. */
  firstPeriodProrates: boolean;
  /** True: what a metered item counted is billed when the item is deleted; false: it is on no invoice. */
  deletedItemBills: boolean;
  /** True: an item that waits for a subscription's invoice can be put on a draft without a subscription; false: it is refused. */
  subscriptionItemsMove: boolean;
  /** True: a card that is detached is taken from the subscriptions that name it; false: they keep the name. */
  detachingClearsSubscriptions: boolean;
  /** The end of the period with which a subscription of mixed intervals ends: that of the longest, or of the shortest. */
  mixedPeriodEnd: 'latest' | 'earliest';
  /** Percentages of taxes by country, where the seller is registered: automatic taxes of others are 0. */
  taxRegistrations: Record<string, number>;
  /** The lines of a credit note that names only an amount: none, or one of its own. */
  creditNoteByAmount: 'no_lines' | 'custom_line';
  /** The next meter events that are taken and rejected afterwards. */
  rejectMeterEvents: number;
  /** The clock whose time stands in a webhook's signature. */
  signatureTime: 'system' | 'emulator';
}

export function defaultBehaviour(): Behaviour {
  return {
    retryDays: [3, 5, 7],
    afterRetries: 'cancel',
    draftSeconds: 3600,
    serialMeterEvents: true,
    prorationParent: 'subscription_item_details',
    trialStartInvoices: true,
    firstPeriodProrates: true,
    deletedItemBills: false,
    subscriptionItemsMove: true,
    detachingClearsSubscriptions: true,
    mixedPeriodEnd: 'latest',
    taxRegistrations: {},
    creditNoteByAmount: 'custom_line',
    rejectMeterEvents: 0,
    signatureTime: 'system',
  };
}

export function emptyTables(): Tables {
  return {
    customers: new Map(),
    deletedCustomers: new Map(),
    paymentMethods: new Map(),
    products: new Map(),
    prices: new Map(),
    features: new Map(),
    meters: new Map(),
    meterSessions: new Map(),
    subscriptions: new Map(),
    schedules: new Map(),
    invoices: new Map(),
    invoiceItems: new Map(),
    invoicePayments: new Map(),
    coupons: new Map(),
    promotionCodes: new Map(),
    discounts: new Map(),
    taxRates: new Map(),
    taxIds: new Map(),
    couponTerms: new Map(),
    creditNotes: new Map(),
    balanceTransactions: new Map(),
    paymentIntents: new Map(),
    charges: new Map(),
    refunds: new Map(),
    disputes: new Map(),
    checkoutSessions: new Map(),
    portalConfigurations: new Map(),
    portalSessions: new Map(),
    events: new Map(),
    thinEvents: new Map(),
    webhookEndpoints: new Map(),
    productFeatures: new Map(),
    usage: new Map(),
    checkoutDetails: new Map(),
    invoiceNotes: new Map(),
    subscriptionNotes: new Map(),
    entitled: new Map(),
    answers: new Map(),
    counters: new Map(),
    endpoints: new Map(),
    deliveries: new Map(),
  };
}
