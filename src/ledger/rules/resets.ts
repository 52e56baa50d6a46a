/** When a limit that refused use begins anew, so that callers know whether waiting helps. */
import type { Account } from './account.ts';
import type { RefusalReason } from './refusals.ts';
import { renewsAtOnce, startedSubscription } from './subscription.ts';

/**
 * The end of the payer's period, where what is counted begins again (rule 13); null where waiting does not help: the
 * payer is not given new credits then (a trial, or a subscription that ends or is not paid), or no limit refused.
 */
export function resetsAt(account: Account, reason: RefusalReason): Date | null {
  switch (reason) {
    case 'MEMBER_LIMIT_REACHED':
    case 'API_KEY_LIMIT_REACHED':
      return account.period.end;
    case 'INSUFFICIENT_CREDITS':
    case 'OVERAGE_CAP_REACHED':
      return renews(account) ? account.period.end : null;
    case 'FEATURE_NOT_IN_PLAN':
    case 'ENTITY_SUSPENDED':
    case 'MEMBER_SUSPENDED':
    case 'PAYMENT_PAST_DUE':
      return null;
  }
}

/** True where the next period brings credits of the plan by itself. */
function renews(account: Account): boolean {
  const subscription = startedSubscription(account);
  const next = subscription?.next ?? null;
  return (
    subscription !== null &&
    next !== null &&
    next.plan !== 'FREE_TRIAL' &&
    renewsAtOnce(subscription, account.period.end)
  );
}
