import { automaticTaxesOf, type TaxPlace } from './automatic-tax.ts';
import { priceOf, productNameOf } from './catalog.ts';
import type { SessionParameters } from './checkout-parameters.ts';
import { customerOf } from './customers.ts';
import { centsOffBy, couponAskedFor } from './discounts.ts';
import { invalid } from './errors.ts';
import { isMetered, unitAmountOf } from './invoice-lines.ts';
import { LEAST_CHARGE_CENTS } from './invoice-sums.ts';
import { formatMoney, lineCents } from './money.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import { taxIdsOf } from './tax-ids.ts';
import type { CheckoutDetails, ToldAtCheckout } from './tables.ts';
import type { CheckoutLine, CheckoutSession } from './wire.ts';

/** Refuses discounts, taxes and tax ids that cannot stand together, or with the customer. */
export function assertTerms(sandbox: Sandbox, parameters: SessionParameters): void {
  const { customer: id, customer_update: update, discounts } = parameters;
  if (discounts !== undefined && parameters.allow_promotion_codes !== undefined) {
    throw invalid('You may only specify one of these parameters: allow_promotion_codes, discounts.');
  }
  if ((discounts ?? []).length > 1) throw invalid('You may only specify one discount.', { param: 'discounts' });
  if (update !== undefined && id === undefined) {
    throw invalid('`customer_update` can only be used with `customer`.', { param: 'customer_update' });
  }
  if (id === undefined) return;
  const country = customerOf(sandbox, id, 'customer').address?.country ?? null;
  if (parameters.automatic_tax?.enabled === true && country === null && update?.address !== 'auto') {
    throw invalid(
      "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid address to the Customer or set either `customer_update[address]` to 'auto' or `customer_update[shipping]` to 'auto' to save the address entered in Checkout to the Customer.",
      { code: 'customer_tax_location_invalid', param: 'automatic_tax' },
    );
  }
  if (parameters.tax_id_collection?.enabled === true && update?.name !== 'auto') {
    throw invalid(
      'Tax ID collection requires updating business name on the customer. To enable tax ID collection for an existing customer, please set `customer_update[name]` to `auto`.',
      { param: 'tax_id_collection' },
    );
  }
}

/** The discounts of a session, as they were asked for. @throws StripeFailure where there is no such coupon or active code */
export function sessionDiscounts(
  sandbox: Sandbox,
  asked: SessionParameters['discounts'],
): NonNullable<CheckoutSession['discounts']> {
  return (asked ?? []).map(({ coupon, promotion_code: code }) => {
    if ((coupon === undefined) === (code === undefined)) {
      throw invalid('You must specify exactly one of coupon and promotion_code.', { param: 'discounts' });
    }
    couponAskedFor(sandbox, { coupon, code });
    return { coupon: coupon ?? null, promotion_code: code ?? null };
  });
}

/** The goods of a session, as `line_items` shows them: less its discount, and with the taxes of what was told so far. */
export function checkoutLines(sandbox: Sandbox, id: string): CheckoutLine[] {
  const session = sandbox.tables.checkoutSessions.get(id);
  const details = sandbox.tables.checkoutDetails.get(id);
  if (session === undefined || details === undefined) return [];
  const coupon = couponOf(sandbox, session);
  const terms = sandbox.tables.couponTerms.get(coupon ?? '');
  const place = placeOf(sandbox, session, details);
  let left = terms?.amount_off ?? null;
  return details.lines.map((line) => {
    const price = priceOf(sandbox, line.price);
    const amount = isMetered(price) ? 0 : lineCents(unitAmountOf(price), line.quantity);
    const off = coupon === null ? 0 : Math.min(centsOffBy(sandbox, coupon, amount), left ?? amount);
    if (left !== null) left -= off;
    const taxes = session.automatic_tax.enabled
      ? automaticTaxesOf(sandbox, place, { price: price.id, cents: amount - off })
      : [];
    const sumOf = (which: typeof taxes): number => which.reduce((sum, tax) => sum + tax.amount, 0);
    return {
      id: line.id,
      object: 'item',
      adjustable_quantity: null,
      amount_discount: off,
      amount_subtotal: amount,
      amount_tax: sumOf(taxes),
      amount_total: amount - off + sumOf(taxes.filter((tax) => tax.tax_behavior === 'exclusive')),
      currency: price.currency,
      description: productNameOf(sandbox, price),
      metadata: {},
      price: structuredClone(price),
      quantity: isMetered(price) ? null : line.quantity,
    };
  });
}

