/** The summaries of an account, held against its records and refunds. */
import type { PoolClient } from 'pg';
import { FOLDED_MODELS } from '../rules/model-names.ts';
import { NIL_UUID } from '../../kernel/nil-uuid.ts';
import { beforeMark, DAYS, FOLDED_IN_SQL, HOURS, type RollupTable } from '../store/tables.ts';
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
  model: string;
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
const NAMES = HOURS.names.map(([name]) => name).join(', ');
const SUMS = HOURS.sums.map(([name]) => name);

/** All that a row of sums says, as one text. */
function sumsOf({ marks }: RollupTable): string {
  return `concat_ws(' ', ${[...SUMS, ...marks.flatMap((mark) => SUMS.map((sum) => beforeMark(sum, mark)))].join(', ')})`;
}

/** The sums of rows that each lie in one part of the span, as the table has them. `at` says how far into the span, in its marks. */
function summedUp({ marks }: RollupTable, at: string): string {
  const sums = SUMS.map((sum) => `sum(${sum}) as ${sum}`);
  const before = marks.flatMap((mark) =>
    SUMS.map((sum) => `coalesce(sum(${sum}) filter (where ${at} < ${mark}), 0) as ${beforeMark(sum, mark)}`),
  );
  return [...sums, ...before].join(', ');
}

const ROLLUP_DIFFERENCES = `select hour, ${NAMES}, s.sums as stored, r.sums as rebuilt
  from (
    select hour, ${NAMES}, ${sumsOf(HOURS)} as sums from usage_rollup
    where billing_entity_id = $1 and hour >= $2 and hour < $3
  ) s
  full join (
    select hour, ${NAMES}, ${sumsOf(HOURS)} as sums from (
      select hour, ${NAMES}, ${summedUp(HOURS, 'minute')} from (
        select date_trunc('hour', u.occurred_at, 'UTC') as hour, extract(minute from u.occurred_at at time zone 'UTC') as minute,
          coalesce(u.user_id, '${NIL_UUID}') as user_id,
          case when u.model_folded then ${FOLDED_IN_SQL} else coalesce(u.model, '') end as model,
          coalesce(u.api_key_entity_id, '${NIL_UUID}') as api_key_entity_id, coalesce(u.api_key_id, '${NIL_UUID}') as api_key_id,
          u.resource, u.billing_mode, coalesce(u.feature, '') as feature,
          coalesce(u.organization_id, '${NIL_UUID}') as organization_id, u.quantity,
          u.credits - f.credits as credits, u.overage - f.overage as overage, 1 as records
        from usage_record u
        cross join lateral (${REFUNDED}) f
        where u.billing_entity_id = $1 and u.occurred_at >= $2 and u.occurred_at < $3
      ) record
      group by hour, ${NAMES}
    ) rebuilt
  ) r using (hour, ${NAMES})
  where s.sums is distinct from r.sums
  order by hour limit ${MAX_ROLLUP_PROBLEMS}`;

/** The sums of a day against those of its hours, which have been held against the records. */
const DAY_DIFFERENCES = `select day as hour, ${NAMES}, s.sums as stored, r.sums as rebuilt
  from (
    select day, ${NAMES}, ${sumsOf(DAYS)} as sums from usage_rollup_day
    where billing_entity_id = $1 and day >= $2 and day < $3
  ) s
  full join (
    select ${NAMES}, ${sumsOf(DAYS)} as sums, $2::timestamptz as day from (
      select ${NAMES}, ${summedUp(DAYS, `extract(hour from hour at time zone 'UTC')`)}
      from usage_rollup where billing_entity_id = $1 and hour >= $2 and hour < $3
      group by ${NAMES}
    ) rebuilt
  ) r using (day, ${NAMES})
  where s.sums is distinct from r.sums
  limit ${MAX_ROLLUP_PROBLEMS}`;

function toProblem(row: RollupDifference, says: 'the records say' | 'its hours say'): string {
  const { hour, user_id: user, resource, billing_mode: mode, feature } = row;
  const also = [row.api_key_id, row.organization_id].filter((id) => id !== NIL_UUID);
  const model = row.model === FOLDED_MODELS ? 'further models' : row.model;
  const name = [hour.toISOString(), `user ${user}`, resource, mode, feature, model, ...also].filter(
    (part) => part !== '',
  );
  return `summary of ${name.join(', ')}: quantity, credits, overage, records (all, and before each mark) are ${row.stored ?? 'not there'}, ${says} ${row.rebuilt ?? 'nothing'}`;
}
