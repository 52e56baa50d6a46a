import { Link, useNavigate } from '@tanstack/react-router';
import { type ReactNode, useMemo } from 'react';
import { usePreferences } from '../../ui/preferences.ts';
import { text } from '../../text.ts';
import { BarChart } from '../../ui/BarChart.tsx';
import { Credits } from '../../ui/Credits.tsx';
import { count, percent } from '../../ui/format.ts';
import { LongTable } from '../../ui/LongTable.tsx';
import type { Column } from '../../ui/columns.ts';
import { ByTime } from './ByTime.tsx';
import { FILTER_OF, withFilter } from './filters.ts';
import { barsOf, type Bucket, type Group, groupsOf, seriesOf } from './groups.ts';
import type { Range } from './range.ts';
import type { UsageSearch } from './search.ts';

interface Props {
  readonly buckets: readonly Bucket[];
  readonly range: Range;
  readonly search: UsageSearch;
}

/** The chart, and the tables of the same figures. A group's name narrows the page to it. */
export function Figures({ buckets, range, search }: Props): ReactNode {
  const { utc } = usePreferences();
  const navigate = useNavigate();
  const by = search.group ?? 'MODEL';
  const groups = useMemo(() => groupsOf(buckets, by), [buckets, by]);
  const series = useMemo(() => seriesOf(groups), [groups]);
  const bars = useMemo(() => barsOf(buckets, { range, series, by, utc }), [buckets, range, series, by, utc]);
  const columns = useMemo(() => columnsOf(groups, by), [groups, by]);
  return (
    <>
      <section className="card" aria-label={text.usage.chart[range.interval]}>
        <BarChart label={text.usage.chart[range.interval]} bars={bars} series={series} height={220} />
      </section>
      <section aria-labelledby="groups">
        <h2 id="groups">{text.usage.by[by]}</h2>
        {groups.length === 0 ? (
          <p className="hint">{text.usage.nothing}</p>
        ) : (
          <LongTable caption={text.usage.by[by]} columns={columns} rows={groups} rowId={({ key }) => key} />
        )}
      </section>
      <ByTime
        buckets={buckets}
        by={by}
        interval={range.interval}
        sort={{ by: search.sort ?? 'start', down: search.down ?? true }}
        onSort={({ by: sort, down }) =>
          void navigate({
            to: '.',
            search: (now) => ({ ...now, sort: sort as UsageSearch['sort'], down }),
            replace: true,
          })
        }
      />
    </>
  );
}

function columnsOf(groups: readonly Group[], by: keyof typeof FILTER_OF): Column<Group>[] {
  const credits = groups.reduce((sum, group) => sum + group.credits, 0);
  const records = groups.reduce((sum, group) => sum + group.records, 0);
  return [
    {
      id: 'group',
      header: text.usage.dimensions[by],
      cell: ({ label, filter }) =>
        filter === null ? (
          label
        ) : (
          <Link to="/usage" search={(now) => withFilter(now, FILTER_OF[by], filter)} title={text.usage.only(label)}>
            {label}
          </Link>
        ),
      foot: text.usage.total,
    },
    {
      id: 'credits',
      header: text.usage.charge,
      figures: true,
      cell: (group) => <Credits value={group.credits} bare />,
      foot: count(credits),
    },
    {
      id: 'share',
      header: text.usage.share,
      figures: true,
      folds: true,
      cell: (group) => percent(credits === 0 ? 0 : group.credits / credits),
    },
    {
      id: 'overage',
      header: text.usage.overage,
      figures: true,
      folds: true,
      cell: (group) => count(group.overage),
      foot: count(groups.reduce((sum, group) => sum + group.overage, 0)),
    },
    {
      id: 'records',
      header: text.usage.uses,
      figures: true,
      cell: (group) => count(group.records),
      foot: count(records),
    },
  ];
}
