/** Alerts in words (pure). */
import type { Alert } from '../ledger/rules/alerts.ts';

/** The figures that the words are made of. */
export type TextOf = Pick<
  Alert,
  'type' | 'perMille' | 'remaining' | 'used' | 'allowance' | 'available' | 'memberLimit' | 'memberUsed' | 'isRefusal'
>;

/** One or two sentences for people. `memberName`: of the member whose limit it is; null: of none. */
export function messageOf(alert: TextOf, memberName: string | null): string {
  const { perMille, remaining, used, allowance, available } = alert;
  switch (alert.type) {
    case 'WARNING':
    case 'CRITICAL':
      return remaining === null
        ? `${percent(perMille ?? 0)} of the allowance is reached: ${grouped(used)} of ${credits(allowance)} ${allowance === 1n ? 'is' : 'are'} used. ${credits(available)} left.`
        : `Fewer than ${credits(remaining)} are left: ${grouped(available)}.`;
    case 'EXHAUSTED':
      return alert.isRefusal
        ? `Use was refused, because the ${credits(available)} that are left do not pay for it.`
        : 'All credits are used up. Further use is refused until there are credits again.';
    case 'RECOVERED':
      return `There are credits again: ${grouped(available)}.`;
    case 'OVERAGE_STARTED':
      return 'All credits are used up. Further use in this period is billed as overage.';
    case 'OVERAGE_CAP_REACHED':
      return alert.isRefusal
        ? 'Use was refused, because what is left of this period’s overage cap does not pay for it.'
        : 'This period’s overage cap is used up. Further use is refused.';
    case 'PAYMENT_FAILED':
      return 'A payment failed. Please look at the payment method.';
    case 'MEMBER_LIMIT':
      return memberText(alert, memberName ?? 'A member');
  }
}

function memberText({ perMille, memberLimit, memberUsed }: TextOf, name: string): string {
  const figures = `${grouped(memberUsed ?? 0n)} of ${credits(memberLimit ?? 0n)}`;
  return `${name} has reached ${percent(perMille ?? 0)} of their limit in this period: ${figures}.`;
}

function credits(amount: bigint): string {
  return `${grouped(amount)} ${amount === 1n ? 'credit' : 'credits'}`;
}

function grouped(amount: bigint): string {
  return amount.toLocaleString('en-US');
}

function percent(perMille: number): string {
  return `${perMille / 10} %`;
}
