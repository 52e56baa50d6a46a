import type { Balance } from '../../src/ledger/rules/balance.ts';

/** A state of an account; everything but its version and sequence is made up. */
export function state(billingEntityId: string, version: number, sequence = version): Balance {
  return {
    billingEntityId,
    available: BigInt(1_000_000 - version),
    held: 0n,
    used: BigInt(version),
    allowance: 1_000_000n,
    overage: 0n,
    owed: 0n,
    usedRatio: version / 1_000_000,
    version: BigInt(version),
    sequence: BigInt(sequence),
    asOf: new Date(1_750_000_000_000 + version),
  };
}
