/** Plans of billing entities: read for callers, and followed for whoever hears from the payment provider. */
import { v7 as uuidv7 } from 'uuid';
import { actorOf } from '../billing-entities/access.ts';
import type { Principal } from '../billing-entities/principal.ts';
import type { Clock } from '../kernel/clock.ts';
import { type AccountState, accountTime, MAX_CREDITS, type OveragePolicy } from '../ledger/rules/account.ts';
import type { Accounts } from '../ledger/accounts.ts';
import type { SubscriptionCommand } from '../ledger/rules/commands.ts';
import type { Statements } from '../ledger/statements.ts';
import { systemKey } from '../ledger/idempotency.ts';
import { calendarMonth, type Period } from '../ledger/rules/periods.ts';
import { newId } from '../ledger/store/new-id.ts';
import { nameOfBase } from '../ledger/rules/period-close.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { ACCOUNT_COLUMNS, type AccountRow, toAccountState } from '../ledger/store/rows.ts';
import { checkReason } from '../billing-entities/audit-reason.ts';
import {
  startedSubscription,
  isUnpaid,
  planOf,
  type SubscriptionState,
  type SubscriptionStatus,
} from '../ledger/rules/subscription.ts';
import type { Database } from '../db/database.ts';
import { FREE_TRIAL, PLAN_BY_CODE, type PlanCode, type PlanTerms } from '../plans/plans.ts';
import { Refusal } from '../kernel/refusal.ts';
import { unlessRejected } from '../ledger/outcome.ts';

/** Which plan an entity has, and on what terms. */
export interface PlanState {
  readonly plan: PlanTerms;
  /** What the plan grants now. */
  readonly features: readonly string[];
  readonly subscription: Subscription | null;
  readonly overagePolicy: OveragePolicy;
  /** All use is refused until the payer pays. */
  readonly unpaid: boolean;
}

/** A subscription as callers see it. */
export interface Subscription {
  readonly id: string;
  readonly plan: PlanTerms;
  readonly quantity: number;
  readonly status: SubscriptionStatus;
  readonly currentPeriodStart: Date;
  /** null: it has not begun. */
  readonly currentPeriodEnd: Date | null;
  readonly cancelAtPeriodEnd: boolean;
  /** null: it goes on as it is. */
  readonly scheduledPlan: PlanTerms | null;
  /** null: the units stay, or there are none. */
  readonly scheduledQuantity: number | null;
  readonly pendingPayment: PendingPayment | null;
  readonly graceEndsAt: Date | null;
}

/** A change that waits for the payer. */
export interface PendingPayment {
  readonly plan: PlanTerms;
  readonly quantity: number;
  readonly hostedUrl: string;
  readonly expiresAt: Date | null;
}

/** An account's subscription, as it follows it. */
export interface Followed {
  /** With the grant of its period's base credits. */
  readonly subscription: SubscriptionState | null;
  readonly period: Period;
}

/** Credits that an invoice paid for besides the base of a period (rule 26). */
export interface PaidCredits {
  readonly billingEntityId: string;
  readonly source: 'PURCHASE' | 'SUBSCRIPTION';
  readonly amount: bigint;
  /** Once for each of these, whatever else is said. */
  readonly invoiceId: string;
  readonly lineId: string;
  readonly reason: string | null;
}

/** A period of a subscription, which has its base credits once. */
export interface BasePeriod {
  readonly subscriptionId: string;
  readonly periodStart: Date;
}

/** A line of an invoice, and the period whose base credits it is the price of; null: of none. */
export interface PaidLine {
  readonly billingEntityId: string;
  readonly invoiceId: string;
  readonly lineId: string;
  readonly base: BasePeriod | null;
}

interface Options {
  readonly database: Database;
  readonly ledger: Ledger;
  readonly accounts: Accounts;
  readonly history: Statements;
  readonly clock: Clock;
}

export class Subscriptions {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /** @throws Refusal NOT_FOUND */
  async of(billingEntityId: string): Promise<PlanState> {
    const state = (await this.byIds([billingEntityId])).get(billingEntityId);
    if (state === undefined) throw new Refusal('NOT_FOUND', 'there is no such billing entity');
    return state;
  }

