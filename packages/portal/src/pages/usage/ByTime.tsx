import { type ReactNode, useMemo } from 'react';
import type { UsageDimension } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Credits } from '../../ui/Credits.tsx';
import { count } from '../../ui/format.ts';
import { LongTable } from '../../ui/LongTable.tsx';
import type { Column, Sort } from '../../ui/columns.ts';
import { Time } from '../../ui/Time.tsx';
import { type Bucket, groupOf } from './groups.ts';

interface Props {
  readonly buckets: readonly Bucket[];
  readonly by: UsageDimension;
  readonly interval: 'DAY' | 'HOUR';
  readonly sort: Sort;
  readonly onSort: (sort: Sort) => void;
}

/** The chart's figures as a table: each day or hour of each group. It is long, so it is opened where it is wanted. */
export function ByTime({ buckets, by, interval, sort, onSort }: Props): ReactNode {
  const columns = useMemo(
    (): Column<Bucket>[] => [
      {
        id: 'start',
        header: text.usage.time,
        cell: ({ start }) => <Time value={start} shape={interval === 'DAY' ? 'day' : 'minute'} />,
        sortBy: ({ start }) => start,
        foot: text.usage.total,
      },
      { id: 'group', header: text.usage.dimensions[by], cell: (bucket) => groupOf(bucket, by).label },
      {
        id: 'credits',
        header: text.usage.charge,
        figures: true,
        cell: ({ credits }) => <Credits value={credits} bare />,
        sortBy: ({ credits }) => credits,
        foot: count(buckets.reduce((sum, { credits }) => sum + credits, 0)),
      },
      {
        id: 'records',
        header: text.usage.uses,
        figures: true,
        cell: ({ records }) => count(records),
        sortBy: ({ records }) => records,
        foot: count(buckets.reduce((sum, { records }) => sum + records, 0)),
      },
    ],
    [buckets, by, interval],
  );
  return (
    <details>
      <summary>{text.usage.table[interval]}</summary>
      <LongTable
        caption={text.usage.table[interval]}
        columns={columns}
        rows={buckets}
        rowId={(bucket) => `${bucket.start} ${groupOf(bucket, by).key}`}
        sort={sort}
        onSort={onSort}
      />
    </details>
  );
}
