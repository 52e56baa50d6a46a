import { invalid } from './errors.ts';
import { pageFields, pageOf } from './lists.ts';
import { boundary } from './calendar.ts';
import { shareCents } from './money.ts';
import {
  clearable,
  decimal,
  flag,
  integer,
  list,
  mergeMetadata,
  metadata,
  object,
  oneOf,
  required,
  text,
  type Values,
} from './parameters.ts';
import { route, type Route } from './router.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import type { Coupon, Discount, PromotionCode, Subscription, SubscriptionItem } from './wire.ts';

/** The parameters of discounts, wherever they are given. The empty text takes all away. */
export const discountFields = clearable(list(required(object({ coupon: text, discount: text, promotion_code: text }))));

/** Discounts as they were asked for: new ones by coupon or code, or one that is there already. */
export type DiscountRequest = Values<{ discounts: typeof discountFields }>['discounts'];

const couponFields = {
  amount_off: integer,
  currency: text,
  duration: oneOf('forever', 'once', 'repeating'),
  duration_in_months: integer,
  id: text,
  metadata,
  name: text,
  percent_off: decimal,
};

/** Coupons and promotion codes. */
export const discountRoutes: readonly Route[] = [
  route('POST', '/v1/coupons', couponFields, (sandbox, parameters) => createCoupon(sandbox, parameters)),
  route('GET', '/v1/coupons', pageFields, (sandbox, parameters) =>
    pageOf(sandbox.tables.coupons.values(), '/v1/coupons', parameters),
  ),
  route('GET', '/v1/coupons/:id', {}, (sandbox, _parameters, [id]) => couponOf(sandbox, id)),
  // Discounts that it gave go on.
  route('DELETE', '/v1/coupons/:id', {}, (sandbox, _parameters, [id]) => {
    sandbox.emit('coupon.deleted', couponOf(sandbox, id));
    sandbox.tables.coupons.delete(id);
    return { id, object: 'coupon', deleted: true };
  }),
  route(
    'POST',
    '/v1/promotion_codes',
    { code: text, metadata, promotion: required(object({ coupon: required(text), type: required(oneOf('coupon')) })) },
    (sandbox, parameters) => createCode(sandbox, parameters),
  ),
  route('GET', '/v1/promotion_codes', { ...pageFields, active: flag, code: text }, (sandbox, parameters) => {
    const rows = [...sandbox.tables.promotionCodes.values()].filter(
      (each) =>
        (parameters.active === undefined || each.active === parameters.active) &&
        (parameters.code === undefined || each.code === parameters.code),
    );
    return pageOf(rows, '/v1/promotion_codes', parameters);
  }),
  route('GET', '/v1/promotion_codes/:id', {}, (sandbox, _parameters, [id]) =>
    rowOf(sandbox.tables.promotionCodes, 'promotion code', id),
  ),
  route('POST', '/v1/promotion_codes/:id', { active: flag, metadata }, (sandbox, parameters, [id]) => {
    const code = rowOf(sandbox.tables.promotionCodes, 'promotion code', id);
    sandbox.change(code, 'promotion_code.updated', () => {
      if (parameters.active !== undefined) code.active = parameters.active;
      code.metadata = mergeMetadata(code.metadata ?? {}, parameters.metadata);
    });
    return code;
  }),
];

/** The subscriber of a discount, and the place where it was redeemed. */
export interface DiscountOwner {
  readonly customer: string;
  /** Null: it is for one invoice. */
  readonly subscription: string | null;
  readonly item?: string;
  readonly checkoutSession?: string | undefined;
}

/** Redeems what was asked for. @returns the ids of the discounts */
export function redeem(sandbox: Sandbox, requests: DiscountRequest, owner: DiscountOwner): string[] {
  return (requests ?? []).map(({ coupon, discount, promotion_code: code }) => {
    if ([coupon, discount, code].filter((each) => each !== undefined).length !== 1) {
      throw invalid('You must specify exactly one of coupon, discount and promotion_code.', { param: 'discounts' });
    }
    if (discount !== undefined) return rowOf(sandbox.tables.discounts, 'discount', discount, 'discounts').id;
    return newDiscount(sandbox, { coupon, code, ...owner }).id;
  });
}

/** The discounts that count now, of those with these ids. */
export function running(sandbox: Sandbox, ids: readonly string[]): Discount[] {
  return ids.flatMap((id) => {
    const discount = sandbox.tables.discounts.get(id);
    return discount === undefined || (discount.end !== null && discount.end <= sandbox.now()) ? [] : [discount];
  });
}

/** Cents that a discount takes off an amount. */
export function centsOff(sandbox: Sandbox, discount: Discount, cents: number): number {
  return centsOffBy(sandbox, discount.source.coupon ?? '', cents);
}

/** Cents that a coupon takes off an amount. */
export function centsOffBy(sandbox: Sandbox, coupon: string, cents: number): number {
  const terms = sandbox.tables.couponTerms.get(coupon);
  if (terms === undefined || cents <= 0) return 0;
  if (terms.amount_off !== null) return Math.min(cents, terms.amount_off);
  return shareCents(cents, { part: Math.round((terms.percent_off ?? 0) * 100), whole: 10_000 });
}

