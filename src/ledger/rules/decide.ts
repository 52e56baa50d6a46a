/** Deciding a command: what it does, or why not. */
import { type Account, accountTime } from './account.ts';
import { paymentFailed, setAlertPreferences } from './alert-commands.ts';
import { clawBack, reinstate } from './clawback.ts';
import type { Command, CommandOf, Decision, DecisionOf, PolicyCommand, SettleCommand } from './commands.ts';
import { deliver } from './delivery.ts';
import { Effects } from './effects.ts';
import { adjust, credit, giveTrial, grant } from './grant.ts';
import { Journal } from './journal.ts';
import type { LedgerView } from './ledger-view.ts';
import { followProvider, reportOverage } from './period-close.ts';
import { refund } from './refund.ts';
import { type Rejected, rejected } from './refusals.ts';
import { extend, release, reserve, settle } from './reservation.ts';
import { transfer } from './transfer.ts';
import { consume } from './usage.ts';
import { NO_CONTEXT, type UsageContext } from './usage-context.ts';

/**
 * Decides a command on accounts to which all scheduled events have been applied. Each account's own time counts, which
 * the clock may be behind (rule 13).
 */
export function decide(command: Command, view: LedgerView): Decision {
  const account = view.account(command.billingEntityId);
  if (account === undefined) return noAccount(command);
  if (command.refusal) return command.refusal;
  const decider = DECIDERS[command.kind] as Decider<Command['kind']>;
  return decider(account, command, accountTime(account, view.wallClock), view);
}

/** A missing account is answered like a missing reservation, so that callers cannot tell the two apart. */
export function noAccount({ kind }: Command): Rejected {
  const namesReservation = kind === 'settle' || kind === 'extend' || kind === 'release';
  return rejected('NOT_FOUND', `there is no such ${namesReservation ? 'reservation' : 'billing entity'}`);
}

/** `now` is the account's own time. */
type Decider<Kind extends Command['kind']> = (
  account: Account,
  command: CommandOf<Kind>,
  now: Date,
  view: LedgerView,
) => DecisionOf<CommandOf<Kind>>;

/** The types hold each kind of command to what it may come to, so that whoever submits one meets nothing else. */
const DECIDERS: { readonly [Kind in Command['kind']]: Decider<Kind> } = {
  consume: (account, command, now, view) =>
    consume(account, command, {
      now,
      wallClock: view.wallClock,
      usageContext: view.usageContext(command),
      namedModels: view.namedModels,
    }),
  reserve: (account, command, now, view) =>
    reserve(account, command, { now, usageContext: view.usageContext(command) }),
  settle: (account, command, now, view) =>
    settle(account, command, {
      now,
      wallClock: view.wallClock,
      usageContext: contextOfReservation(account, command, view),
      namedModels: view.namedModels,
    }),
  extend,
  release,
  grant,
  trial: giveTrial,
  adjust,
  credit,
  refund,
  transfer: (account, command, _now, view) => transfer(account, command, view),
  clawback: (account, command, _now, view) => clawBack(account, command, view),
  reinstate,
  subscription: followProvider,
  reportOverage,
  delivered: (_account, command, _now, view) => deliver(command, view),
  policy: setOveragePolicy,
  alertPreferences: setAlertPreferences,
  paymentFailed,
  advance: () => Effects.none,
};

/** The context of those whom the reservation names. A missing reservation names nobody. */
function contextOfReservation(
  account: Account,
  { reservationId, lines }: SettleCommand,
  { usageContext }: LedgerView,
): UsageContext {
  const reservation = account.reservations.get(reservationId);
  return reservation === undefined ? NO_CONTEXT : usageContext({ ...reservation, lines });
}

function setOveragePolicy(account: Account, command: PolicyCommand, now: Date): Effects {
  const journal = new Journal(account, command, now);
  journal.set({ overagePolicy: command.overagePolicy });
  journal.touch();
  return journal.close();
}
