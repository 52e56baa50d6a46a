/**
 * What tells use inside an organization and a change of its visibility apart. A ledger transaction of use in it holds this
 * advisory lock shared; who changes the visibility holds it alone. So no use that began under one rule of who pays commits
 * after the answer that there is another.
 */
import { parse } from 'uuid';

/** The key of the lock: the last eight bytes of the organization's id, as PostgreSQL's signed bigint. Most of them are random. */
export function useLockOf(organizationId: string): bigint {
  const bytes = Buffer.from(parse(organizationId));
  return bytes.readBigInt64BE(8);
}
