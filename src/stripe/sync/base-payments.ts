/**
 * Base credits are granted when a period begins, before anybody has paid for it (rule 25). If nobody pays, they are clawed
 * back, and reinstated when somebody pays after all, even periods later. The grant is noted as unpaid before the clawback:
 * a payment must not undo a clawback for another reason, and any process can go on from the note after a crash.
 */
import type { Stripe } from 'stripe';
import type { Rows } from '../../db/rows.ts';
import type { Grant } from '../../ledger/rules/grants.ts';
import type { Statements } from '../../ledger/statements.ts';
import { monthFrom } from '../../ledger/rules/periods.ts';
import { renewsAtOnce, startedSubscription, type SubscriptionState } from '../../ledger/rules/subscription.ts';
import type { Transfers } from '../../credits/transfers.ts';
import { baseGrantOf, type BasePeriod, type InvoiceCredits } from '../../subscriptions/invoice-credits.ts';
import type { Subscriptions } from '../../subscriptions/subscriptions.ts';
import { deleteUnpaidBase, findUnpaidBases, noteUnpaidBases } from '../../subscriptions/unpaid-base.repository.ts';
import { instantOf } from '../account/values.ts';
import type { Affairs } from './affairs.ts';
import { failedBasesOf, lateBasesOf, type PaidBase, unpaidBasesOf } from './base-lines.ts';
import { paidSince } from './paid-lines.ts';

interface Options {
  readonly subscriptions: Pick<Subscriptions, 'followed'>;
  readonly credits: Pick<InvoiceCredits, 'uncredited' | 'credit' | 'reinstate'>;
  readonly rows: Rows;
  readonly transfers: Pick<Transfers, 'clawBack'>;
  readonly history: Pick<Statements, 'grantsByIds'>;
}

/** The affairs as Stripe has them, and the base credits of them that are paid. */
interface Facts {
  readonly affairs: Affairs;
  readonly bases: readonly PaidBase[];
}

/** Makes base credits follow their payment. Callers hold the customer's lock. */
export class BasePayments {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Notes the unpaid base credits of periods that are over. It runs before the account follows its subscription, because
   * afterwards nothing tells of a subscription that the account has left.
   * @param change.former the subscription as the account has it now
   * @param change.running the period of the subscription that the account is about to follow; null: there is none any more
   */
  async noteUnpaid(
    billingEntityId: string,
    { former, running, affairs, bases }: Facts & { former: SubscriptionState | null; running: BasePeriod | null },
  ): Promise<void> {
    const failed = failedBasesOf(affairs).filter((base) => !isRunning(base, running));
    const left = failed.map((base) => baseGrantOf(billingEntityId, base));
    // A subscription that Stripe does not list any more is skipped: its payments are not listed either.
    const gone =
      former?.id === running?.subscriptionId ? undefined : affairs.subscriptions.find(({ id }) => id === former?.id);
    if (former !== null && gone !== undefined) {
      left.push(...basesUntil(billingEntityId, former, gone));
      left.push(...unpaidBasesOf(affairs, former.id).map((base) => baseGrantOf(billingEntityId, base)));
    }
    await this.#note(billingEntityId, left, paymentsByGrant(billingEntityId, bases));
  }

