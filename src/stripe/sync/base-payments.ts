/**
 * Base credits come when a period turns, before anybody paid for it (rule 25). Where nobody does they are taken back, and
 * given again when somebody does, be it periods later. Of which ones that holds is noted first: a clawback for another
 * reason is not undone by a payment, and whoever dies in between, anybody goes on from the note.
 */
import type { Stripe } from 'stripe';
import type { Grant } from '../../ledger/rules/grants.ts';
import type { Statements } from '../../ledger/statements.ts';
import { monthFrom } from '../../ledger/rules/periods.ts';
import type { SubscriptionState } from '../../ledger/rules/subscription.ts';
import type { Transfers } from '../../credits/transfers.ts';
import { baseGrantOf, type Subscriptions } from '../../subscriptions/subscriptions.ts';
import type { UnpaidBases } from '../../subscriptions/unpaid-bases.ts';
import {
  type Affairs,
  type BaseLine,
  failedBasesOf,
  lateBasesOf,
  type PaidBase,
  paidBasesOf,
  paidSince,
  periodStartOf,
} from './provider-state.ts';

interface Options {
  readonly subscriptions: Pick<Subscriptions, 'followed' | 'uncredited' | 'credit' | 'reinstate'>;
  readonly unpaid: UnpaidBases;
  readonly transfers: Pick<Transfers, 'clawBack'>;
  readonly history: Pick<Statements, 'grantsByIds'>;
}

/** For who holds the customer's lock. */
export class BasePayments {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Notes what is unpaid of periods that are over: of what the account lets go of now nothing would tell afterwards.
   * `former`: the subscription as the account has it before it follows; `kept`: the one that it is about to follow.
   */
  async noteLeft(
    billingEntityId: string,
    { former, kept, affairs }: { former: SubscriptionState | null; kept: Stripe.Subscription | null; affairs: Affairs },
  ): Promise<void> {
    const { invoices, subscriptions } = affairs;
    const failed = failedBasesOf(invoices).filter((base) => !isRunning(base, kept));
    const left = failed.map((base) => baseGrantOf(billingEntityId, base));
    // Where Stripe does not show it any more, it does not show either what was paid for it.
    const gone = former?.id === kept?.id ? undefined : subscriptions.find(({ id }) => id === former?.id);
    if (former !== null && gone !== undefined) left.push(...basesUntil(billingEntityId, former, gone));
    const paid = paymentsByGrant(billingEntityId, invoices);
    const given = await this.#grants(billingEntityId, left);
    await this.#options.unpaid.note(
      billingEntityId,
      given.map(({ id }) => id).filter((id) => !paid.has(id)),
    );
  }

  /** Makes base credits follow what was paid, where the account has followed its subscription: any number of times. */
  async settle(billingEntityId: string, affairs: Affairs): Promise<void> {
    const { subscriptions, unpaid } = this.#options;
    const followed = await subscriptions.followed(billingEntityId);
    if (followed === null) return;
    const { subscription } = followed;
    const paid = paymentsByGrant(billingEntityId, affairs.invoices);
    const running = subscription && runningBaseOf(subscription);
    const isInArrears = subscription?.paymentStanding === 'PAST_DUE' || subscription?.paymentStanding === 'UNPAID';
    if (running !== null && isInArrears && !paid.has(running)) await unpaid.note(billingEntityId, [running]);
    const noted = await unpaid.of(billingEntityId);
    const concerned = running === null || noted.includes(running) ? noted : [...noted, running];
    for (const grant of await this.#grants(billingEntityId, concerned)) {
      const payment = paid.get(grant.id);
      const isNoted = noted.includes(grant.id);
      if (payment === undefined) {
        if (isNoted) await this.#takeBack(grant);
        continue;
      }
      if (isNoted) {
        await subscriptions.reinstate(billingEntityId, { grantId: grant.id, reason: 'its period was paid' });
      }
      await this.#settleUnits({ ...grant, clawed: isNoted ? 0n : grant.clawed }, payment);
      // Last: until then whoever goes on does all of it again.
      if (isNoted) await unpaid.forget(billingEntityId, grant.id);
    }
    await this.#giveLate(billingEntityId, { since: paidSince(followed, affairs), affairs });
  }

  /**
   * Who does not pay gets no base when the next period turns. What is paid for one that is over counts in the period in
   * which it is paid. `since`: what was paid before has lapsed.
   */
  async #giveLate(
    billingEntityId: string,
    { since, affairs }: { readonly since: Date; readonly affairs: Affairs },
  ): Promise<void> {
    const { subscriptions } = this.#options;
    const late = lateBasesOf(affairs)
      .filter(({ paidAt }) => paidAt >= since)
      .map((base) => [baseGrantOf(billingEntityId, base), base] as const);
    const given = await this.#grants(
      billingEntityId,
      late.map(([id]) => id),
    );
    const due = late
      .filter(([id]) => !given.some((grant) => grant.id === id))
      .map(([, { credits, invoiceId, lineId }]) => ({ amount: credits, invoiceId, lineId }));
    for (const line of await subscriptions.uncredited(billingEntityId, due)) {
      await subscriptions.credit({ ...line, billingEntityId, source: 'SUBSCRIPTION', reason: null });
    }
  }

  async #takeBack({ billingEntityId, id: grantId, amount, clawed }: Grant): Promise<void> {
    if (clawed === amount) return;
    const reason = 'its period was not paid';
    await this.#options.transfers.clawBack({ billingEntityId, grantId, target: amount, actor: 'system', reason });
  }

  /** An account that turned before it was told of other units gave a base of the old ones: what was paid for counts. */
  async #settleUnits(
    { billingEntityId, id: grantId, amount, clawed }: Grant,
    { credits, invoiceId, lineId }: PaidBase,
  ): Promise<void> {
    const { subscriptions, transfers } = this.#options;
    if (amount < credits) {
      const rest = { billingEntityId, source: 'SUBSCRIPTION', amount: credits - amount, invoiceId, lineId } as const;
      for (const line of await subscriptions.uncredited(billingEntityId, [rest])) {
        await subscriptions.credit({ ...line, reason: null });
      }
    } else if (amount - credits > clawed) {
      const reason = 'its period was paid for fewer units';
      await transfers.clawBack({ billingEntityId, grantId, target: amount - credits, actor: 'system', reason });
    }
  }

  /** Those of them that were given. */
  async #grants(billingEntityId: string, ids: readonly string[]): Promise<Grant[]> {
    if (ids.length === 0) return [];
    const found = await this.#options.history.grantsByIds(ids.map((id) => ({ billingEntityId, id })));
    return found.filter((grant) => grant !== null);
  }
}

