/** Outcomes: what submitting a command can come to. */
import type { Balance } from './rules/balance.ts';
import type { WrongPayer, Refused, Rejected } from './rules/commands.ts';
import type { Entry, MeterReport, UsageRecord } from './rules/entries.ts';
import type { Grant } from './rules/grants.ts';
import type { Reservation } from './rules/reservations.ts';
import type { SubscriptionState } from './rules/subscription.ts';

/** What a command came to. Refusals are values: they never disturb the batch. */
export type Outcome =
  | Committed
  | Replayed
  | ReplayedElsewhere
  | (Refused & { readonly balance: Balance })
  | Rejected
  | WrongPayer;

/** Committed now. */
export interface Committed {
  readonly kind: 'committed';
  readonly entries: readonly Entry[];
  readonly records: readonly UsageRecord[];
  readonly grants: readonly Grant[];
  readonly reservations: readonly Reservation[];
  readonly reports: readonly MeterReport[];
  /** Of the command's own account. */
  readonly balance: Balance;
  /** Of the command's own account: with the grant of the period's base credits. */
  readonly subscription: SubscriptionState | null;
  /** Of every other account that it touches. */
  readonly otherBalances: readonly Balance[];
}

/** The same key took effect before: where its first entry stands, and the balance. */
export interface Replayed {
  readonly kind: 'replayed';
  readonly sequence: bigint;
  /** Whether the caller sees the account: else they are told what was so then, and nothing newer (rule 20). */
  readonly seen: boolean;
  /** Now; to whoever does not see the account: right after that command. */
  readonly balance: Balance;
  readonly otherBalances: readonly Balance[];
}

/** The same key took effect before in another account that it could have been charged to. Only use can come to this. */
export interface ReplayedElsewhere {
  readonly kind: 'replayedElsewhere';
  readonly billingEntityId: string;
  readonly sequence: bigint;
  /** To whoever does not see that account: its balance right after that command. null: they see it as it is now. */
  readonly balanceThen: Balance | null;
}
