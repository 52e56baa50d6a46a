import { day, word } from '../../ui/address.ts';

/** The search parameters of the audit log; absent: everything. */
export interface AuditLogSearch {
  /** An act, such as member.set. */
  readonly action?: string | undefined;
  /** An actor, such as `user:ann`. */
  readonly actor?: string | undefined;
  readonly from?: string | undefined;
  /** The last day, which counts whole. */
  readonly to?: string | undefined;
}

export function readAuditLogSearch(search: Record<string, unknown>): AuditLogSearch {
  const read = {
    action: word(search['action']),
    actor: word(search['actor']),
    from: day(search['from']),
    to: day(search['to']),
  };
  return Object.fromEntries(Object.entries(read).filter(([, value]) => value !== undefined));
}
