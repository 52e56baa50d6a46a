import { oneOf } from '../../ui/address.ts';

export const ENTRY_KINDS = [
  ...(['CONSUMPTION', 'OVERAGE', 'GRANT', 'EXPIRY', 'ADJUSTMENT', 'REFUND', 'CLAWBACK'] as const),
  ...(['REPAYMENT', 'HOLD', 'RELEASE', 'TRANSFER_IN', 'TRANSFER_OUT'] as const),
] as const;

/** The search parameters of the ledger; absent: entries of all kinds. */
export interface LedgerSearch {
  readonly kind?: (typeof ENTRY_KINDS)[number] | undefined;
}

export function readLedgerSearch({ kind }: Record<string, unknown>): LedgerSearch {
  const known = oneOf(kind, ENTRY_KINDS);
  return known === undefined ? {} : { kind: known };
}
