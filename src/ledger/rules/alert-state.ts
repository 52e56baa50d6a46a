/** What an account remembers of its alerts, so that what was raised once is not raised again (rule 29). */

/**
 * Thresholds need no memory: one fires where the account was below it before a step and is not below it after. So a
 * threshold that is passed already when it is set waits, and one that is left and reached again fires again.
 */
export interface AlertState {
  /** Alerts that were raised so far. They are numbered from 1 without gaps. */
  readonly raised: bigint;
  /** Times that preferences were set. */
  readonly changes: bigint;
  /** EXHAUSTED was raised, and available has not risen since. */
  readonly isExhausted: boolean;
  /** Start of the last period whose OVERAGE_STARTED was raised; null: none was. */
  readonly overageStartedIn: Date | null;
  /** Start of the last period whose OVERAGE_CAP_REACHED was raised; null: none was. */
  readonly capReachedIn: Date | null;
}

/** The state of an account that has raised nothing and has set nothing. */
export const NO_ALERTS: AlertState = {
  raised: 0n,
  changes: 0n,
  isExhausted: false,
  overageStartedIn: null,
  capReachedIn: null,
};
