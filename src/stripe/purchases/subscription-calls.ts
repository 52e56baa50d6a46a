import type { Stripe } from 'stripe';
import type { Clock } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { type StripeClient, StripeRejection } from '../account/client.ts';
import { idOf, instantOf } from '../account/values.ts';
import { withAllLines } from '../sync/affairs.ts';
import { paidBasesOf } from '../sync/base-lines.ts';
import { arrangedEndOf, type Change, checkArrangements, isLeft, runningPhaseOf } from './arrangements.ts';
import { phaseRequestOf } from './phase-requests.ts';
import type { Subscribed } from './subscribed.ts';

interface Options {
  readonly stripe: StripeClient;
  readonly clock: Clock;
}

/**
 * Changes a subscription at Stripe. Each call starts from the state that was just fetched, so that repeating it after a lost
 * answer finds the change done. Callers hold the customer's lock.
 */
export class SubscriptionCalls {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Refuses a change that would undo what others arranged at Stripe. @throws Refusal CONFLICT */
  async check(subscribed: Subscribed, change: Change): Promise<void> {
    checkArrangements(subscribed, await this.scheduleOf(subscribed), change);
  }

  /** The subscription's schedule; null: it has none. */
  async scheduleOf({ subscription: { schedule } }: Subscribed): Promise<Stripe.SubscriptionSchedule | null> {
    if (schedule === null) return null;
    const id = idOf(schedule);
    return this.#options.stripe.call('subscription_schedule', (sdk) => sdk.subscriptionSchedules.retrieve(id));
  }

  /** Adds units and charges them at once; nothing changes until that is paid. */
  async upgrade(subscribed: Subscribed, quantity: number): Promise<void> {
    const { subscription, item } = subscribed;
    const { pending_update: pending } = subscription;
    const waiting = pending?.subscription_items?.find(({ id }) => id === item.id)?.quantity;
    // The same change waits for the payer already: asking again would charge again.
    if (waiting === quantity) return;
    await this.#release(subscribed);
    const isEnding = subscription.cancel_at_period_end;
    // Beside a payment that may wait, Stripe accepts only `cancel_at_period_end: false`, and no other change of the end.
    if (!isEnding) await this.setEnding(subscribed, false);
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
        // The key names the state that the change starts from: it happens once from there, however often it is tried, and
        // each outcome has another latest invoice. It names the hour too, since Stripe repeats its own failure under one key
        // for a day.
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

  /** The subscription has these units from the period's end on. */
  async scheduleUnits(subscribed: Subscribed, quantity: number): Promise<void> {
    await this.#dropPending(subscribed);
    const { stripe } = this.#options;
    const { subscription, item } = subscribed;
    await this.setEnding(subscribed, false);
    // Stripe needs two calls: one takes the subscription under a schedule, one says what comes.
    const schedule =
      (await this.scheduleOf(subscribed)) ??
      (await stripe.call('subscription_schedule', (sdk) =>
        sdk.subscriptionSchedules.create({ from_subscription: subscription.id }),
      ));
    const running = runningPhaseOf(schedule);
    if (running === null) throw new Error(`schedule ${schedule.id} runs no phase`);
    // A phase that names no card would take the card from the subscription.
    const method = subscription.default_payment_method;
    const now = {
      ...phaseRequestOf(running),
      ...(method !== null && { default_payment_method: idOf(method) }),
      end_date: item.current_period_end,
    };
    const { interval = 'month', interval_count = 1 } = item.price.recurring ?? {};
    // Items of one invoice are not added to the next, and a trial is not begun again.
    const { add_invoice_items: _added, trial: _trial, trial_end: _trialEnd, end_date: _end, ...terms } = now;
    const next = {
      ...terms,
      items: terms.items.map((each) => (each.price === item.price.id ? { ...each, quantity } : each)),
      start_date: item.current_period_end,
      duration: { interval, interval_count },
      proration_behavior: 'none' as const,
    };
    await stripe.call('subscription_schedule', (sdk) =>
      sdk.subscriptionSchedules.update(schedule.id, { end_behavior: 'release', phases: [now, next] }),
    );
  }

  /**
   * The subscription goes on as it is: changes that wait, are scheduled, or end it are withdrawn. What others scheduled, and
   * `check` let pass, is left.
   */
  async keep(subscribed: Subscribed): Promise<void> {
    await this.#dropPending(subscribed);
    if (isLeft(await this.scheduleOf(subscribed), subscribed)) return;
    await this.#release(subscribed);
    await this.setEnding(subscribed, false);
  }

  /**
   * The subscription ends with its period. A paused one ends now, unless its period is paid: a trial that ended without a card
   * has no period's end, and who paused a subscription that was paid keeps what was paid for.
   */
  async end(subscribed: Subscribed): Promise<void> {
    await this.#dropPending(subscribed);
    await this.#release(subscribed);
    const { status } = subscribed.subscription;
    if (status === 'paused' && !(await this.#isPeriodPaid(subscribed))) await this.#endNow(subscribed);
    else await this.setEnding(subscribed, true);
  }

  /** Makes the subscription end with its period, or go on after it. */
  async setEnding({ subscription, item }: Subscribed, isEnding: boolean): Promise<void> {
    // An end on another day is somebody else's: whoever may not leave it is refused before.
    if (arrangedEndOf({ subscription, item }) !== null) return;
    const ends = subscription.cancel_at_period_end || subscription.cancel_at !== null;
    if (ends === isEnding) return;
    const change = isEnding ? endWith(item, subscription) : withoutEnd(subscription);
    await this.#options.stripe.call('subscription', (sdk) => sdk.subscriptions.update(subscription.id, change));
  }

  /**
   * A paused subscription goes on. After a trial that ended without a card a period begins and is charged, where there is a
   * card now. A period that is paid goes on as it is.
   */
  async unpause(subscribed: Subscribed): Promise<void> {
    const { id, status } = subscribed.subscription;
    if (status !== 'paused') return;
    const isPaid = await this.#isPeriodPaid(subscribed);
    await this.#options.stripe.call('subscription', (sdk) =>
      sdk.subscriptions.resume(id, isPaid ? { billing_cycle_anchor: { type: 'unchanged' } } : {}),
    );
  }

  /** True if the running period is not over, and somebody paid for it. */
  async #isPeriodPaid({ subscription, item }: Subscribed): Promise<boolean> {
    const { stripe, clock } = this.#options;
    const now = clock.now();
    if (instantOf(item.current_period_end) <= now) return false;
    const listed = await stripe.list('invoice', (sdk, page) =>
      sdk.invoices.list({ subscription: subscription.id, status: 'paid', ...page }),
    );
    const invoices = await Promise.all(listed.map((each) => withAllLines(stripe, each)));
    const bases = paidBasesOf({ invoices, subscriptions: [subscription] });
    return bases.some(({ isTrial, periodStart, periodEnd }) => !isTrial && periodStart <= now && now < periodEnd);
  }

  async #endNow({ subscription }: Subscribed): Promise<void> {
    await this.#options.stripe.call('subscription', (sdk) => sdk.subscriptions.cancel(subscription.id));
  }