type Invoices = readonly Stripe.Invoice[];

/** The grant of the period that runs; null: none was made yet. */
function runningBaseOf({ base, periodStart }: SubscriptionState): string | null {
  return base !== null && base.periodStart.getTime() === periodStart.getTime() ? base.grantId : null;
}

/** Grants that the account may have made since the subscription ended, back from the period that it is in. */
function basesUntil(
  billingEntityId: string,
  { id: subscriptionId, anchor, periodStart }: SubscriptionState,
  { ended_at: endedAt }: Stripe.Subscription,
): string[] {
  const end = endedAt === null ? periodStart : new Date(endedAt * 1_000);
  const starts = [periodStart];
  for (let start = periodStart; start > end; starts.push(start)) {
    start = monthFrom(anchor, new Date(start.getTime() - 1)).start;
  }
  return starts.map((start) => baseGrantOf(billingEntityId, { subscriptionId, periodStart: start }));
}

/** Whether the period is not over: how the payer stands says then whether it is unpaid. */
function isRunning({ subscriptionId, periodStart }: BaseLine, kept: Stripe.Subscription | null): boolean {
  const start = kept && periodStartOf(kept);
  return start !== null && subscriptionId === kept?.id && periodStart >= start;
}

function paymentsByGrant(billingEntityId: string, invoices: Invoices): Map<string, PaidBase> {
  return new Map(paidBasesOf(invoices).map((base) => [baseGrantOf(billingEntityId, base), base]));
}
