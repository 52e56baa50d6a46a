/** One command, decided: what it does, or why not. */
import { type Account, accountTime } from './account.ts';
import { Effects } from './effects.ts';
import { Journal } from './journal.ts';
import {
  type Command,
  type Decision,
  NO_CONTEXT,
  noAccount,
  type SettleCommand,
  type LedgerView,
  type UsageContext,
} from './commands.ts';
import { adjust, credit, grant } from './grant.ts';
import { followProvider, freezeOverage } from './period-close.ts';
import { consume } from './usage.ts';
import { refund } from './refund.ts';
import { transfer } from './transfer.ts';
import { clawBack, reinstate } from './clawback.ts';
import { extend, release, reserve, settle } from './reservation.ts';

/** Decides on accounts to which everything due has been applied. The clock may say anything: an account’s own time counts. */
export function decide(command: Command, view: LedgerView, wallClock: Date): Decision {
  const account = view.account(command.billingEntityId);
  if (account === undefined) return noAccount(command);
  if (command.refusal) return command.refusal;
  const now = accountTime(account, wallClock);
  switch (command.kind) {
    case 'consume':
      return consume(account, command, { now, wallClock, usageContext: view.usageContext(command) });
    case 'reserve':
      return reserve(account, command, { now, usageContext: view.usageContext(command) });
    case 'settle':
      return settle(account, command, { now, wallClock, usageContext: contextOfReservation(account, command, view) });
    case 'extend':
      return extend(account, command, now);
    case 'release':
      return release(account, command, now);
    case 'grant':
      return grant(account, command, now);
    case 'trial':
      return account.trialGiven ? Effects.none : grant(withTrial(account), { ...command, kind: 'grant' }, now);
    case 'adjust':
      return adjust(account, command, now);
    case 'refund':
      return refund(account, command, now, view);
    case 'transfer':
      return transfer(account, command, wallClock, view);
    case 'clawback':
      return clawBack(account, command, wallClock, view);
    case 'reinstate':
      return reinstate(account, command, now, view);
    case 'credit':
      return credit(account, command, now);
    case 'subscription':
      return followProvider(account, command, now, view);
    case 'reportOverage': {
      if (account.overageTotal === account.overageReported) return Effects.none;
      const journal = new Journal(account, command, now);
      freezeOverage(journal, { id: command.reportId });
      return journal.close();
    }
    case 'policy': {
      const journal = new Journal(account, command, now);
      journal.set({ overagePolicy: command.overagePolicy });
      journal.touch();
      return journal.close();
    }
    case 'advance':
      return Effects.none;
  }
}

/** Of those whom the reservation names; nobody where it is not there. */
function contextOfReservation(
  account: Account,
  { reservationId, lines }: SettleCommand,
  { usageContext }: LedgerView,
): UsageContext {
  const reservation = account.reservations.get(reservationId);
  return reservation === undefined ? NO_CONTEXT : usageContext({ ...reservation, lines });
}

function withTrial(account: Account): Account {
  return { ...account, trialGiven: true };
}
