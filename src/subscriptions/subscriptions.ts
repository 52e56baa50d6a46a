import { actorOf } from '../billing-entities/access.ts';
import type { Principal } from '../billing-entities/principal.ts';
import type { Database } from '../db/database.ts';
import type { Rows } from '../db/rows.ts';
import type { Clock } from '../kernel/clock.ts';
import { Refusal } from '../kernel/refusal.ts';
import type { Accounts } from '../ledger/accounts.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { unlessRejected } from '../ledger/outcome.ts';
import { type AccountState, accountTime, MAX_CREDITS, type OveragePolicy } from '../ledger/rules/account.ts';
import type { SubscriptionCommand } from '../ledger/rules/commands.ts';
import type { Period } from '../ledger/rules/periods.ts';
import type { SubscriptionState } from '../ledger/rules/subscription.ts';
import { ACCOUNT_COLUMNS, type AccountRow, toAccountState } from '../ledger/store/tables.ts';
import { PLAN_BY_CODE } from '../plans/plans.ts';
import { BY_ITSELF } from './by-itself.ts';
import { findFindings, noteFindings } from './finding.repository.ts';
import { type Finding, isForSeller, SELLERS_KINDS, type StandingFinding } from './findings.ts';
import type { PendingPayment as PendingPaymentEntity } from './pending-payment.entity.ts';
import { deletePendingPayment, findPendingPayments, notePendingPayment } from './pending-payment.repository.ts';
import { type PendingPayment, type PlanState, type ShownBesides, toPlanState } from './plan-state.ts';

/** An account's subscription and period, as the ledger has them. */
export interface Followed {
  /** With the grant of its period's base credits. */
  readonly subscription: SubscriptionState | null;
  readonly period: Period;
}

interface Options {
  readonly database: Database;
  readonly rows: Rows;
  readonly ledger: Ledger;
  readonly accounts: Accounts;
  readonly clock: Clock;
}

