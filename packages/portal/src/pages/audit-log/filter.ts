import type { AuditLogFilter } from '../../gql/graphql.ts';
import { startOfDay } from '../../ui/ranges.ts';
import type { AuditLogSearch } from './search.ts';

/** The filter that the address asks for. Days are the reader's own, or those of UTC. */
export function filterOf(
  { action, actor, from, to }: AuditLogSearch,
  { utc }: { readonly utc: boolean },
): AuditLogFilter {
  const beginning = (day: string, days: number): string =>
    startOfDay(new Date(`${day}T00:00:00${utc ? 'Z' : ''}`), { utc, days }).toISOString();
  return {
    ...(action === undefined ? {} : { actions: [action] }),
    ...(actor === undefined ? {} : { actors: [actor] }),
    ...(from === undefined ? {} : { from: beginning(from, 0) }),
    ...(to === undefined ? {} : { to: beginning(to, 1) }),
  };
}
