import { type ReactNode, useMemo } from 'react';
import { usePreferences } from '../../ui/preferences.ts';
import type { BalancePageQuery } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { BarChart } from '../../ui/BarChart.tsx';
import { count, dateIn } from '../../ui/format.ts';
import { stepsBetween } from '../../ui/ranges.ts';
import type { Bar, Series } from '../../ui/stack.ts';

const SERIES: readonly Series[] = [{ key: 'credits', label: text.usage.charge, colour: 0 }];

interface Props {
  readonly buckets: NonNullable<BalancePageQuery['billingEntity']>['usageSummary'];
  readonly from: string;
  readonly to: string;
}

/** Today's use by the hour, with its sum. The figures of each hour stand on the page of usage. */
export function Today({ buckets, from, to }: Props): ReactNode {
  const { utc } = usePreferences();
  const bars = useMemo((): Bar[] => {
    const credits = new Map(buckets.map((bucket) => [Date.parse(bucket.start), bucket.credits]));
    return stepsBetween(new Date(from), new Date(to), { utc, interval: 'HOUR' }).map((hour) => ({
      key: hour.toISOString(),
      label: dateIn(hour, 'hour', { utc }),
      parts: { credits: credits.get(hour.getTime()) ?? 0 },
    }));
  }, [buckets, from, to, utc]);
  const credits = buckets.reduce((sum, bucket) => sum + bucket.credits, 0);
  const uses = buckets.reduce((sum, bucket) => sum + bucket.records, 0);
  return (
    <section className="card" aria-labelledby="today">
      <div className="section-head">
        <h2 id="today">{text.balance.today}</h2>
        <p className="hint figures">{text.balance.todaySum(count(credits), count(uses))}</p>
      </div>
      <BarChart label={text.balance.today} bars={bars} series={SERIES} height={120} />
    </section>
  );
}
