/**
 * Changes of a subscription that is there. What is to be done is told from the state that Stripe has at the moment, under
 * the customer's lock: whoever asks again after a lost answer finds it done.
 */
import type { Stripe } from 'stripe';
import { actorOf } from '../../billing-entities/access.ts';
import type { Audit, AuditedState } from '../../billing-entities/audit-log.ts';
import type { Principal } from '../../billing-entities/principal.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Database } from '../../db/database.ts';
import type { Log } from '../../kernel/log.ts';
import { PLAN_BY_CODE, type PlanCode, type PlanTerms } from '../../plans/plans.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { type Subscription, type Subscriptions, withoutSubscription } from '../../subscriptions/subscriptions.ts';
import { checkQuantity } from './checkout.ts';
import { type StripeClient, StripeRejection } from '../client.ts';
import type { Customers } from '../customers.ts';
import { chooseSubscription, idOf, planItemOf, prorationsOf } from '../sync/provider-state.ts';
import type { CustomerSync } from '../sync/sync.ts';

interface Options {
  readonly stripe: StripeClient;
  readonly customers: Customers;
  readonly sync: CustomerSync;
  readonly subscriptions: Subscriptions;
  readonly database: Database;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: Log;
}

export interface PlanChange {
  readonly plan: PlanCode;
  readonly quantity: number;
}

/** What a change would come to. */
export interface PlanChangePreview {
  readonly timing: 'NOW' | 'WHEN_PAID' | 'PERIOD_END';
  readonly effectiveAt: Date;
  readonly dueNowCents: number;
  readonly creditsAdded: bigint;
  readonly nextInvoiceCents: number;
  readonly featuresLost: readonly string[];
  /** There is nothing to charge yet. */
  readonly checkoutRequired: boolean;
}

/** A subscription as Stripe has it, with the item that is the plan. */
interface Subscribed {
  readonly customer: string;
  readonly subscription: Stripe.Subscription;
  readonly item: Stripe.SubscriptionItem;
  readonly plan: PlanTerms;
  readonly quantity: number;
}

interface Ask {
  readonly principal: Principal;
  readonly billingEntityId: string;
  readonly action: string;
  readonly asked: AuditedState;
}