  /** Of those of these entities that have an account. */
  async byIds(ids: readonly string[]): Promise<Map<string, PlanState>> {
    const now = this.#options.clock.now();
    return new Map(
      (await this.#current(ids, now)).map((row) => {
        const account = toAccountState(row);
        return [row.billing_entity_id, toPlanState(account, accountTime(account, now), pendingOf(row, now))];
      }),
    );
  }

  /** What the account followed last; null: there is no account. */
  async followed(billingEntityId: string): Promise<Followed | null> {
    const [row] = await this.#current([billingEntityId], this.#options.clock.now());
    if (row === undefined) return null;
    const { subscription, period } = toAccountState(row);
    return { subscription, period };
  }

  /**
   * Whether and how far use may go on as overage. It is kept on any plan and counts on one that allows overage, so that
   * who is about to subscribe, or comes back, has said it already.
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND, UNAVAILABLE
   */
  async setOveragePolicy(
    principal: Principal,
    { billingEntityId, enabled, cap }: OveragePolicy & { readonly billingEntityId: string },
  ): Promise<OveragePolicy> {
    if (cap !== null && (cap < 0n || cap > MAX_CREDITS)) {
      throw new Refusal('BAD_USER_INPUT', 'cap must not be negative');
    }
    const overagePolicy = { enabled, cap };
    unlessRejected(
      await this.#options.ledger.submit({
        kind: 'policy',
        billingEntityId,
        actor: actorOf(principal),
        idempotency: null,
        audited: true,
        overagePolicy,
      }),
    );
    return overagePolicy;
  }

  /**
   * Makes the account follow its subscription as the provider has it now; null: there is none any more. Any number of
   * times: what is so already changes nothing.
   * @param paidUnits units whose base price for the wanted period has been paid; 0: none
   * @returns the subscription as the account has it, with the grant of the period's base credits
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND, UNAVAILABLE
   */
  async follow(
    billingEntityId: string,
    { providerSubscription, paidUnits }: Pick<SubscriptionCommand, 'providerSubscription' | 'paidUnits'>,
  ): Promise<SubscriptionState | null> {
    const command = { kind: 'subscription', billingEntityId, ...BY_ITSELF, providerSubscription, paidUnits } as const;
    const outcome = unlessRejected(await this.#options.ledger.submit(command));
    return outcome.subscription;
  }

  /**
   * Gives what an invoice's line paid for, once.
   * @returns the grant, of whichever call made it
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND, UNAVAILABLE
   */
  async credit(paid: PaidCredits): Promise<{ grantId: string; replayed: boolean }> {
    const { billingEntityId, source, amount, invoiceId, lineId, reason } = paid;
    if (amount <= 0n) throw new Refusal('BAD_USER_INPUT', 'amount must be above 0');
    const outcome = unlessRejected(
      await this.#options.ledger.submit({
        kind: 'credit',
        billingEntityId,
        actor: BY_ITSELF.actor,
        idempotency: systemKey('invoice', invoiceId, lineId),
        grantId: uuidv7(),
        source,
        amount,
        reason: reason === null ? null : checkReason(reason),
      }),
    );
    const replayed = outcome.kind === 'replayed';
    const entry = replayed
      ? (await this.#options.history.entriesBySequence([{ billingEntityId, sequence: outcome.sequence }]))[0]
      : outcome.entries[0];
    if (!entry || entry.grantId === null) throw new Error(`the grant of ${invoiceId} is missing`);
    return { grantId: entry.grantId, replayed };
  }

  /** Of lines of invoices those that nothing was given for yet. */
  async uncredited<Line extends Pick<PaidCredits, 'invoiceId' | 'lineId'>>(
    billingEntityId: string,
    lines: readonly Line[],
  ): Promise<Line[]> {
    const keyOf = ({ invoiceId, lineId }: Line): string => systemKey('invoice', invoiceId, lineId).key;
    if (lines.length === 0) return [];
    const { rows } = await this.#options.database.query<{ key: string }>({
      name: 'lines-credited',
      text: `select k.key from unnest($2::text[]) k(key)
        cross join lateral (
          select from ledger_entry e where e.billing_entity_id = $1 and e.idempotency_key = k.key limit 1) e`,
      values: [billingEntityId, lines.map(keyOf)],
    });
    const credited = new Set(rows.map(({ key }) => key));
    return lines.filter((line) => !credited.has(keyOf(line)));
  }

  /** What was granted for a line, and how much of it is clawed back at present. */
  async grantsFor(line: PaidLine): Promise<{ grantId: string; amount: bigint; clawed: bigint }[]> {
    const { billingEntityId, invoiceId, lineId, base } = line;
    const { key } = systemKey('invoice', invoiceId, lineId);
    const baseId = base && baseGrantOf(billingEntityId, base);
    const { rows } = await this.#options.database.query<{ id: string; amount: bigint; clawed: bigint }>(
      `select g.id, g.amount, g.clawed from credit_grant g
       where g.billing_entity_id = $1 and (g.id = $2::uuid or g.id in (
         select e.grant_id from ledger_entry e where e.billing_entity_id = $1 and e.idempotency_key = $3))`,
      [billingEntityId, baseId, key],
    );
    return rows.map(({ id, amount, clawed }) => ({ grantId: id, amount, clawed }));
  }

  /**
   * Gives back exactly what was clawed back of a grant; of what was not, nothing.
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND, UNAVAILABLE
   */
  async reinstate(billingEntityId: string, { grantId, reason }: { grantId: string; reason: string }): Promise<void> {
    unlessRejected(
      await this.#options.ledger.submit({
        kind: 'reinstate',
        billingEntityId,
        ...BY_ITSELF,
        grantId,
        reason: checkReason(reason),
      }),
    );
  }

  /** Notes the change that waits for the payer; null: none does. It is shown and decides nothing. */
  async notePending(billingEntityId: string, pending: PendingPayment | null): Promise<void> {
    const { database } = this.#options;
    if (pending === null) {
      await database.query('delete from pending_payment where billing_entity_id = $1', [billingEntityId]);
      return;
    }
    await database.query(
      `insert into pending_payment (billing_entity_id, plan, quantity, hosted_url, expires_at)
       values ($1, $2, $3, $4, $5)
       on conflict (billing_entity_id) do update
         set plan = excluded.plan, quantity = excluded.quantity, hosted_url = excluded.hosted_url,
           expires_at = excluded.expires_at`,
      [billingEntityId, pending.plan.code, pending.quantity, pending.hostedUrl, pending.expiresAt],
    );
  }

  /** Rows of accounts to which what is due by now has happened. */
  async #current(ids: readonly string[], now: Date): Promise<PlanRow[]> {
    const rows = await this.#read(ids);
    const overdue = rows.filter(({ due_at: dueAt }) => dueAt !== null && dueAt <= now);
    if (overdue.length === 0) return rows;
    const late = overdue.map((row) => row.billing_entity_id);
    // Whoever cannot be advanced is shown as it was last.
    await Promise.allSettled(late.map((id) => this.#options.accounts.advance(id)));
    return [...rows.filter((row) => !overdue.includes(row)), ...(await this.#read(late))];
  }

  async #read(ids: readonly string[]): Promise<PlanRow[]> {
    const { rows } = await this.#options.database.query<PlanRow>({
      name: 'plans-of-accounts',
      text: `select ${ACCOUNT_COLUMNS}, a.due_at, p.plan as pending_plan, p.quantity as pending_quantity,
          p.hosted_url as pending_url, p.expires_at as pending_expires_at
        from credit_account a left join pending_payment p
          on p.billing_entity_id = a.billing_entity_id and p.billing_entity_id = any($1::uuid[])
        where a.billing_entity_id = any($1::uuid[])`,
      values: [ids],
    });
    return rows;
  }
}

