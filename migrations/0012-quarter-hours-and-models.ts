import { Migration } from '@mikro-orm/migrations';

const NIL = `'00000000-0000-0000-0000-000000000000'`;
const SUMS = ['quantity', 'credits', 'overage', 'records'] as const;
const NAMES = 'user_id, model, api_key_entity_id, api_key_id, resource, billing_mode, feature, organization_id';
const MINUTES = [15, 30, 45];
const HOURS = [3, 6, 9, 12, 15, 18, 21];

/**
 * Use names what did the work, and sums know it. A row of sums also tells what of it came before each quarter of its hour,
 * before each third hour of its day, so that a day can begin wherever a zone has it begin.
 *
 * All sums are made anew from the records: for ten million of them this takes some minutes, in memory that does not grow with
 * them, and nothing is recorded meanwhile. The new columns have no default: what a process of the release before would add to
 * a sum is refused, and not added without its quarter.
 */
export class QuarterHoursAndModels extends Migration {
  override name = '0012-quarter-hours-and-models';

  override up(): void {
    this.addSql(
      'alter table usage_record add column model text, add column model_folded boolean not null default false',
    );
    this.addSql(`alter table usage_record add constraint usage_record_folded_by_name
      check (model is not null or not model_folded)`);
    this.addSql(`create index usage_record_by_model on usage_record (billing_entity_id, model, occurred_at, sequence, line)
      where model is not null`);
    for (const [table, marks] of [
      ['usage_rollup', MINUTES],
      ['usage_rollup_day', HOURS],
    ] as const) {
      this.addSql(`truncate ${table}`);
      this.addSql(`alter table ${table} drop constraint ${table}_pkey`);
      this.addSql(`alter table ${table} add column model text not null, ${columns(marks)}`);
    }
    this.addSql(`insert into usage_rollup (billing_entity_id, hour, ${NAMES}, ${SUMS.join(', ')}, ${names(MINUTES)})
      select r.billing_entity_id, r.hour, ${NAMES}, ${SUMS.map((sum) => `sum(r.${sum})`).join(', ')},
        ${before(MINUTES, 'r.minute')}
      from (
        select u.billing_entity_id, date_trunc('hour', u.occurred_at, 'UTC') as hour,
          extract(minute from u.occurred_at at time zone 'UTC') as minute,
          coalesce(u.user_id, ${NIL}) as user_id, coalesce(u.model, '') as model,
          coalesce(u.api_key_entity_id, ${NIL}) as api_key_entity_id, coalesce(u.api_key_id, ${NIL}) as api_key_id,
          u.resource, u.billing_mode, coalesce(u.feature, '') as feature,
          coalesce(u.organization_id, ${NIL}) as organization_id, u.quantity,
          case when f.sequence is null then u.credits else 0 end as credits,
          case when f.sequence is null then u.overage else 0 end as overage, 1 as records
        from usage_record u
        left join usage_refund f
          on f.billing_entity_id = u.billing_entity_id and f.sequence = u.sequence and f.line = u.line
      ) r
      group by r.billing_entity_id, r.hour, ${NAMES}`);
    this.addSql(`insert into usage_rollup_day (billing_entity_id, day, ${NAMES}, ${SUMS.join(', ')}, ${names(HOURS)})
      select r.billing_entity_id, date_trunc('day', r.hour, 'UTC') as day, ${NAMES}, ${SUMS.map((sum) => `sum(r.${sum})`).join(', ')},
        ${before(HOURS, `extract(hour from r.hour at time zone 'UTC')`)}
      from usage_rollup r
      group by r.billing_entity_id, 2, ${NAMES}`);
    this.addSql(
      `alter table usage_rollup add constraint usage_rollup_pkey primary key (billing_entity_id, hour, ${NAMES})`,
    );
    this.addSql(`alter table usage_rollup_day
      add constraint usage_rollup_day_pkey primary key (billing_entity_id, day, ${NAMES})`);
    // The use of further models, which is summed up together: seldom any.
    this.addSql(`create index usage_rollup_folded on usage_rollup (billing_entity_id, hour) where model = E'\\x01'`);
  }
}

function names(marks: readonly number[]): string {
  return marks.flatMap((mark) => SUMS.map((sum) => `${sum}_before${mark}`)).join(', ');
}

function columns(marks: readonly number[]): string {
  const type = (sum: string): string => (sum === 'records' ? 'bigint' : 'numeric');
  return marks.flatMap((mark) => SUMS.map((sum) => `add column ${sum}_before${mark} ${type(sum)} not null`)).join(', ');
}

/** The part of each sum that came before each mark. */
function before(marks: readonly number[], at: string): string {
  return marks
    .flatMap((mark) => SUMS.map((sum) => `coalesce(sum(r.${sum}) filter (where ${at} < ${mark}), 0)`))
    .join(', ');
}