export class PlanChanges {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /** What `change` would do now. @throws Refusal BAD_USER_INPUT; CONFLICT while an invoice is open; PAYMENT_PROVIDER_ERROR, UNAVAILABLE */
  async preview(billingEntityId: string, change: PlanChange): Promise<PlanChangePreview> {
    const target = termsOf(change);
    const subscribed = await this.#subscribed(billingEntityId);
    const now = this.#options.clock.now();
    const { plan, quantity } = target;
    const nextInvoiceCents = plan.priceCents * quantity;
    const nothing = { dueNowCents: 0, creditsAdded: 0n, nextInvoiceCents, featuresLost: [], checkoutRequired: false };
    if (subscribed === null) {
      if (plan.priceCents === 0) return { ...nothing, timing: 'NOW', effectiveAt: now };
      const creditsAdded = plan.credits * BigInt(quantity);
      const dueNowCents = nextInvoiceCents;
      return { ...nothing, timing: 'WHEN_PAID', effectiveAt: now, dueNowCents, creditsAdded, checkoutRequired: true };
    }
    switch (directionOf(subscribed, target)) {
      case 'SAME':
        return { ...nothing, timing: 'NOW', effectiveAt: now };
      case 'DOWN': {
        checkRunning(subscribed, target);
        const featuresLost = subscribed.plan.features.filter((each) => !plan.features.includes(each));
        const effectiveAt = new Date(subscribed.item.current_period_end * 1_000);
        return { ...nothing, timing: 'PERIOD_END', effectiveAt, featuresLost };
      }
      case 'UP': {
        checkPaid(subscribed);
        const { amount_due: dueNowCents, lines } = await this.#asking(subscribed, () =>
          this.#options.stripe.call('invoice', (sdk) =>
            sdk.invoices.createPreview({
              customer: subscribed.customer,
              subscription: subscribed.subscription.id,
              subscription_details: {
                items: [{ id: subscribed.item.id, quantity }],
                proration_behavior: 'always_invoice',
              },
            }),
          ),
        );
        const anchor = new Date(subscribed.subscription.billing_cycle_anchor * 1_000);
        const creditsAdded = prorationsOf(lines.data, anchor).reduce((sum, { amount }) => sum + amount, 0n);
        const timing = dueNowCents > 0 ? 'WHEN_PAID' : 'NOW';
        return { ...nothing, timing, effectiveAt: now, dueNowCents, creditsAdded };
      }
    }
  }

  /**
   * More units at once, with their credits when they are paid; fewer, or none, when the period ends. What was scheduled
   * before is overtaken.
   * @throws Refusal BAD_USER_INPUT; CONFLICT without a subscription, while an invoice is open, or when what waited was paid
   *   a moment ago; PAYMENT_PROVIDER_ERROR, UNAVAILABLE
   */
  async change(principal: Principal, billingEntityId: string, change: PlanChange): Promise<Subscription> {
    const target = termsOf(change);
    const { plan, quantity } = change;
    const ask = { principal, billingEntityId, action: 'plan.change', asked: { plan, quantity } };
    return this.#changing(ask, 'use Checkout to subscribe', async (subscribed, note) => {
      switch (directionOf(subscribed, target)) {
        case 'UP':
          checkPaid(subscribed);
          await note();
          return this.#upgrade(subscribed, target.quantity);
        case 'SAME':
          await note();
          await this.#dropPending(subscribed);
          await this.#release(subscribed);
          return this.#setEnding(subscribed, false);
        case 'DOWN':
          checkRunning(subscribed, target);
          await note();
          if (target.plan.priceCents === 0) return this.#end(subscribed);
          await this.#dropPending(subscribed);
          return this.#scheduleUnits(subscribed, target.quantity);
      }
    });
  }

  /**
   * The subscription ends with its period, as `change` to the free trial; one that is paused, now. Again: the same.
   * @throws Refusal CONFLICT without one; PAYMENT_PROVIDER_ERROR, UNAVAILABLE
   */
  async cancel(principal: Principal, billingEntityId: string): Promise<Subscription> {
    const ask = { principal, billingEntityId, action: 'subscription.cancel', asked: { cancelAtPeriodEnd: true } };
    return this.#changing(ask, 'there is nothing to cancel', async (subscribed, note) => {
      await note();
      await this.#end(subscribed);
    });
  }

  /**
   * It goes on after its period; one that is paused, from now on. Again: the same.
   * @throws Refusal CONFLICT without one; PAYMENT_PROVIDER_ERROR, UNAVAILABLE
   */
  async resume(principal: Principal, billingEntityId: string): Promise<Subscription> {
    const ask = { principal, billingEntityId, action: 'subscription.resume', asked: { cancelAtPeriodEnd: false } };
    return this.#changing(ask, 'it has ended: use Checkout', async (subscribed, note) => {
      await note();
      await this.#setEnding(subscribed, false);
      await this.#unpause(subscribed);
    });
  }

  /** Changes what Stripe has, and makes our state follow, both under the customer's lock. */
  async #changing(
    ask: Ask,
    otherwise: string,
    work: (subscribed: Subscribed, note: () => Promise<void>) => Promise<void>,
  ): Promise<Subscription> {
    const { customers, sync, subscriptions, clock } = this.#options;
    const none = (): Refusal => new Refusal('CONFLICT', `there is no subscription: ${otherwise}`);
    const customer = await customers.of(ask.billingEntityId);
    if (customer === null) throw none();
    await sync.holding(customer, async (lock) => {
      const subscribed = await this.#find(customer);
      if (subscribed === null) throw none();
      await this.#asking(subscribed, () => work(subscribed, () => this.#note(ask, subscribed)));
      await sync.answerHeld(customer, lock);
    });
    const { subscription } = await subscriptions.of(ask.billingEntityId);
    return subscription ?? withoutSubscription(ask.billingEntityId, clock.now());
  }

  /** Stripe may not do with a subscription what is asked here: one that is paid by invoice or bank debit, for example. */
  async #asking<T>({ subscription }: Subscribed, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StripeRejection)) throw error;
      this.#options.log.error({ err: error, subscription: subscription.id }, 'Stripe refused a change of plan');
      throw new Refusal('CONFLICT', 'the payment provider does not allow this change of the subscription as it is', {
        cause: error,
      });
    }
  }

  /** Before Stripe is asked, with what it is asked for: no process may die between a change and the note of who wanted it. */
  async #note({ principal, billingEntityId, action, asked }: Ask, subscribed: Subscribed): Promise<void> {
    const { audit, database } = this.#options;
    const { plan, quantity, subscription } = subscribed;
    const before = { plan: plan.code, quantity, cancelAtPeriodEnd: subscription.cancel_at_period_end };
    const entry = { billingEntityId, actor: actorOf(principal), action, subject: subscription.id };
    await audit({ ...entry, before, after: { ...before, ...asked }, reason: null }, database);
  }

  async #subscribed(billingEntityId: string): Promise<Subscribed | null> {
    const customer = await this.#options.customers.of(billingEntityId);
    return customer === null ? null : this.#find(customer);
  }

  async #find(customer: string): Promise<Subscribed | null> {
    const all = await this.#options.stripe.list('subscription', (sdk, page) =>
      sdk.subscriptions.list({ customer, status: 'all', ...page }),
    );
    const { kept } = chooseSubscription(all);
    const plan = kept && planItemOf(kept);
    // Nothing of it was ever paid: it is as if there were none.
    if (kept === null || plan === null || kept.status === 'incomplete') return null;
    return { customer, subscription: kept, ...plan };
  }

  /** Charged at once; until that is paid nothing changes. */
  async #upgrade(subscribed: Subscribed, quantity: number): Promise<void> {
    const { subscription, item } = subscribed;
    const { pending_update: pending } = subscription;
    const waiting = pending?.subscription_items?.find(({ id }) => id === item.id)?.quantity;
    // It waits for the payer already: asking again would charge again.
    if (waiting === quantity) return;
    await this.#release(subscribed);
    const isEnding = subscription.cancel_at_period_end;
    // Beside a payment that may wait, Stripe takes that back, and no other end.
    if (!isEnding) await this.#setEnding(subscribed, false);
    const latest = subscription.latest_invoice === null ? 'none' : idOf(subscription.latest_invoice);
    const hour = Math.floor(this.#options.clock.now().getTime() / 3_600_000);
    await this.#options.stripe.call('subscription', (sdk) =>
      sdk.subscriptions.update(
        subscription.id,
        {
          items: [{ id: item.id, quantity }],
          proration_behavior: 'always_invoice',
          payment_behavior: 'pending_if_incomplete',
          ...(isEnding && { cancel_at_period_end: false }),
        },
        // Of the state that it changes: once from there, however often it is tried. Each outcome has another invoice. And of
        // the hour, since Stripe repeats a failure of its own under one key for a day.
        {
          idempotencyKey: [
            'tollgate-units',
            subscription.id,
            latest,
            subscribed.quantity,
            quantity,
            isEnding,
            hour,
          ].join('-'),
        },
      ),
    );
  }

  /** Two calls, as Stripe has it: one takes the subscription under a schedule, one says what comes. */
  async #scheduleUnits(subscribed: Subscribed, quantity: number): Promise<void> {
    const { stripe } = this.#options;
    const { subscription, item } = subscribed;
    await this.#setEnding(subscribed, false);
    const { id } =
      subscription.schedule === null
        ? await stripe.call('subscription_schedule', (sdk) =>
            sdk.subscriptionSchedules.create({ from_subscription: subscription.id }),
          )
        : { id: idOf(subscription.schedule) };
    // A phase without one would take the card from the subscription.
    const method = subscription.default_payment_method;
    const terms = { ...(method !== null && { default_payment_method: idOf(method) }) };
    const itemsWith = (units: number): { price: string; quantity?: number }[] =>
      subscription.items.data.map((each) => ({
        price: each.price.id,
        ...(each.id === item.id ? { quantity: units } : each.quantity !== undefined && { quantity: each.quantity }),
      }));
    await stripe.call('subscription_schedule', (sdk) =>
      sdk.subscriptionSchedules.update(id, {
        end_behavior: 'release',
        phases: [
          {
            ...terms,
            items: itemsWith(subscribed.quantity),
            start_date: item.current_period_start,
            end_date: item.current_period_end,
          },
          {
            ...terms,
            items: itemsWith(quantity),
            start_date: item.current_period_end,
            duration: { interval: 'month', interval_count: 1 },
            proration_behavior: 'none',
          },
        ],
      }),
    );
  }

  /** Nothing that waits or was scheduled is to come any more. */
  async #end(subscribed: Subscribed): Promise<void> {
    await this.#dropPending(subscribed);
    await this.#release(subscribed);
    if (subscribed.subscription.status === 'paused') await this.#endNow(subscribed);
    else await this.#setEnding(subscribed, true);
  }

  /** What is paused comes to no end of a period. Nothing was paid for it. */
  async #endNow({ subscription }: Subscribed): Promise<void> {
    await this.#options.stripe.call('subscription', (sdk) => sdk.subscriptions.cancel(subscription.id));
  }

  /** A trial that ended without a card goes on where there is one: a period begins, and is charged. */
  async #unpause({ subscription }: Subscribed): Promise<void> {
    if (subscription.status !== 'paused') return;
    await this.#options.stripe.call('subscription', (sdk) => sdk.subscriptions.resume(subscription.id));
  }

  /** Under a schedule Stripe lets nobody say whether a subscription ends. */
  async #release({ subscription }: Subscribed): Promise<void> {
    if (subscription.schedule === null) return;
    const id = idOf(subscription.schedule);
    await this.#options.stripe.call('subscription_schedule', (sdk) => sdk.subscriptionSchedules.release(id));
  }

  async #setEnding({ subscription }: Subscribed, isEnding: boolean): Promise<void> {
    const ends = subscription.cancel_at_period_end || subscription.cancel_at !== null;
    if (ends === isEnding) return;
    await this.#options.stripe.call('subscription', (sdk) =>
      sdk.subscriptions.update(
        subscription.id,
        !isEnding && !subscription.cancel_at_period_end ? { cancel_at: '' } : { cancel_at_period_end: isEnding },
      ),
    );
  }

  /** An upgrade that still waits ends with its invoice. @throws Refusal CONFLICT when that was paid a moment ago */
  async #dropPending({ subscription }: Subscribed): Promise<void> {
    if (subscription.pending_update === null || subscription.latest_invoice === null) return;
    const id = idOf(subscription.latest_invoice);
    try {
      await this.#options.stripe.call('invoice', (sdk) => sdk.invoices.voidInvoice(id));
    } catch (error) {
      // The payer's page knows nothing of our lock.
      if (error instanceof StripeRejection) throw new Refusal('CONFLICT', 'the change that waited no longer does');
      throw error;
    }
  }
}

interface Target {
  readonly plan: PlanTerms;
  readonly quantity: number;
}

function termsOf({ plan, quantity }: PlanChange): Target {
  checkQuantity(quantity);
  return { plan: PLAN_BY_CODE[plan], quantity };
}

/** @throws Refusal CONFLICT: whoever owes for what there is does not get more */
function checkPaid({ subscription: { status } }: Subscribed): void {
  if (status !== 'active' && status !== 'trialing') {
    throw new Refusal('CONFLICT', 'an invoice of the subscription is not paid yet');
  }
}

/** @throws Refusal CONFLICT: what is paused has no period at whose end there could be fewer units; it can only end, or go on */
function checkRunning({ subscription: { status } }: Subscribed, { plan }: Target): void {
  if (status !== 'paused' || plan.priceCents === 0) return;
  throw new Refusal('CONFLICT', 'the subscription is paused: resume it, or end it');
}

/** More money is up. */
function directionOf({ plan, quantity }: Subscribed, target: Target): 'UP' | 'DOWN' | 'SAME' {
  const difference = target.plan.priceCents * target.quantity - plan.priceCents * quantity;
  return difference === 0 ? 'SAME' : difference > 0 ? 'UP' : 'DOWN';
}
