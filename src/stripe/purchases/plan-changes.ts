/**
 * Changes of a subscription that exists. Each change is derived from the state that Stripe has at the moment, under the
 * customer's lock: a caller who repeats it after a lost answer finds it done.
 */
import { actorOf } from '../../billing-entities/access.ts';
import type { Audit, AuditedState } from '../../billing-entities/audit-log.ts';
import type { Principal } from '../../billing-entities/principal.ts';
import type { Database } from '../../db/database.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { type Subscription, withoutSubscription } from '../../subscriptions/plan-state.ts';
import type { Subscriptions } from '../../subscriptions/subscriptions.ts';
import { type StripeClient, StripeRejection } from '../account/client.ts';
import type { Customers } from '../account/customers.ts';
import type { CustomerSync } from '../sync/sync.ts';
import type { Change } from './arrangements.ts';
import { type PlanChangePreview, previewChange } from './plan-change-preview.ts';
import {
  checkCharged,
  checkOnePrice,
  checkPaid,
  checkRunning,
  directionOf,
  findSubscribed,
  type PlanChange,
  type Subscribed,
  type Target,
  targetOf,
} from './subscribed.ts';
import { SubscriptionCalls } from './subscription-calls.ts';

interface Options {
  readonly stripe: StripeClient;
  readonly customers: Customers;
  readonly sync: CustomerSync;
  readonly subscriptions: Pick<Subscriptions, 'of'>;
  readonly database: Database;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: Log;
}

/** The change that leads to the target. */
function changeTo(subscribed: Subscribed, target: Target): Change {
  const direction = directionOf(subscribed, target);
  if (direction === 'SAME') return 'KEEP';
  return target.plan.priceCents === 0 ? 'END' : direction;
}

/** A change that somebody asks for, as the audit log notes it. */
interface ChangeRequest {
  readonly principal: Principal;
  readonly billingEntityId: string;
  readonly action: string;
  readonly asked: AuditedState;
}

export class PlanChanges {
  readonly #options: Options;
  readonly #calls: SubscriptionCalls;

  constructor(options: Options) {
    this.#options = options;
    this.#calls = new SubscriptionCalls(options);
  }

