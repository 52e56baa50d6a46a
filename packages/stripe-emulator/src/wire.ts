import type { Stripe } from 'stripe';

/**
 * The SDK's resource types as they travel: decimals are strings, and where the SDK allows an id or the expanded object,
 * the emulator keeps the id and expands on request. So a stored object is plain JSON, checked against the SDK's types.
 */
export type Wire<T> = { [K in keyof T]: WireField<T[K]> };

type WireField<T> = [Extract<T, string>] extends [never]
  ? WireValue<T>
  : WireValue<Exclude<T, { readonly id: string; readonly object: string }>>;

type WireValue<T> = T extends string | number | boolean | null | undefined | void
  ? T
  : T extends Stripe.Decimal
    ? string
    : T extends (infer E)[]
      ? WireField<E>[]
      : T extends object
        ? Wire<T>
        : T;

export type Customer = Wire<Stripe.Customer>;
export type DeletedCustomer = Wire<Stripe.DeletedCustomer>;
export type PaymentMethod = Wire<Stripe.PaymentMethod>;
export type Product = Wire<Stripe.Product>;
export type Price = Wire<Stripe.Price>;
export type Plan = Wire<Stripe.Plan>;
export type Feature = Wire<Stripe.Entitlements.Feature>;
export type ProductFeature = Wire<Stripe.ProductFeature>;
export type ActiveEntitlement = Wire<Stripe.Entitlements.ActiveEntitlement>;
export type ActiveEntitlementSummary = Wire<Stripe.Entitlements.ActiveEntitlementSummary>;
export type Meter = Wire<Stripe.Billing.Meter>;
export type MeterEvent = Wire<Stripe.Billing.MeterEvent>;
export type MeterEventSession = Wire<Stripe.V2.Billing.MeterEventSession>;
export type MeterEventSummary = Wire<Stripe.Billing.MeterEventSummary>;
export type Subscription = Wire<Stripe.Subscription>;
export type SubscriptionItem = Wire<Stripe.SubscriptionItem>;
export type SubscriptionSchedule = Wire<Stripe.SubscriptionSchedule>;
export type SchedulePhase = Wire<Stripe.SubscriptionSchedule.Phase>;
export type Invoice = Wire<Stripe.Invoice>;
export type InvoiceLine = Wire<Stripe.InvoiceLineItem>;
export type InvoiceItem = Wire<Stripe.InvoiceItem>;
export type Coupon = Wire<Stripe.Coupon>;
export type PromotionCode = Wire<Stripe.PromotionCode>;
export type Discount = Wire<Stripe.Discount>;
export type TaxRate = Wire<Stripe.TaxRate>;
export type TaxId = Wire<Stripe.TaxId>;
export type CreditNote = Wire<Stripe.CreditNote>;
export type CreditNoteLine = Wire<Stripe.CreditNoteLineItem>;
export type BalanceTransaction = Wire<Stripe.CustomerBalanceTransaction>;
export type InvoicePayment = Wire<Stripe.InvoicePayment>;
export type PaymentIntent = Wire<Stripe.PaymentIntent>;
export type Charge = Wire<Stripe.Charge>;
export type Refund = Wire<Stripe.Refund>;
export type Dispute = Wire<Stripe.Dispute>;
export type CheckoutSession = Wire<Stripe.Checkout.Session>;
export type CheckoutLine = Wire<Stripe.LineItem>;
export type PortalConfiguration = Wire<Stripe.BillingPortal.Configuration>;
export type PortalSession = Wire<Stripe.BillingPortal.Session>;
export type WebhookEndpoint = Wire<Stripe.WebhookEndpoint>;
export type Metadata = Record<string, string>;

/** A snapshot event. The SDK's union of all of them would have to be told apart by type at every place that makes one. */
export interface SnapshotEvent {
  id: string;
  object: 'event';
  api_version: string;
  created: number;
  data: { object: unknown; previous_attributes?: Record<string, unknown> };
  livemode: false;
  pending_webhooks: number;
  request: { id: string | null; idempotency_key: string | null };
  type: string;
}

/** A thin event: what is delivered names the object, and `/v2/core/events/:id` adds the data. */
export interface ThinEvent {
  id: string;
  object: 'v2.core.event';
  created: string;
  livemode: false;
  type: string;
  related_object?: { id: string; type: string; url: string };
  data: Record<string, unknown>;
}

/** One page of objects. */
export interface Page<T> {
  object: 'list';
  data: T[];
  has_more: boolean;
  url: string;
}
