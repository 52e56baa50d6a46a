/**
 * The advisory lock of an organization's use, as PostgreSQL numbers it. Ledger transactions of use there share it; whoever
 * changes who pays holds it alone, so that no use is under way when that changes. Otherwise a retry could be charged
 * to one account while the first try, still under way, is charged to the other.
 */
export function useLockOf(organizationId: string): bigint {
  const hex = organizationId.replaceAll('-', '').slice(16);
  return BigInt.asIntN(64, BigInt(`0x${hex}`));
}
