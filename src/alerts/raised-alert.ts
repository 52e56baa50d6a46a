import type { Party } from '../billing-entities/party.ts';
import { usedRatio } from '../ledger/rules/account.ts';
import { WHOLE } from '../ledger/rules/alert-preferences.ts';
import type { Alert } from '../ledger/rules/alerts.ts';
import { alertId } from '../kernel/public-ids.ts';
import { messageOf } from './alert-text.ts';

/** An alert, and what became of it. */
export interface RaisedAlert extends Alert {
  /** When somebody acknowledged it first; null: nobody has. */
  readonly acknowledgedAt: Date | null;
}

/** Names an alert. */
export interface AlertRef {
  readonly billingEntityId: string;
  readonly number: bigint;
}

/** Thousandths as a share: 800 is 0.8. */
export function levelOf(perMille: number | null): number | null {
  return perMille === null ? null : perMille / WHOLE;
}

/** The alert as the API prints it, member by member of GraphQL's type `Alert`. `member`: whose limit it is; null: nobody's. */
export function printAlert(alert: RaisedAlert, member: Party | null): Readonly<Record<string, unknown>> {
  const { billingEntityId, number, type, perMille, remaining, used, allowance, available } = alert;
  return {
    id: alertId(billingEntityId, number),
    billingEntityId,
    type,
    level: levelOf(perMille),
    remaining: remaining === null ? null : Number(remaining),
    message: messageOf(alert, member?.name ?? null),
    usedRatio: usedRatio(used, allowance),
    available: Number(available),
    member,
    createdAt: alert.createdAt.toISOString(),
    acknowledgedAt: alert.acknowledgedAt?.toISOString() ?? null,
  };
}
