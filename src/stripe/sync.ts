/**
 * The one way in which our state follows Stripe's: everything of a customer is fetched, and written, under the customer's
 * lock. Events, the success page and whoever reconciles all come here, so that none of them must be right about anything.
 */
import type { Stripe } from 'stripe';
import type { History } from '../credits/history.ts';
import type { SubscriptionState } from '../credits/subscription.ts';
import type { Transfers } from '../credits/transfers.ts';
import type { Exclusive } from '../db/exclusive.ts';
import type { Log } from '../log.ts';
import type { Subscriptions } from '../subscriptions/subscriptions.ts';
import { type Clawbacks, isTouched } from './clawbacks.ts';
import { orMissing, type StripeClient, StripeRejection } from './client.ts';
import type { Customers } from './customers.ts';
import {
  type Affairs,
  chooseSubscription,
  DOUBLE_MARK,
  idOf,
  type PaidBase,
  paidBaseOf,
  type PaidLine,
  paidLinesOf,
  pendingOf,
  planItemOf,
  standingOf,
  subscriptionOf,
  wantedOf,
} from './provider-state.ts';

interface Options {
  readonly stripe: StripeClient;
  readonly customers: Customers;
  readonly clawbacks: Clawbacks;
  readonly exclusive: Exclusive;
  readonly subscriptions: Subscriptions;
  readonly transfers: Pick<Transfers, 'clawBack'>;
  readonly history: Pick<History, 'grantsByIds'>;
  /** Told when something of a customer may have changed. */
  readonly onSynced: (customerId: string) => void;
  readonly log: Log;
}

/** Why a refund is not needed any more: there was one, or the bank took the money back by itself. */
const MONEY_IS_BACK = new Set<string | null>(['charge_already_refunded', 'charge_disputed']);

export class CustomerSync {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Makes our state what Stripe's says. Customers that are nobody's here are left alone.
   * @throws Refusal PAYMENT_PROVIDER_ERROR, UNAVAILABLE
   */
  async sync(customerId: string): Promise<void> {
    await this.holding(customerId, () => this.syncHeld(customerId));
  }

  /** The same, after something happened to the money of a charge, be it only that a refund of it failed. */
  async syncCharge(chargeId: string): Promise<void> {
    const { stripe, clawbacks } = this.#options;
    const charge = await orMissing(stripe.call('charge', (sdk) => sdk.charges.retrieve(chargeId)));
    const customerId = charge?.customer == null ? null : idOf(charge.customer);
    if (customerId === null) return;
    await this.holding(customerId, async () => {
      const billingEntityId = await this.syncHeld(customerId);
      if (billingEntityId === null) return;
      await clawbacks.settle(billingEntityId, await stripe.call('charge', (sdk) => sdk.charges.retrieve(chargeId)));
    });
  }

  /** Runs `work` when nobody else does anything for this customer: what is fetched and what is written belong together. */
  holding<T>(customerId: string, work: () => Promise<T>): Promise<T> {
    return this.#options.exclusive.run(`customer ${customerId}`, work);
  }

  /** Syncs, for who holds the customer's lock. @returns whose customer it is; null: nobody's here */
  async syncHeld(customerId: string): Promise<string | null> {
    const { customers, clawbacks, onSynced } = this.#options;
    const billingEntityId = await customers.entityOf(customerId);
    if (billingEntityId === null) return null;
    const affairs = await this.#fetch(customerId);
    const { kept, doubles } = chooseSubscription(affairs.subscriptions);
    const state = await this.#follow(billingEntityId, kept, affairs);
    await this.#credit(billingEntityId, state, paidLinesOf(affairs));
    for (const charge of affairs.charges.filter(isTouched)) await clawbacks.settle(billingEntityId, charge);
    onSynced(customerId);
    // Last: a refund that Stripe will not make is no reason to keep from a payer what else they paid for.
    if (kept !== null) for (const double of doubles) await this.#undo(double, { kept, affairs });
    return billingEntityId;
  }

