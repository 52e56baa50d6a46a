/** Outcomes: what submitting a command can come to, for each kind of command. */
import { Refusal } from '../kernel/refusal.ts';
import type { Balance } from './rules/balance.ts';
import type { Command, DecisionOf } from './rules/commands.ts';
import type { Effects } from './rules/effects.ts';
import type { Entry, MeterReport, UsageRecord } from './rules/entries.ts';
import type { Grant } from './rules/grants.ts';
import type { Refused, Rejected } from './rules/refusals.ts';
import type { Reservation } from './rules/reservations.ts';
import type { SubscriptionState } from './rules/subscription.ts';

/**
 * The outcomes of one kind of command. Refusals are values: they never disturb the batch. A command that is known to have
 * no key is never answered again.
 */
export type OutcomeOf<C extends Command> = C extends Command
  ? OutcomeOfDecision<DecisionOf<C>> | ([C['idempotency']] extends [null] ? never : ReplayOf<C>)
  : never;

/** Any outcome of any command. */
export type Outcome = OutcomeOf<Command>;

/** A decision as its sender hears of it: committed, or refused with the balance that refused it. */
type OutcomeOfDecision<D> = D extends Effects ? Committed : D extends Refused ? RefusedUse : D;

/** Only new use may have been charged to another account when its key was first sent. */
type ReplayOf<C extends Command> = C extends { readonly kind: 'consume' | 'reserve' }
  ? Replayed | ReplayedElsewhere
  : Replayed;

export interface RefusedUse extends Refused {
  /** The balance of the command's own account. */
  readonly balance: Balance;
  /** When the limit that refused begins anew; null: waiting does not help. */
  readonly resetsAt: Date | null;
}

/** The command took effect now, and is committed. */
export interface Committed {
  readonly kind: 'committed';
  readonly entries: readonly Entry[];
  readonly records: readonly UsageRecord[];
  readonly grants: readonly Grant[];
  readonly reservations: readonly Reservation[];
  readonly reports: readonly MeterReport[];
  /** The balance of the command's own account. */
  readonly balance: Balance;
  /** The subscription of the command's own account, with the grant of the period's base credits. */
  readonly subscription: SubscriptionState | null;
  /** The balances of the other accounts that the command touches. */
  readonly otherBalances: readonly Balance[];
}

/** The key took effect before, in the same account. */
export interface Replayed {
  readonly kind: 'replayed';
  /** Sequence of the first entry of that effect. */
  readonly sequence: bigint;
  /** true: the caller sees the account. Others are told the state of then, and nothing newer (rule 20). */
  readonly seen: boolean;
  /** The balance now or, for a caller who does not see the account, right after that effect. */
  readonly balance: Balance;
  readonly otherBalances: readonly Balance[];
}

/** The key took effect before, in another account that the use could have been charged to. */
export interface ReplayedElsewhere {
  readonly kind: 'replayedElsewhere';
  readonly billingEntityId: string;
  /** Sequence of the first entry of that effect. */
  readonly sequence: bigint;
  /** The balance right after that effect, for a caller who does not see the account. null: they see it as it is now. */
  readonly balanceThen: Balance | null;
}

/**
 * The outcome of a command, for callers to whom a rejection is an error.
 * @throws Refusal with the rejection's code and message
 */
export function unlessRejected<O extends { readonly kind: string }>(outcome: O | Rejected): Exclude<O, Rejected> {
  if (isRejected(outcome)) throw new Refusal(outcome.code, outcome.message);
  return outcome as Exclude<O, Rejected>;
}

function isRejected(outcome: { readonly kind: string }): outcome is Rejected {
  return outcome.kind === 'rejected';
}