/** Sums a session up, as things stand. During a trial nothing is due. */
export function sumUp(sandbox: Sandbox, session: CheckoutSession, details: CheckoutDetails): void {
  const isTrial = details.trialEnd !== null || details.trialDays !== null;
  const lines = isTrial ? [] : checkoutLines(sandbox, session.id);
  const sumOf = (name: 'amount_discount' | 'amount_subtotal' | 'amount_tax' | 'amount_total'): number =>
    lines.reduce((sum, line) => sum + line[name], 0);
  session.amount_subtotal = sumOf('amount_subtotal');
  session.amount_total = sumOf('amount_total');
  session.total_details = {
    amount_discount: sumOf('amount_discount'),
    amount_shipping: 0,
    amount_tax: sumOf('amount_tax'),
  };
  if (!session.automatic_tax.enabled) return;
  const { country } = placeOf(sandbox, session, details);
  session.automatic_tax.status = country === null ? 'requires_location_inputs' : 'complete';
}

/** A payment may come to nothing, but not to less than what can be charged. */
export function assertChargeable({ mode, amount_total: total, currency }: CheckoutSession): void {
  if (mode !== 'payment' || total === null || total === 0 || total >= LEAST_CHARGE_CENTS) return;
  const least = formatMoney(LEAST_CHARGE_CENTS, currency ?? 'usd');
  throw invalid(`The Checkout Session's total amount due must add up to at least ${least} ${currency}`, {
    code: 'amount_too_small',
  });
}

/** Answers of a buyer's. What is left out stays as it was told before. */
export interface Answers extends Partial<ToldAtCheckout> {
  /** A promotion code, as a person types it. */
  readonly promotionCode?: string;
}

/** A buyer fills the page in, besides the card. @throws StripeFailure what the page would not take */
export function fillIn(
  sandbox: Sandbox,
  { session, details }: { readonly session: CheckoutSession; readonly details: CheckoutDetails },
  { promotionCode, ...answers }: Answers,
): void {
  if (promotionCode !== undefined) {
    const discounts = [{ coupon: null, promotion_code: codeTyped(sandbox, session, promotionCode) }];
    const before = session.discounts;
    session.discounts = discounts;
    sumUp(sandbox, session, details);
    try {
      assertChargeable(session);
    } catch (error) {
      session.discounts = before;
      sumUp(sandbox, session, details);
      throw error;
    }
  }
  details.told = { address: null, name: null, taxId: null, ...details.told, ...answers };
  sumUp(sandbox, session, details);
  sandbox.onChange();
}

/** Refuses a page that is not filled in whole. */
export function assertFilledIn(session: CheckoutSession, details: CheckoutDetails): void {
  if (session.automatic_tax.status === 'requires_location_inputs') throw invalid('Your address is missing.');
  if (session.tax_id_collection?.required === 'if_supported' && details.told?.taxId == null) {
    throw invalid('Your tax ID is missing.');
  }
}

function codeTyped(sandbox: Sandbox, session: CheckoutSession, typed: string): string {
  const code = [...sandbox.tables.promotionCodes.values()].find(
    (each) => each.active && each.code.toLowerCase() === typed.trim().toLowerCase(),
  );
  if (session.allow_promotion_codes !== true || code === undefined) throw invalid('This code is invalid.');
  return code.id;
}

function couponOf(sandbox: Sandbox, session: CheckoutSession): string | null {
  const [discount] = session.discounts ?? [];
  if (discount === undefined) return null;
  if (discount.coupon !== null) return discount.coupon;
  return rowOf(sandbox.tables.promotionCodes, 'promotion code', discount.promotion_code ?? '').promotion.coupon;
}

/** The place that the buyer told, or that the customer had before. */
function placeOf(sandbox: Sandbox, session: CheckoutSession, { told }: CheckoutDetails): TaxPlace {
  const customer = sandbox.tables.customers.get(session.customer ?? '');
  const isKnown = customer !== undefined && taxIdsOf(sandbox, customer.id).length > 0;
  return {
    country: told?.address?.country ?? customer?.address?.country ?? null,
    hasTaxId: isKnown || told?.taxId != null,
  };
}