  /** Releases the schedule: under one, Stripe lets nobody say whether a subscription ends. */
  async #release({ subscription }: Subscribed): Promise<void> {
    if (subscription.schedule === null) return;
    const id = idOf(subscription.schedule);
    await this.#options.stripe.call('subscription_schedule', (sdk) => sdk.subscriptionSchedules.release(id));
  }

  /** Withdraws an upgrade that waits for its payment, by voiding the invoice. @throws Refusal CONFLICT when it was just paid */
  async #dropPending({ subscription }: Subscribed): Promise<void> {
    if (subscription.pending_update === null || subscription.latest_invoice === null) return;
    const id = idOf(subscription.latest_invoice);
    try {
      await this.#options.stripe.call('invoice', (sdk) => sdk.invoices.voidInvoice(id));
    } catch (error) {
      // The payer's page knows nothing of our lock.
      if (error instanceof StripeRejection) {
        throw new Refusal('CONFLICT', 'the pending change has just been paid: look at the subscription again');
      }
      throw error;
    }
  }
}

/**
 * The change that makes a subscription end with the period of its plan. Where another item has a shorter or longer period, the day is
 * named: with which of them Stripe would end it is not certain, and a year that is paid must not end with a month.
 */
function endWith(item: Stripe.SubscriptionItem, { items }: Stripe.Subscription): Stripe.SubscriptionUpdateParams {
  const { current_period_end: end } = item;
  const isAlike = items.data.every((each) => each.current_period_end === end);
  return isAlike ? { cancel_at_period_end: true } : { cancel_at: end };
}

/** The change that lets a subscription go on after its period. */
function withoutEnd({ cancel_at_period_end: atPeriodEnd }: Stripe.Subscription): Stripe.SubscriptionUpdateParams {
  return atPeriodEnd ? { cancel_at_period_end: false } : { cancel_at: '' };
}
