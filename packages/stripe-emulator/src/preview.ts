import { linesOf, ownerOf } from './billing.ts';
import { invalid } from './errors.ts';
import { draftInvoice } from './invoices.ts';
import { itemLine } from './invoice-lines.ts';
import { clearable, flag, integer, integerOr, object, oneOf, text, type Values } from './parameters.ts';
import { changesTo } from './phases.ts';
import { waitingItems } from './proration.ts';
import { route, type Route } from './router.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import { periodFrom, periodOf, periodOfItem } from './subscription-items.ts';
import { cycleAnchor, itemChanges } from './subscription-parameters.ts';
import { subscriptionOf } from './subscriptions.ts';
import { linesOfChange, planChange } from './subscription-update.ts';
import type { Invoice, SchedulePhase, Subscription, SubscriptionItem } from './wire.ts';

const fields = {
  customer: text,
  preview_mode: oneOf('next', 'recurring'),
  schedule: text,
  subscription: text,
  subscription_details: object({
    billing_cycle_anchor: cycleAnchor,
    cancel_at: clearable(integer),
    cancel_at_period_end: flag,
    cancel_now: flag,
    items: itemChanges,
    proration_behavior: oneOf('always_invoice', 'create_prorations', 'none'),
    proration_date: integer,
    trial_end: integerOr('now'),
  }),
};

/** `create_preview`: the next invoice of a subscription, as it is or as it would be after a change. Nothing is kept. */
export const previewRoutes: readonly Route[] = [
  route('POST', '/v1/invoices/create_preview', fields, (sandbox, parameters) => preview(sandbox, parameters)),
];

function preview(sandbox: Sandbox, parameters: Values<typeof fields>): Invoice {
  const id =
    parameters.subscription ??
    sandbox.tables.schedules.get(parameters.schedule ?? '')?.subscription ??
    onlySubscriptionOf(sandbox, parameters.customer);
  const subscription = subscriptionOf(sandbox, id ?? '', 'subscription');
  const details = parameters.subscription_details;
  const phase = comingPhase(sandbox, subscription, parameters);
  const planned = planChange(sandbox, subscription, {
    items: phase === null ? details?.items : changesTo(subscription, phase),
    trialEnd: details?.trial_end,
    anchorNow: details?.billing_cycle_anchor?.type === 'now',
    prorationBehavior: phase === null ? (details?.proration_behavior ?? 'create_prorations') : 'none',
    prorationDate: details?.proration_date,
    paymentBehavior: 'allow_incomplete',
    cancelAtPeriodEnd: undefined,
    metadata: undefined,
  });
  const customer = ownerOf(sandbox, subscription);
  const startsTrialNow = planned.startsTrial && sandbox.behaviour.trialStartInvoices;
  const isNow = details?.proration_behavior === 'always_invoice' || planned.restarts || startsTrialNow;
  const running = periodOf(subscription);
  const waiting = waitingItems(sandbox, customer, subscription.id).map((item) => itemLine(sandbox, item));
  const ends =
    subscription.cancel_at_period_end || details?.cancel_at_period_end === true || details?.cancel_now === true;
  const changed = { ...subscription, items: { ...subscription.items, data: planned.items } } satisfies Subscription;
  const turns = ({ current_period_end: end }: SubscriptionItem): boolean => end === running.end;
  const lines = isNow
    ? [...waiting, ...linesOfChange(sandbox, subscription, planned)]
    : [
        ...(parameters.preview_mode === 'recurring' ? [] : waiting),
        ...(parameters.preview_mode === 'recurring' ? [] : linesOfChange(sandbox, subscription, planned)),
        ...linesOf(sandbox, changed, {
          reason: 'subscription_cycle',
          ahead: ends ? null : (item) => (turns(item) ? periodFrom(changed, item, running.end) : null),
          behind: subscription.status === 'trialing' ? null : (item) => (turns(item) ? periodOfItem(item) : null),
          items: planned.items,
          finalizesAt: null,
        }).lines,
      ];
  if (lines.length === 0) {
    throw invalid('No upcoming invoices for customer', { code: 'invoice_upcoming_none' });
  }
  const at = isNow ? sandbox.now() : running.end;
  const invoice = draftInvoice(sandbox, {
    customer,
    subscription,
    reason: isNow ? 'subscription_update' : 'subscription_cycle',
    period: isNow ? { start: at, end: at } : running,
    lines,
    currency: subscription.currency,
    finalizesAt: null,
  });
  return {
    ...invoice,
    id: `upcoming_${invoice.id}`,
    created: at,
    billing_reason: isNow ? 'subscription_update' : 'upcoming',
    next_payment_attempt: at + (isNow ? 0 : sandbox.behaviour.draftSeconds),
  };
}

/** The change that a requested schedule makes to the subscription when its period ends. Null: none. */
function comingPhase(
  sandbox: Sandbox,
  subscription: Subscription,
  { schedule: id, subscription: other, subscription_details: details }: Values<typeof fields>,
): SchedulePhase | null {
  if (id === undefined) return null;
  if (other !== undefined || details !== undefined) {
    throw invalid('You may only specify one of these parameters: schedule, subscription.', { param: 'schedule' });
  }
  const { end } = periodOf(subscription);
  const schedule = rowOf(sandbox.tables.schedules, 'subscription schedule', id, 'schedule');
  return schedule.phases.find(({ start_date: start }) => start === end) ?? null;
}

function onlySubscriptionOf(sandbox: Sandbox, customer: string | undefined): string | undefined {
  if (customer === undefined) {
    throw invalid('You must specify one of customer, subscription or schedule.', { param: 'customer' });
  }
  const live = [...sandbox.tables.subscriptions.values()].filter(
    (each) => each.customer === customer && each.ended_at === null,
  );
  return live[0]?.id;
}