/** As callers see who has no subscription, where something must be shown. */
export function withoutSubscription(billingEntityId: string, now: Date): Subscription {
  const { start, end } = calendarMonth(now);
  return {
    id: billingEntityId,
    plan: FREE_TRIAL,
    quantity: 1,
    status: 'ACTIVE',
    currentPeriodStart: start,
    currentPeriodEnd: end,
    cancelAtPeriodEnd: false,
    scheduledPlan: null,
    scheduledQuantity: null,
    pendingPayment: null,
    graceEndsAt: null,
  };
}

/** The grant of a period's base credits: it has its id before it is made. */
export function baseGrantOf(billingEntityId: string, { subscriptionId: id, periodStart }: BasePeriod): string {
  return newId(nameOfBase(billingEntityId, { id, periodStart }));
}

interface PlanRow extends AccountRow {
  due_at: Date | null;
  pending_plan: PlanCode | null;
  pending_quantity: number;
  pending_url: string;
  pending_expires_at: Date | null;
}

/** What waits, until its time is over. */
function pendingOf(row: PlanRow, now: Date): PendingPayment | null {
  const { pending_plan: plan, pending_quantity: quantity, pending_url: hostedUrl, pending_expires_at: expiresAt } = row;
  if (plan === null || (expiresAt !== null && expiresAt <= now)) return null;
  return { plan: PLAN_BY_CODE[plan], quantity, hostedUrl, expiresAt };
}

const BY_ITSELF = { actor: 'system', idempotency: null } as const;

function toPlanState(account: AccountState, now: Date, pending: PendingPayment | null): PlanState {
  const plan = planOf(account);
  return {
    plan,
    features: plan.features,
    subscription: account.subscription && toSubscription(account, account.subscription, pending),
    overagePolicy: account.overagePolicy,
    unpaid: isUnpaid(account, now),
  };
}

function toSubscription(
  account: AccountState,
  state: SubscriptionState,
  pendingPayment: PendingPayment | null,
): Subscription {
  const { plan, quantity } = state;
  const hasBegun = startedSubscription(account) !== null;
  const next = state.next?.plan === 'FREE_TRIAL' ? null : state.next;
  const changes = next === null || next.plan !== plan || next.quantity !== quantity;
  return {
    id: state.id,
    plan: PLAN_BY_CODE[plan],
    quantity,
    status: state.status,
    currentPeriodStart: state.periodStart,
    currentPeriodEnd: hasBegun ? account.period.end : null,
    cancelAtPeriodEnd: next === null,
    scheduledPlan: changes ? (next === null ? FREE_TRIAL : PLAN_BY_CODE[next.plan]) : null,
    scheduledQuantity: next === null || next.quantity === quantity ? null : next.quantity,
    pendingPayment,
    graceEndsAt: state.graceEndsAt,
  };
}