  /**
   * Previews `change`.
   * @throws Refusal BAD_USER_INPUT; CONFLICT while an invoice is open; PAYMENT_PROVIDER_ERROR, UNAVAILABLE
   */
  async preview(billingEntityId: string, change: PlanChange): Promise<PlanChangePreview> {
    const { stripe, customers, clock } = this.#options;
    const target = targetOf(change);
    const subscribed = await findSubscribed(stripe, await customers.idsOf(billingEntityId));
    return this.#asking(subscribed, async () => {
      if (subscribed !== null) await this.#calls.check(subscribed, changeTo(subscribed, target));
      return previewChange(stripe, { subscribed, target, now: clock.now() });
    });
  }

  /**
   * Adds units at once, with their credits when they are paid; reduces or ends them when the period ends. An earlier
   * scheduled change is withdrawn.
   * @throws Refusal BAD_USER_INPUT; CONFLICT without a subscription, while an invoice is open, or when a change that waited
   *   was paid a moment ago; PAYMENT_PROVIDER_ERROR, UNAVAILABLE
   */
  async change(principal: Principal, billingEntityId: string, change: PlanChange): Promise<Subscription> {
    const target = targetOf(change);
    const { plan, quantity } = change;
    const request = { principal, billingEntityId, action: 'plan.change', asked: { plan, quantity } };
    return this.#changing(request, 'use Checkout to subscribe', async (subscribed, note) => {
      switch (directionOf(subscribed, target)) {
        case 'UP':
          checkPaid(subscribed);
          checkOnePrice(subscribed);
          checkCharged(subscribed);
          await this.#calls.check(subscribed, 'UP');
          await note();
          return this.#calls.upgrade(subscribed, target.quantity);
        case 'SAME':
          await this.#calls.check(subscribed, 'KEEP');
          await note();
          return this.#calls.keep(subscribed);
        case 'DOWN':
          checkRunning(subscribed, target);
          if (target.plan.priceCents > 0) checkOnePrice(subscribed);
          await this.#calls.check(subscribed, target.plan.priceCents === 0 ? 'END' : 'DOWN');
          await note();
          if (target.plan.priceCents === 0) return this.#calls.end(subscribed);
          return this.#calls.scheduleUnits(subscribed, target.quantity);
      }
    });
  }

  /**
   * Ends the subscription with its period, like `change` to the free trial; ends a paused one now. Repeating it changes
   * nothing.
   * @throws Refusal CONFLICT without a subscription; PAYMENT_PROVIDER_ERROR, UNAVAILABLE
   */
  async cancel(principal: Principal, billingEntityId: string): Promise<Subscription> {
    const asked = { cancelAtPeriodEnd: true };
    const request = { principal, billingEntityId, action: 'subscription.cancel', asked };
    return this.#changing(request, 'there is nothing to cancel', async (subscribed, note) => {
      await this.#calls.check(subscribed, 'END');
      await note();
      await this.#calls.end(subscribed);
    });
  }

  /**
   * Lets the subscription go on after its period; a paused one goes on from now. Repeating it changes nothing.
   * @throws Refusal CONFLICT without a subscription; PAYMENT_PROVIDER_ERROR, UNAVAILABLE
   */
  async resume(principal: Principal, billingEntityId: string): Promise<Subscription> {
    const asked = { cancelAtPeriodEnd: false };
    const request = { principal, billingEntityId, action: 'subscription.resume', asked };
    return this.#changing(request, 'it has ended: use Checkout', async (subscribed, note) => {
      await this.#calls.check(subscribed, 'RESUME');
      await note();
      await this.#calls.setEnding(subscribed, false);
      await this.#calls.unpause(subscribed);
    });
  }

  /** Changes the subscription at Stripe and makes our state follow, both under the customer's lock. */
  async #changing(
    request: ChangeRequest,
    otherwise: string,
    work: (subscribed: Subscribed, note: () => Promise<void>) => Promise<void>,
  ): Promise<Subscription> {
    const { stripe, customers, sync, subscriptions, clock } = this.#options;
    const none = (): Refusal => new Refusal('CONFLICT', `there is no subscription: ${otherwise}`);
    const all = await customers.idsOf(request.billingEntityId);
    const [customer] = all;
    if (customer === undefined) throw none();
    await sync.holding(customer, async (lock) => {
      const subscribed = await findSubscribed(stripe, all);
      if (subscribed === null) throw none();
      await this.#asking(subscribed, () => work(subscribed, () => this.#note(request, subscribed)));
      await sync.answerHeld(customer, lock);
    });
    const { subscription } = await subscriptions.of(request.billingEntityId);
    return subscription ?? withoutSubscription(request.billingEntityId, clock.now());
  }

  /** Stripe may refuse a change for the kind of subscription, for example one that is paid by invoice or bank debit. */
  async #asking<T>(subscribed: Subscribed | null, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StripeRejection)) throw error;
      const subscription = subscribed?.subscription.id;
      this.#options.log.error({ err: error, subscription }, 'Stripe refused a change of plan');
      throw new Refusal(
        'CONFLICT',
        'the payment provider does not allow this change of the subscription as it is: ask support',
        {
          cause: error,
        },
      );
    }
  }

  /** Audits the request before Stripe is asked, so that no process can die between a change and the note of who asked for it. */
  async #note({ principal, billingEntityId, action, asked }: ChangeRequest, subscribed: Subscribed): Promise<void> {
    const { audit, database } = this.#options;
    const { plan, quantity, subscription } = subscribed;
    const before = { plan: plan.code, quantity, cancelAtPeriodEnd: subscription.cancel_at_period_end };
    const entry = { billingEntityId, actor: actorOf(principal), action, subject: subscription.id };
    await audit({ ...entry, before, after: { ...before, ...asked }, reason: null }, database);
  }
}