  async #fetch(customer: string): Promise<Affairs> {
    const { stripe } = this.#options;
    const [subscriptions, invoices, charges] = await Promise.all([
      stripe.list('subscription', (sdk, page) => sdk.subscriptions.list({ customer, status: 'all', ...page })),
      stripe.list('invoice', (sdk, page) => sdk.invoices.list({ customer, ...page })),
      stripe.list('charge', (sdk, page) => sdk.charges.list({ customer, ...page })),
    ]);
    return { subscriptions, charges, invoices: await Promise.all(invoices.map((each) => this.#withAllLines(each))) };
  }

  /** A list of invoices has the first lines of each. */
  async #withAllLines(invoice: Stripe.Invoice): Promise<Stripe.Invoice> {
    if (!invoice.lines.has_more) return invoice;
    const data = await this.#options.stripe.list('line_item', (sdk, page) =>
      sdk.invoices.listLineItems(invoice.id, page),
    );
    return { ...invoice, lines: { ...invoice.lines, data, has_more: false } };
  }

  /**
   * Ends a second subscription, having given its money back. In this order: as long as it lives it will be found again by
   * whoever comes after a process that died in between.
   */
  async #undo(
    double: Stripe.Subscription,
    { kept, affairs }: { readonly kept: Stripe.Subscription; readonly affairs: Affairs },
  ): Promise<void> {
    const { stripe, log } = this.#options;
    log.warn({ subscription: double.id, kept: kept.id }, 'a second subscription is undone');
    for (const { id, status } of affairs.invoices.filter((each) => subscriptionOf(each) === double.id)) {
      if (status === 'paid') await this.#refund(id);
      // Or somebody would pay for nothing. One that is paid in this moment is refused, and refunded by who tries again.
      if (status === 'open') await stripe.call('invoice', (sdk) => sdk.invoices.voidInvoice(id));
    }
    // null: it has ended meanwhile.
    await orMissing(
      stripe.call('subscription', (sdk) =>
        sdk.subscriptions.cancel(double.id, {
          invoice_now: false,
          prorate: false,
          cancellation_details: { comment: `${DOUBLE_MARK}${kept.id}` },
        }),
      ),
    );
  }

  async #refund(invoice: string): Promise<void> {
    const { stripe } = this.#options;
    const payments = await stripe.list('invoice_payment', (sdk, page) =>
      sdk.invoicePayments.list({ invoice, status: 'paid', ...page }),
    );
    for (const { payment } of payments) {
      if (payment.payment_intent === undefined) continue;
      const intent = idOf(payment.payment_intent);
      try {
        await stripe.call('refund', (sdk) =>
          sdk.refunds.create(
            { payment_intent: intent, reason: 'duplicate' },
            { idempotencyKey: `tollgate-double-${intent}` },
          ),
        );
      } catch (error) {
        if (!(error instanceof StripeRejection) || !MONEY_IS_BACK.has(error.code)) throw error;
      }
    }
  }

  /** @returns the subscription as the account has it then */
  async #follow(
    billingEntityId: string,
    kept: Stripe.Subscription | null,
    { invoices }: Affairs,
  ): Promise<SubscriptionState | null> {
    const { stripe, subscriptions, log } = this.#options;
    const plan = kept && planItemOf(kept);
    if (kept === null || plan === null) {
      await subscriptions.follow(billingEntityId, { wanted: null, paidUnits: 0 });
      await subscriptions.notePending(billingEntityId, null);
      return null;
    }
    const scheduleId = kept.schedule === null ? null : idOf(kept.schedule);
    const schedule =
      scheduleId === null
        ? null
        : await stripe.call('subscription_schedule', (sdk) => sdk.subscriptionSchedules.retrieve(scheduleId));
    if (standingOf(kept.status) === null) {
      log.warn({ subscription: kept.id, status: kept.status }, 'a status that is not known here: as it stood before');
    }
    const stands = await this.#stands(billingEntityId, kept.id);
    const paid = paidBaseOf(kept, plan, invoices);
    const wanted = wantedOf(kept, { plan, schedule, invoices, stands });
    const state = await subscriptions.follow(billingEntityId, { wanted, paidUnits: paid?.units ?? 0 });
    await subscriptions.notePending(billingEntityId, pendingOf(kept, invoices));
    if (state !== null) {
      // The account may have turned before Stripe did: nobody has paid for the period that it is in then.
      const isSamePeriod = state.periodStart.getTime() === wanted.period.start.getTime();
      await this.#settleBase(billingEntityId, state, isSamePeriod ? paid : null);
    }
    return state;
  }

  /** How the account has it now: what holds on where Stripe says something that nobody knows. */
  async #stands(billingEntityId: string, id: string): Promise<Pick<SubscriptionState, 'standing' | 'status'>> {
    const { subscription } = await this.#options.subscriptions.of(billingEntityId);
    const status = subscription?.id === id ? subscription.status : 'INCOMPLETE';
    if (status === 'PAST_DUE' || status === 'UNPAID' || status === 'INCOMPLETE') return { standing: status, status };
    return { standing: status === 'ACTIVE' || status === 'TRIALING' ? 'GOOD' : 'UNPAID', status };
  }

  /**
   * Base credits come when the period turns, before anybody paid (rule 25). Where nobody does they are taken back, and
   * given again when somebody does. Which ones were taken is noted before: that a clawback for another reason is not
   * undone by a payment.
   */
  async #settleBase(
    billingEntityId: string,
    { base, standing, periodStart }: SubscriptionState,
    paid: PaidBase | null,
  ): Promise<void> {
    const { customers, subscriptions, transfers, history } = this.#options;
    const grantId = base !== null && base.periodStart.getTime() === periodStart.getTime() ? base.grantId : null;
    const taken = await customers.unpaidGrant(billingEntityId);
    if (paid !== null && taken !== null) {
      if (taken === grantId) {
        await subscriptions.reinstate(billingEntityId, { grantId, reason: 'its period was paid' });
      }
      await customers.noteUnpaidGrant(billingEntityId, null);
    }
    const isDue = paid === null && (standing === 'PAST_DUE' || standing === 'UNPAID');
    if (grantId === null || (paid === null && !isDue)) return;
    const [grant] = await history.grantsByIds([{ billingEntityId, id: grantId }]);
    if (!grant) throw new Error(`the base grant ${grantId} is missing`);
    if (paid !== null) {
      await this.#settleUnits(billingEntityId, grant, paid);
      return;
    }
    if (taken !== grantId) await customers.noteUnpaidGrant(billingEntityId, grantId);
    await transfers.clawBack({
      billingEntityId,
      grantId,
      target: grant.amount,
      actor: 'system',
      reason: 'its period was not paid',
    });
  }

  /** An account that turned before it was told of other units gave a base of the old ones: what was paid for counts. */
  async #settleUnits(
    billingEntityId: string,
    { id: grantId, amount }: { readonly id: string; readonly amount: bigint },
    { credits, invoiceId, lineId }: PaidBase,
  ): Promise<void> {
    const { subscriptions, transfers } = this.#options;
    if (amount < credits) {
      const rest = { billingEntityId, source: 'SUBSCRIPTION', amount: credits - amount, invoiceId, lineId } as const;
      for (const line of await subscriptions.uncredited(billingEntityId, [rest])) {
        await subscriptions.credit({ ...line, reason: null });
      }
    } else if (amount > credits) {
      const reason = 'its period was paid for fewer units';
      await transfers.clawBack({ billingEntityId, grantId, target: amount - credits, actor: 'system', reason });
    }
  }

  /** What was paid besides; of prorations those of the period that runs, since their credits end with it. */
  async #credit(billingEntityId: string, state: SubscriptionState | null, lines: readonly PaidLine[]): Promise<void> {
    const { subscriptions } = this.#options;
    const isOver = ({ until, subscriptionId }: PaidLine): boolean =>
      until !== null && (state === null || state.id !== subscriptionId || until <= state.periodStart);
    const due = lines.filter((line) => !isOver(line)).map((line) => ({ ...line, billingEntityId, reason: null }));
    for (const line of await subscriptions.uncredited(billingEntityId, due)) await subscriptions.credit(line);
  }
}
