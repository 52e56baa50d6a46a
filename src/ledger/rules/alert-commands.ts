/** Decisions that alerts need besides those of the ledger itself: preferences, invoices, refusals (rule 29). */
import { type Account, accountTime } from './account.ts';
import { findWrong, ordered } from './alert-preferences.ts';
import { crossingOfInvoice } from './alerts.ts';
import type { AlertPreferencesCommand, Command, DecisionOf, PaymentFailedCommand } from './commands.ts';
import { Effects } from './effects.ts';
import { Journal, SCHEDULED } from './journal.ts';
import type { LedgerView } from './ledger-view.ts';
import { type Refused, rejected } from './refusals.ts';

/** Replaces the account's preferences. Thresholds that are passed already wait until they are left (rule 29). */
export function setAlertPreferences(
  account: Account,
  command: AlertPreferencesCommand,
  now: Date,
): DecisionOf<AlertPreferencesCommand> {
  const wrong = findWrong(command.preferences);
  if (wrong !== null) return rejected('BAD_USER_INPUT', wrong.message);
  const journal = new Journal(account, command, now);
  journal.alerts.setPreferences(ordered(command.preferences));
  return journal.close();
}

/** Raises that an invoice was not paid, once an invoice. */
export function paymentFailed(
  account: Account,
  command: PaymentFailedCommand,
  now: Date,
  view: LedgerView,
): DecisionOf<PaymentFailedCommand> {
  const { invoiceId, billingEntityId } = command;
  if (view.isRaised(billingEntityId, crossingOfInvoice(invoiceId))) return Effects.none;
  const journal = new Journal(account, command, now);
  journal.alerts.invoiceFailed(invoiceId);
  return journal.close();
}

/**
 * Raises that use was refused for want of credits or for the overage cap, where it is the first time. The refused command
 * leaves nothing; the alert is a change of its own.
 */
export function noteRefusal(account: Account, { kind }: Command, refused: Refused, wallClock: Date): Effects {
  const isUse = kind === 'consume' || kind === 'reserve' || kind === 'settle';
  if (!isUse) return Effects.none;
  const journal = new Journal(account, SCHEDULED, accountTime(account, wallClock));
  return journal.alerts.useRefused(refused.reason) ? journal.close() : Effects.none;
}
