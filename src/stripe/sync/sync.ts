/**
 * The only way in which our state follows Stripe's: everything of a customer is fetched and written under the customer's
 * lock. Events, the success page and the reconciler all end here, so that none of them has to be right about anything.
 */
import type { Stripe } from 'stripe';
import type { Exclusive, Lock } from '../../db/advisory-lock.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import { isOver } from '../../ledger/rules/subscription.ts';
import type { InvoiceCredits } from '../../subscriptions/invoice-credits.ts';
import { type Finding, isForSeller } from '../../subscriptions/findings.ts';
import type { Subscriptions } from '../../subscriptions/subscriptions.ts';
import { tryAll } from '../../kernel/try-all.ts';
import type { BasePayments } from './base-payments.ts';
import { type Clawbacks, isTouched } from './clawbacks.ts';
import { isMissing, orMissing, type StripeClient } from '../account/client.ts';
import type { Customers } from '../account/customers.ts';
import { idOf } from '../account/values.ts';
import { type Affairs, chooseSubscription, planItemOf, scheduleOf, subscriptionsOf, withAllLines } from './affairs.ts';
import type { Doubles } from './doubles.ts';
import type { Facts } from './facts.ts';
import { findingsOf } from './findings.ts';
import type { OverageTermsOf } from './overage-terms.ts';
import { failedInvoicesOf, type PaidLine, paidLinesOf, paidSince } from './paid-lines.ts';
import { paidBaseOf, runningPeriodOf } from './base-lines.ts';
import { fundedBasesOf } from './funded-bases.ts';
import { paymentStandingOf, pendingPaymentOf, providerSubscriptionOf } from './provider-subscription.ts';

interface Options {
  readonly stripe: StripeClient;
  readonly customers: Customers;
  readonly basePayments: BasePayments;
  readonly clawbacks: Clawbacks;
  readonly doubles: Doubles;
  readonly overageTermsOf: OverageTermsOf;
  readonly exclusive: Exclusive;
  readonly subscriptions: Pick<
    Subscriptions,
    'follow' | 'followed' | 'notePending' | 'noteFailedPayments' | 'noteFindings'
  >;
  readonly credits: Pick<InvoiceCredits, 'credit' | 'uncredited' | 'wasEverPaid'>;
  /** Called when something of a customer may have changed. */
  readonly onSynced: (customerId: string) => void;
  readonly clock: Clock;
  readonly log: Log;
}

export class CustomerSync {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Makes our state follow Stripe's. A customer without a billing entity here is left alone.
   * @throws Refusal PAYMENT_PROVIDER_ERROR, UNAVAILABLE
   */
  async sync(customerId: string): Promise<void> {
    await this.holding(customerId, (lock) => this.syncHeld(customerId, lock));
  }

  /** Syncs the customer of a charge whose money moved, for example because a refund of it failed. */
  async syncCharge(chargeId: string): Promise<void> {
    const { stripe, clawbacks, customers } = this.#options;
    const charge = await orMissing(stripe.call('charge', (sdk) => sdk.charges.retrieve(chargeId)));
    if (charge === null || charge.customer === null) return;
    const customerId = idOf(charge.customer);
    await this.holding(customerId, async (lock) => {
      if ((await customers.entityOf(customerId)) !== null) {
        await this.#syncHeld(customerId, lock, { moved: charge, settle: (undoing) => undoing });
        return;
      }
      // A customer who was deleted since counts too: the credits go back with the money that bought them.
      const billingEntityId = await customers.ownerOf(customerId);
      if (billingEntityId === null) return;
      await clawbacks.settle(billingEntityId, await clawbacks.find(NO_AFFAIRS, [charge]));
    });
  }

  /** Forgets a customer that was deleted at Stripe, after our state has followed the deletion. */
  async forgetDeleted(customerId: string): Promise<void> {
    const { customers } = this.#options;
    await this.holding(customerId, async (lock) => {
      if ((await customers.standingOf(customerId)) !== 'DELETED') return;
      await this.syncHeld(customerId, lock);
      await customers.forget(customerId);
    });
  }

  /** Runs `work` under the customer's lock, so that what is fetched and what is written belong together. */
  async holding<T>(customerId: string, work: (lock: Lock) => Promise<T>): Promise<T> {
    const { customers, exclusive } = this.#options;
    // All customers that an entity is, or was, share a lock.
    return exclusive.run(`customer ${(await customers.ownerOf(customerId)) ?? customerId}`, work);
  }

