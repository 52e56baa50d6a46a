/** An account's balance at one version, as every reader sees it. All amounts are whole credits. */
export interface Balance {
  readonly billingEntityId: string;
  readonly available: bigint;
  readonly held: bigint;
  readonly used: bigint;
  readonly allowance: bigint;
  readonly overage: bigint;
  readonly owed: bigint;
  /** used / allowance; 0 when both are 0, 1 when only the allowance is 0. */
  readonly usedRatio: number;
  readonly version: bigint;
  /** Sequence of the last ledger entry behind this balance. */
  readonly sequence: bigint;
  readonly asOf: Date;
}
