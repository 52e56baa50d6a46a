/** One command, decided: what it does, or why not. */
import { type Account, accountTime } from './account.ts';
import { Books, NOTHING } from './journal.ts';
import {
  type Command,
  type Decision,
  NO_TERMS,
  noAccount,
  type SettleCommand,
  type Situation,
  type UseTerms,
} from './commands.ts';
import { adjust, credit, grant } from './grant.ts';
import { follow, freezeOverage } from './period-close.ts';
import { consume } from './usage.ts';
import { refund } from './refund.ts';
import { transfer } from './transfer.ts';
import { clawBack, reinstate } from './clawback.ts';
import { extend, release, reserve, settle } from './reservation.ts';

/** Decides on accounts to which everything due has been applied. The clock may say anything: an account’s own time counts. */
export function decide(command: Command, situation: Situation, clock: Date): Decision {
  const account = situation.account(command.billingEntityId);
  if (account === undefined) return noAccount(command);
  if (command.refusal) return command.refusal;
  const now = accountTime(account, clock);
  switch (command.kind) {
    case 'consume':
      return consume(account, command, { now, clock, terms: situation.terms(command) });
    case 'reserve':
      return reserve(account, command, { now, terms: situation.terms(command) });
    case 'settle':
      return settle(account, command, { now, clock, terms: termsOfHold(account, command, situation) });
    case 'extend':
      return extend(account, command, now);
    case 'release':
      return release(account, command, now);
    case 'grant':
      return grant(account, command, now);
    case 'trial':
      return account.trialGiven ? NOTHING : grant(withTrial(account), { ...command, kind: 'grant' }, now);
    case 'adjust':
      return adjust(account, command, now);
    case 'refund':
      return refund(account, command, now, situation);
    case 'transfer':
      return transfer(account, command, clock, situation);
    case 'clawback':
      return clawBack(account, command, clock, situation);
    case 'reinstate':
      return reinstate(account, command, now, situation);
    case 'credit':
      return credit(account, command, now);
    case 'subscription':
      return follow(account, command, now, situation);
    case 'reportOverage': {
      if (account.overageTotal === account.overageReported) return NOTHING;
      const books = new Books(account, command, now);
      freezeOverage(books, { id: command.reportId });
      return books.applied();
    }
    case 'policy': {
      const books = new Books(account, command, now);
      books.set({ overagePolicy: command.overagePolicy });
      books.touch();
      return books.applied();
    }
    case 'advance':
      return NOTHING;
  }
}

/** Of those whom the reservation names; nobody where it is not there. */
function termsOfHold(account: Account, { reservationId, lines }: SettleCommand, { terms }: Situation): UseTerms {
  const hold = account.holds.get(reservationId);
  return hold === undefined ? NO_TERMS : terms({ ...hold, lines });
}

function withTrial(account: Account): Account {
  return { ...account, trialGiven: true };
}