  /** Syncs a customer. Callers hold the customer's lock. */
  async syncHeld(customerId: string, lock: Lock): Promise<void> {
    await this.#syncHeld(customerId, lock, { moved: null, settle: (undoing) => undoing });
  }

  /**
   * Syncs a customer for a caller who waits for an answer. A second subscription that cannot be undone is logged and tried
   * again with the next event; it does not fail the caller.
   */
  async answerHeld(customerId: string, lock: Lock): Promise<void> {
    const { log } = this.#options;
    const settle = (undoing: Promise<void>): Promise<void> =>
      undoing.catch((error: unknown) =>
        log.error({ err: error, customerId }, 'a second subscription could not be undone; the next event tries again'),
      );
    await this.#syncHeld(customerId, lock, { moved: null, settle });
  }

  /** @param how.moved a charge whose money moved, which its own state may not show; null: none is known */
  async #syncHeld(
    customerId: string,
    lock: Lock,
    { moved, settle }: { moved: Stripe.Charge | null; settle: (undoing: Promise<void>) => Promise<void> },
  ): Promise<void> {
    const { customers, clawbacks, onSynced } = this.#options;
    const billingEntityId = await customers.entityOf(customerId);
    if (billingEntityId === null) return;
    const affairs = await this.#fetchAll(billingEntityId);
    const { kept, doubles } = chooseSubscription(affairs.subscriptions);
    const schedule = kept === null ? Promise.resolve(null) : scheduleOf(this.#options.stripe, kept);
    const terms = kept === null ? Promise.resolve(null) : this.#options.overageTermsOf.subscription(kept);
    const overageItems = this.#options.overageTermsOf.itemsOf(affairs.subscriptions);
    const touched = affairs.charges.filter((each) => isTouched(each) && each.id !== moved?.id);
    const returns = clawbacks.find(affairs, moved === null ? touched : [...touched, moved]);
    await Promise.allSettled([schedule, terms, overageItems, returns]);
    await lock.check();
    const now = this.#options.clock.now();
    const facts = async (): Promise<Facts> => {
      const { sales, untold } = await returns;
      const bases = fundedBasesOf(affairs, sales);
      const [known, billed] = [{ kept, affairs, bases, untold, now }, { overageItems: await overageItems }];
      return { ...known, ...billed, schedule: await schedule, overageTerms: await terms };
    };
    // One step that fails must not keep from a payer what else they paid for.
    await tryAll([
      async () => this.#follow(billingEntityId, await facts()),
      async () => this.#noteFindings(billingEntityId, await facts()),
      () => this.#credit(billingEntityId, affairs),
      () => this.#options.subscriptions.noteFailedPayments(billingEntityId, failedInvoicesOf(affairs)),
      async () => clawbacks.settle(billingEntityId, await returns),
      async () => onSynced(customerId),
      () => settle(this.#undo(doubles, { kept, affairs })),
    ]);
  }

  async #undo(
    doubles: readonly Stripe.Subscription[],
    { kept, affairs }: { readonly kept: Stripe.Subscription | null; readonly affairs: Affairs },
  ): Promise<void> {
    const { doubles: undoing } = this.#options;
    await tryAll([
      ...doubles.map((double) => () => undoing.undo(double, kept, affairs)),
      () => undoing.refund(affairs),
    ]);
  }

  /**
   * Everything of the customers that the entity is and was. A customer whom Stripe does not know belongs to another account of
   * Stripe's, and says nothing about ours: it is left out if nothing was ever paid.
   * @throws UnknownCustomer where something was paid: what it paid for is not guessed
   */
  async #fetchAll(billingEntityId: string): Promise<Affairs> {
    const { customers, credits, subscriptions } = this.#options;
    const { present, former } = await customers.allOf(billingEntityId);
    const known = present === null ? NO_AFFAIRS : await this.#fetch(present);
    if (known === null && (await credits.wasEverPaid(billingEntityId))) {
      const unknown = new UnknownCustomer(present as string);
      await subscriptions.noteFindings(billingEntityId, [unknown.finding]);
      throw unknown;
    }
    // One that the entity was before may be of this account: what is paid under it from now on must not hang on the other.
    if (known === null) await customers.returnToFormer({ billingEntityId, customerId: present as string });
    const all = [known, ...(await Promise.all(former.map((customer) => this.#fetch(customer))))].filter(
      (affairs) => affairs !== null,
    );
    return {
      subscriptions: all.flatMap((affairs) => affairs.subscriptions),
      invoices: all.flatMap((affairs) => affairs.invoices),
      charges: all.flatMap((affairs) => affairs.charges),
    };
  }

  /** Everything of a customer; null: Stripe does not know the customer. */
  async #fetch(customer: string): Promise<Affairs | null> {
    const { stripe, customers } = this.#options;
    try {
      const [subscriptions, invoices, charges] = await Promise.all([
        subscriptionsOf(stripe, customer),
        stripe.list('invoice', (sdk, page) => sdk.invoices.list({ customer, ...page })),
        stripe.list('charge', (sdk, page) => sdk.charges.list({ customer, ...page })),
      ]);
      // Empty lists may be those of a customer whom Stripe does not know: nothing may be concluded from them.
      const hasNothing = subscriptions.length + invoices.length + charges.length === 0;
      if (hasNothing && (await customers.standingOf(customer)) === 'UNKNOWN') return null;
      return {
        subscriptions,
        charges,
        invoices: await Promise.all(invoices.map((each) => withAllLines(stripe, each))),
      };
    } catch (error) {
      if (!isMissing(error)) throw error;
      switch (await customers.standingOf(customer)) {
        case 'UNKNOWN':
          return null;
        // A deleted customer has nothing left.
        case 'DELETED':
          return NO_AFFAIRS;
        case 'THERE':
          throw error;
      }
    }
  }

  /** Notes what is not followed whole or waits for somebody. Only what is new is logged, and only what waits for the seller. */
  async #noteFindings(billingEntityId: string, facts: Facts): Promise<void> {
    const { subscriptions, log } = this.#options;
    for (const finding of await subscriptions.noteFindings(billingEntityId, findingsOf(facts))) {
      if (isForSeller(finding)) log.error({ billingEntityId, finding }, 'a subscription is not followed whole');
    }
  }

  async #follow(billingEntityId: string, { kept, schedule, overageTerms, affairs, bases, now }: Facts): Promise<void> {
    const { subscriptions, basePayments, log } = this.#options;
    const { invoices } = affairs;
    const former = (await subscriptions.followed(billingEntityId))?.subscription ?? null;
    if (kept !== null && paymentStandingOf(kept.status) === null) {
      log.warn(
        { subscription: kept.id, status: kept.status },
        'Stripe has a status that is not known here; the payment standing stays as it was',
      );
    }
    const plan = kept && planItemOf(kept);
    const period = kept && runningPeriodOf(kept, { bases, now });
    const facts = { bases, schedule, invoices, former, now };
    const providerSubscription =
      kept && plan && period && overageTerms && providerSubscriptionOf(kept, { ...facts, plan, period, overageTerms });
    // An end that our clock has passed is one, though Stripe's has not come to it yet.
    const goesOn = providerSubscription !== null && !isOver(providerSubscription, now);
    const running = goesOn
      ? { subscriptionId: providerSubscription.id, periodStart: providerSubscription.period.start }
      : null;
    await basePayments.noteUnpaid(billingEntityId, { former, running, affairs, bases });
    const { units: paidUnits = 0, credits: paidCredits = 0n } = (running && paidBaseOf(bases, running)) ?? {};
    await subscriptions.follow(billingEntityId, { providerSubscription, paidUnits, paidCredits });
    await subscriptions.notePending(billingEntityId, kept && pendingPaymentOf(kept, invoices));
    await basePayments.settle(billingEntityId, { affairs, bases, now });
  }

  /**
   * Credits purchases and prorations. A proration counts only in the period in which it was paid, because its credits expire
   * with that period.
   */
  async #credit(billingEntityId: string, affairs: Affairs): Promise<void> {
    const { subscriptions, credits } = this.#options;
    const followed = await subscriptions.followed(billingEntityId);
    const since = followed && paidSince(followed, affairs);
    const hasExpired = ({ paidAt }: PaidLine): boolean => paidAt !== null && (since === null || paidAt < since);
    const paid = paidLinesOf(affairs)
      .filter((line) => !hasExpired(line))
      .map((line) => ({ ...line, billingEntityId, reason: null }));
    for (const line of await credits.uncredited(billingEntityId, paid)) await credits.credit(line);
  }
}

/** The affairs of a customer who is deleted. */
const NO_AFFAIRS: Affairs = { subscriptions: [], invoices: [], charges: [] };

/** The account of Stripe's does not know a customer for whom something was paid. */
class UnknownCustomer extends Error {
  override readonly name = 'UnknownCustomer';
  readonly finding: Finding;

  constructor(subject: string) {
    const reason = `${subject} is not known to the account that the key of Stripe's belongs to, though something was paid: nothing of it is followed until the key is that of the account that has the customer.`;
    super(reason);
    this.finding = { kind: 'CUSTOMER_UNKNOWN', subject, reason };
  }
}