  /** Notes those of these grants that exist and nobody has paid for. */
  async #note(billingEntityId: string, ids: readonly string[], paid: ReadonlyMap<string, PaidBase>): Promise<void> {
    const granted = await this.#grants(billingEntityId, [...new Set(ids)]);
    const unpaid = granted.map(({ id }) => id).filter((id) => !paid.has(id));
    if (unpaid.length === 0) return;
    await this.#options.rows.transaction(({ em }) => noteUnpaidBases(em, billingEntityId, unpaid));
  }

  /** Makes base credits follow their payment, after the account has followed its subscription. Repeating it changes nothing. */
  async settle(billingEntityId: string, { affairs, bases, now }: Facts & { now: Date }): Promise<void> {
    const { subscriptions, credits, rows } = this.#options;
    const followed = await subscriptions.followed(billingEntityId);
    if (followed === null) return;
    const subscription = startedSubscription(followed);
    const paid = paymentsByGrant(billingEntityId, bases);
    const running = subscription && runningBaseOf(subscription);
    if (subscription !== null && !renewsAtOnce(subscription, subscription.periodStart)) {
      // Nothing is given ahead any more: what was, and nobody paid for, goes back.
      const ahead = unpaidBasesOf(affairs, subscription.id).map((base) => baseGrantOf(billingEntityId, base));
      await this.#note(billingEntityId, running === null ? ahead : [running, ...ahead], paid);
    }
    const noted = await rows.read((em) => findUnpaidBases(em, billingEntityId));
    const concerned = running === null || noted.includes(running) ? noted : [...noted, running];
    for (const grant of await this.#grants(billingEntityId, concerned)) {
      const payment = paid.get(grant.id);
      const isNoted = noted.includes(grant.id);
      if (payment === undefined) {
        if (isNoted) await this.#clawBack(grant);
        continue;
      }
      if (isNoted) {
        await credits.reinstate(billingEntityId, { grantId: grant.id, reason: 'its period was paid' });
      }
      await this.#settleUnits({ ...grant, clawed: isNoted ? 0n : grant.clawed }, payment);
      // The note goes last: after a crash before this line, everything is done again.
      if (isNoted) await rows.transaction(({ em }) => deleteUnpaidBase(em, billingEntityId, grant.id));
    }
    await this.#creditLate(billingEntityId, {
      since: paidSince(followed, affairs),
      late: lateBasesOf(affairs.subscriptions, { bases, now }),
    });
  }

  /**
   * Credits base credits that were paid after their period. A payer in arrears gets no base credits when the next period
   * begins; a late payment counts in the period in which it is made.
   * @param late.since payments before this instant are skipped: their credits have expired
   */
  async #creditLate(
    billingEntityId: string,
    { since, late: all }: { readonly since: Date; readonly late: readonly PaidBase[] },
  ): Promise<void> {
    const { credits } = this.#options;
    const late = all
      .filter(({ paidAt }) => paidAt >= since)
      .map((base) => [baseGrantOf(billingEntityId, base), base] as const);
    const granted = await this.#grants(
      billingEntityId,
      late.map(([id]) => id),
    );
    const paid = late
      .filter(([id]) => !granted.some((grant) => grant.id === id))
      .map(([, { credits: amount, invoiceId, lineId }]) => ({ amount, invoiceId, lineId }));
    for (const line of await credits.uncredited(billingEntityId, paid)) {
      await credits.credit({ ...line, billingEntityId, source: 'SUBSCRIPTION', reason: null });
    }
  }

  async #clawBack({ billingEntityId, id: grantId, amount, clawed }: Grant): Promise<void> {
    if (clawed === amount) return;
    const reason = 'its period was not paid';
    await this.#options.transfers.clawBack({ billingEntityId, grantId, target: amount, actor: 'system', reason });
  }

  /**
   * Makes the grant match the units that were paid. An account whose period began before it heard of a change of units
   * has granted base credits for the old units.
   */
  async #settleUnits(
    { billingEntityId, id: grantId, amount, clawed }: Grant,
    { credits: paid, invoiceId, lineId }: PaidBase,
  ): Promise<void> {
    const { credits, transfers } = this.#options;
    if (amount < paid) {
      const rest = { billingEntityId, source: 'SUBSCRIPTION', amount: paid - amount, invoiceId, lineId } as const;
      for (const line of await credits.uncredited(billingEntityId, [rest])) {
        await credits.credit({ ...line, reason: null });
      }
    } else if (amount - paid > clawed) {
      const reason = 'its period was paid for fewer units';
      await transfers.clawBack({ billingEntityId, grantId, target: amount - paid, actor: 'system', reason });
    }
  }

  /** The grants that exist among these ids. */
  async #grants(billingEntityId: string, ids: readonly string[]): Promise<Grant[]> {
    if (ids.length === 0) return [];
    const found = await this.#options.history.grantsByIds(ids.map((id) => ({ billingEntityId, id })));
    return found.filter((grant) => grant !== null);
  }
}

/** The grant of the running period's base credits; null: it has not been made yet. */
function runningBaseOf({ base, periodStart }: SubscriptionState): string | null {
  return base !== null && base.periodStart.getTime() === periodStart.getTime() ? base.grantId : null;
}

/** Grants of base credits that the account may have made since the subscription ended, newest first. */
function basesUntil(
  billingEntityId: string,
  { id: subscriptionId, anchor, periodStart }: SubscriptionState,
  { ended_at: endedAt, cancel_at: endsAt }: Stripe.Subscription,
): string[] {
  // Stripe's clock may not have come to the end yet.
  const ending = endedAt ?? endsAt;
  const end = ending === null ? periodStart : instantOf(ending);
  const starts = [periodStart];
  for (let start = periodStart; start > end; starts.push(start)) {
    start = monthFrom(anchor, new Date(start.getTime() - 1)).start;
  }
  return starts.map((start) => baseGrantOf(billingEntityId, { subscriptionId, periodStart: start }));
}

/** True while the period runs, or is to come. The subscription's payment standing then tells whether it is unpaid. */
function isRunning({ subscriptionId, periodStart }: BasePeriod, running: BasePeriod | null): boolean {
  return running !== null && subscriptionId === running.subscriptionId && periodStart >= running.periodStart;
}

function paymentsByGrant(billingEntityId: string, bases: readonly PaidBase[]): Map<string, PaidBase> {
  return new Map(bases.map((base) => [baseGrantOf(billingEntityId, base), base]));
}