/** The price of an item after its discounts and its subscription's. */
export function discounted(
  sandbox: Sandbox,
  subscription: Subscription,
  { item, cents }: { item: SubscriptionItem; cents: number },
): number {
  return running(sandbox, [...item.discounts, ...subscription.discounts]).reduce(
    (left, each) => left - centsOff(sandbox, each, left),
    cents,
  );
}

/** An invoice took them along: those that count once are over. */
export function spendOnce(sandbox: Sandbox, subscription: Subscription): void {
  const isSpent = (id: string): boolean => {
    const discount = sandbox.tables.discounts.get(id);
    return sandbox.tables.couponTerms.get(discount?.source.coupon ?? '')?.duration === 'once';
  };
  subscription.discounts = subscription.discounts.filter((id) => !isSpent(id));
  for (const item of subscription.items.data) item.discounts = item.discounts.filter((id) => !isSpent(id));
}

/** The coupon that is asked for by itself or by a code. @throws StripeFailure where there is none, or the code is not active */
export function couponAskedFor(
  sandbox: Sandbox,
  { coupon, code }: { readonly coupon: string | undefined; readonly code: string | undefined },
): { readonly coupon: Coupon; readonly promotion: PromotionCode | null } {
  const promotion =
    code === undefined ? null : rowOf(sandbox.tables.promotionCodes, 'promotion code', code, 'discounts');
  if (promotion?.active === false) throw invalid('This promotion code is not active.', { param: 'discounts' });
  return { coupon: couponOf(sandbox, coupon ?? promotion?.promotion.coupon ?? '', 'discounts'), promotion };
}

function newDiscount(sandbox: Sandbox, { coupon: id, code, customer, subscription, ...owner }: NewDiscount): Discount {
  const { coupon, promotion } = couponAskedFor(sandbox, { coupon: id, code });
  const { duration, duration_in_months: months } = coupon;
  const start = sandbox.now();
  const discount: Discount = {
    id: sandbox.newId('di'),
    object: 'discount',
    checkout_session: owner.checkoutSession ?? null,
    customer,
    customer_account: null,
    end: duration === 'repeating' ? boundary(start, { interval: 'month', interval_count: 1 }, months ?? 1) : null,
    invoice: null,
    invoice_item: null,
    promotion_code: promotion?.id ?? null,
    source: { coupon: coupon.id, type: 'coupon' },
    start,
    subscription,
    subscription_item: owner.item ?? null,
  };
  sandbox.tables.discounts.set(discount.id, discount);
  coupon.times_redeemed += 1;
  if (promotion !== null) promotion.times_redeemed += 1;
  return discount;
}

interface NewDiscount extends DiscountOwner {
  readonly coupon: string | undefined;
  readonly code: string | undefined;
}

function createCoupon(sandbox: Sandbox, parameters: Values<typeof couponFields>): Coupon {
  const { amount_off: cents, percent_off: percent, duration = 'once' } = parameters;
  if ((cents === undefined) === (percent === undefined)) {
    throw invalid('You must specify exactly one of `amount_off` and `percent_off`.', { param: 'percent_off' });
  }
  const coupon: Coupon = {
    id: parameters.id ?? sandbox.newId('').slice(1, 9),
    object: 'coupon',
    amount_off: cents ?? null,
    created: sandbox.now(),
    currency: cents === undefined ? null : (parameters.currency ?? 'usd'),
    duration,
    duration_in_months: parameters.duration_in_months ?? null,
    livemode: false,
    max_redemptions: null,
    metadata: mergeMetadata({}, parameters.metadata),
    name: parameters.name ?? null,
    percent_off: percent === undefined ? null : Number(percent),
    redeem_by: null,
    times_redeemed: 0,
    valid: true,
  };
  sandbox.tables.coupons.set(coupon.id, coupon);
  // A discount outlives its coupon.
  sandbox.tables.couponTerms.set(coupon.id, {
    amount_off: coupon.amount_off,
    percent_off: coupon.percent_off,
    duration,
  });
  sandbox.emit('coupon.created', coupon);
  return coupon;
}

function createCode(
  sandbox: Sandbox,
  {
    code,
    metadata: labels,
    promotion,
  }: { code?: string | undefined; metadata?: Parameters<typeof mergeMetadata>[1]; promotion: { coupon: string } },
): PromotionCode {
  const created: PromotionCode = {
    id: sandbox.newId('promo'),
    object: 'promotion_code',
    active: true,
    code: code ?? sandbox.newId('').slice(1, 9).toUpperCase(),
    created: sandbox.now(),
    customer: null,
    customer_account: null,
    expires_at: null,
    livemode: false,
    max_redemptions: null,
    metadata: mergeMetadata({}, labels),
    promotion: { coupon: couponOf(sandbox, promotion.coupon, 'promotion[coupon]').id, type: 'coupon' },
    restrictions: { first_time_transaction: false, minimum_amount: null, minimum_amount_currency: null },
    times_redeemed: 0,
  };
  sandbox.tables.promotionCodes.set(created.id, created);
  sandbox.emit('promotion_code.created', created);
  return created;
}

function couponOf(sandbox: Sandbox, id: string, param?: string): Coupon {
  return rowOf(sandbox.tables.coupons, 'coupon', id, param);
}