/** Plans of billing entities: shown to callers, and changed by the payment provider. */
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

  /** The plans of those of these entities that have an account. */
  async byIds(ids: readonly string[]): Promise<Map<string, PlanState>> {
    const now = this.#options.clock.now();
    const accounts = (await this.#current(ids, now)).map(toAccountState);
    const besides = await this.#besides(accounts, now);
    return new Map(
      accounts.map((account) => {
        const { billingEntityId } = account;
        const shown = besides.get(billingEntityId) ?? NOTHING_BESIDES;
        return [billingEntityId, toPlanState(account, accountTime(account, now), shown)];
      }),
    );
  }

  /** The subscription that the account followed last; null: there is no account. */
  async followed(billingEntityId: string): Promise<Followed | null> {
    const [row] = await this.#current([billingEntityId], this.#options.clock.now());
    if (row === undefined) return null;
    const { subscription, period } = toAccountState(row);
    return { subscription, period };
  }

  /**
   * Sets whether and how far use may go on as overage. The policy is kept on any plan and counts on plans that allow
   * overage, so that a payer who is about to subscribe, or comes back, has decided already.
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
   * Makes the account follow its subscription as the provider has it now. Repeating it changes nothing.
   * @param facts.providerSubscription null: the provider has none any more
   * @param facts.paidUnits units whose base price for the provider's period has been paid; 0: none
   * @param facts.paidCredits the base credits that were paid so, where the period is shorter than a month
   * @returns the subscription as the account has it, with the grant of the period's base credits
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND, UNAVAILABLE
   */
  async follow(
    billingEntityId: string,
    facts: Pick<SubscriptionCommand, 'providerSubscription' | 'paidUnits' | 'paidCredits'>,
  ): Promise<SubscriptionState | null> {
    const command = { kind: 'subscription', billingEntityId, ...BY_ITSELF, ...facts } as const;
    const outcome = unlessRejected(await this.#options.ledger.submit(command));
    return outcome.kind === 'committed' ? outcome.subscription : null;
  }

  /**
   * Raises PAYMENT_FAILED for invoices that were not paid, once an invoice (rule 29). Repeating it changes nothing.
   * @throws Refusal NOT_FOUND, UNAVAILABLE
   */
  async noteFailedPayments(billingEntityId: string, invoiceIds: readonly string[]): Promise<void> {
    const commands = invoiceIds.map((invoiceId) => {
      const command = { kind: 'paymentFailed', billingEntityId, ...BY_ITSELF, invoiceId } as const;
      return this.#options.ledger.submit(command);
    });
    for (const outcome of await Promise.all(commands)) unlessRejected(outcome);
  }

  /** Notes the change that waits for the payer; null: none does. It is shown to callers and decides nothing. */
  async notePending(billingEntityId: string, pending: PendingPayment | null): Promise<void> {
    await this.#options.rows.transaction(({ em }) =>
      pending === null
        ? deletePendingPayment(em, billingEntityId)
        : notePendingPayment(em, { ...pending, billingEntityId, plan: pending.plan.code }),
    );
  }

  /**
   * Notes what of the entity's subscription is not followed whole or waits for somebody, in the place of what was found
   * before. It is shown to callers and decides nothing.
   * @returns the findings that are new
   */
  noteFindings(billingEntityId: string, findings: readonly Finding[]): Promise<Finding[]> {
    const now = this.#options.clock.now();
    return this.#options.rows.transaction(({ em }) => noteFindings(em, { billingEntityId, findings, now }));
  }

  /** The findings of an entity that only the seller can settle, the oldest first. */
  async sellersFindings(billingEntityId: string): Promise<StandingFinding[]> {
    const found = await this.#options.rows.read((em) => findFindings(em, [billingEntityId]));
    return found.filter(isForSeller);
  }

  /** The number of entities with findings that only the seller can settle. */
  async countNotFollowed(): Promise<number> {
    const { rows } = await this.#options.database.query<{ count: number }>(
      'select count(distinct billing_entity_id)::int as count from subscription_finding where kind = any($1::text[])',
      [SELLERS_KINDS],
    );
    return rows[0]?.count ?? 0;
  }

  /** What is shown of subscriptions besides the accounts' own rows, by entity. Only a subscription has any of it. */
  async #besides(accounts: readonly AccountState[], now: Date): Promise<Map<string, ShownBesides>> {
    const ids = accounts.filter(({ subscription }) => subscription !== null).map((account) => account.billingEntityId);
    if (ids.length === 0) return new Map();
    const [pending, findings] = await this.#options.rows.read(async (em) => [
      await findPendingPayments(em, ids),
      await findFindings(em, ids),
    ]);
    return new Map(
      ids.map((id) => {
        const row = pending.find(({ billingEntityId }) => billingEntityId === id);
        const waiting = findings.filter(({ billingEntityId }) => billingEntityId === id);
        const pendingPayment = row === undefined ? null : toPendingPayment(row, now);
        return [id, { pendingPayment, waiting: waiting.length === 0 ? null : waiting }];
      }),
    );
  }

  /** Rows of accounts, after the scheduled events whose time has come were applied. */
  async #current(ids: readonly string[], now: Date): Promise<PlanRow[]> {
    const rows = await this.#read(ids);
    const late = rows.filter(({ next_event_at: nextEventAt }) => nextEventAt !== null && nextEventAt <= now);
    if (late.length === 0) return rows;
    const lateIds = late.map((row) => row.billing_entity_id);
    // An account that cannot be advanced is shown as it was last.
    await Promise.allSettled(lateIds.map((id) => this.#options.accounts.advance(id)));
    return [...rows.filter((row) => !late.includes(row)), ...(await this.#read(lateIds))];
  }

  async #read(ids: readonly string[]): Promise<PlanRow[]> {
    const { rows } = await this.#options.database.query<PlanRow>({
      name: 'plans-of-accounts',
      text: `select ${ACCOUNT_COLUMNS}, a.due_at as next_event_at
        from credit_account a where a.billing_entity_id = any($1::uuid[])`,
      values: [ids],
    });
    return rows;
  }
}

const NOTHING_BESIDES: ShownBesides = { pendingPayment: null, waiting: null };

interface PlanRow extends AccountRow {
  next_event_at: Date | null;
}

/** The change that waits for the payer, until its time is over. */
function toPendingPayment(
  { plan, quantity, hostedUrl, expiresAt }: PendingPaymentEntity,
  now: Date,
): PendingPayment | null {
  if (expiresAt !== null && expiresAt <= now) return null;
  return { plan: PLAN_BY_CODE[plan], quantity, hostedUrl, expiresAt };
}
