/** The summaries of an account, held against its records and refunds. */
import type { PoolClient } from 'pg';
import { NIL_UUID } from '../../kernel/nil-uuid.ts';
import { read } from './read.ts';

const DAY_MS = 86_400_000;
const MAX_ROLLUP_PROBLEMS = 100;

/** Summaries against records and refunds, day by day, so that no day's sums need more memory than a day has hours. */
export async function rollupProblems(client: PoolClient, billingEntityId: string): Promise<string[]> {
  const [endless] = await read<{ count: bigint }>(client, ENDLESS_SUMMARIES, [billingEntityId]);
  const problems = endless?.count ? [`${endless.count} summaries are of no hour or day that there is`] : [];
  for (let dayMs = EARLIEST_MS; problems.length < MAX_ROLLUP_PROBLEMS; dayMs += DAY_MS) {
    const [next] = await read<{ at: Date | null }>(client, NEXT_USE, [billingEntityId, new Date(dayMs)]);
    if (!next?.at) break;
    dayMs = Math.floor(next.at.getTime() / DAY_MS) * DAY_MS;
    const day = [billingEntityId, new Date(dayMs), new Date(dayMs + DAY_MS)];
    for (const row of await read<RollupDifference>(client, ROLLUP_DIFFERENCES, day)) {
      problems.push(toProblem(row, 'the records say'));
    }
    for (const row of await read<RollupDifference>(client, DAY_DIFFERENCES, day)) {
      problems.push(`day’s ${toProblem(row, 'its hours say')}`);
    }
  }
  return problems;
}

/** Before any use. */
const EARLIEST_MS = Date.parse('0001-01-01T00:00:00Z');

/** Where records or summaries go on, from an instant on: days without use are not walked through one by one. */
const NEXT_USE = `select least(
    (select min(occurred_at) from usage_record where billing_entity_id = $1 and occurred_at >= $2 and occurred_at < 'infinity'),
    (select min(hour) from usage_rollup where billing_entity_id = $1 and hour >= $2 and hour < 'infinity'),
    (select min(day) from usage_rollup_day where billing_entity_id = $1 and day >= $2 and day < 'infinity')
  ) as at`;

const ENDLESS_SUMMARIES = `select
    (select count(*) from usage_rollup where billing_entity_id = $1 and not (hour >= '0001-01-01' and hour < 'infinity'))
    + (select count(*) from usage_rollup_day where billing_entity_id = $1 and not (day >= '0001-01-01' and day < 'infinity'))
    as count`;

interface RollupDifference {
  hour: Date;
  user_id: string;
  api_key_id: string;
  resource: string;
  billing_mode: string;
  feature: string;
  organization_id: string;
  stored: string | null;
  rebuilt: string | null;
}

/**
 * What was refunded of the record `u`, and how much of that was overage: what was owed goes back before overage does, and
 * what grants gave after it (rule 22). A refund without credits is one of before parts: it gave back everything.
 */
const REFUNDED = `select credits, least(u.overage, greatest(credits - u.owed, 0)) as overage from (
    select coalesce(sum(coalesce(f.credits, u.credits)), 0) as credits from usage_refund f
    where f.billing_entity_id = $1 and f.sequence = u.sequence and f.line = u.line
  ) parts`;

/** The columns that name a sum besides its time. */
const NAMES = 'user_id, api_key_entity_id, api_key_id, resource, billing_mode, feature, organization_id';
const SUMS = `concat_ws(' ', quantity, credits, overage, records)`;
const ROLLUP_DIFFERENCES = `select hour, ${NAMES}, s.sums as stored, r.sums as rebuilt
  from (
    select hour, ${NAMES}, ${SUMS} as sums from usage_rollup
    where billing_entity_id = $1 and hour >= $2 and hour < $3
  ) s
  full join (
    select hour, ${NAMES}, ${SUMS} as sums from (
      select date_trunc('hour', u.occurred_at, 'UTC') as hour, coalesce(u.user_id, '${NIL_UUID}') as user_id,
        coalesce(u.api_key_entity_id, '${NIL_UUID}') as api_key_entity_id, coalesce(u.api_key_id, '${NIL_UUID}') as api_key_id,
        u.resource, u.billing_mode, coalesce(u.feature, '') as feature,
        coalesce(u.organization_id, '${NIL_UUID}') as organization_id, sum(u.quantity) as quantity,
        sum(u.credits - f.credits) as credits, sum(u.overage - f.overage) as overage, count(*) as records
      from usage_record u
      cross join lateral (${REFUNDED}) f
      where u.billing_entity_id = $1 and u.occurred_at >= $2 and u.occurred_at < $3
      group by 1, 2, 3, 4, 5, 6, 7, 8
    ) rebuilt
  ) r using (hour, ${NAMES})
  where s.sums is distinct from r.sums
  order by hour limit ${MAX_ROLLUP_PROBLEMS}`;

/** The sums of a day against those of its hours, which have been held against the records. */
const DAY_DIFFERENCES = `select day as hour, ${NAMES}, s.sums as stored, r.sums as rebuilt
  from (
    select day, ${NAMES}, ${SUMS} as sums from usage_rollup_day
    where billing_entity_id = $1 and day >= $2 and day < $3
  ) s
  full join (
    select ${NAMES}, ${SUMS} as sums, $2::timestamptz as day from (
      select ${NAMES},
        sum(quantity) as quantity, sum(credits) as credits, sum(overage) as overage, sum(records) as records
      from usage_rollup where billing_entity_id = $1 and hour >= $2 and hour < $3
      group by ${NAMES}
    ) rebuilt
  ) r using (day, ${NAMES})
  where s.sums is distinct from r.sums
  limit ${MAX_ROLLUP_PROBLEMS}`;

function toProblem(row: RollupDifference, says: 'the records say' | 'its hours say'): string {
  const { hour, user_id: user, resource, billing_mode: mode, feature } = row;
  const also = [row.api_key_id, row.organization_id].filter((id) => id !== NIL_UUID);
  const name = [hour.toISOString(), `user ${user}`, resource, mode, feature, ...also].filter((part) => part !== '');
  return `summary of ${name.join(', ')}: quantity, credits, overage, records are ${row.stored ?? 'not there'}, ${says} ${row.rebuilt ?? 'nothing'}`;
}
