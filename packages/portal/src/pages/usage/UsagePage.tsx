import { getRouteApi } from '@tanstack/react-router';
import { type ReactNode, useMemo, useState } from 'react';
import { useCurrent } from '../../account/current.tsx';
import { now } from '../../api/clock.ts';
import { useData } from '../../api/data.ts';
import { usePreferences } from '../../ui/preferences.ts';
import { UsageSummaryDocument } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Empty } from '../../ui/Empty.tsx';
import { timeZoneOf } from '../../ui/format.ts';
import { Shown } from '../../ui/Shown.tsx';
import { Controls } from './Controls.tsx';
import { Figures } from './Figures.tsx';
import { filterOf } from './filters.ts';
import { rangeOf } from './range.ts';
import { Receipt } from './Receipt.tsx';
import { Records } from './Records.tsx';
import './usage.css';

const route = getRouteApi('/usage');

/** Who used what, by day or hour: chart, table and records of the same filters, all in the address. */
export function UsagePage(): ReactNode {
  const { account } = useCurrent();
  const { utc } = usePreferences();
  const search = route.useSearch();
  const [opened] = useState(now);
  const { record, ...view } = search;
  const key = JSON.stringify(view);
  const periodStart = account.subscription?.currentPeriodStart ?? null;
  const range = useMemo(
    () => rangeOf(JSON.parse(key) as typeof view, { now: opened, utc, periodStart }),
    [key, opened, utc, periodStart],
  );
  const filter = useMemo(() => filterOf(JSON.parse(key) as typeof view), [key]);
  const span = { from: range.from.toISOString(), to: range.to.toISOString() };
  const group = search.group ?? 'MODEL';
  const asked = useData(UsageSummaryDocument, {
    id: account.id,
    ...span,
    interval: range.interval,
    timeZone: timeZoneOf({ utc }),
    groupBy: [group],
    filter,
  });
  return (
    <>
      <Controls
        search={search}
        filter={{ ...filter, ...span }}
        buckets={asked.state === 'ready' ? asked.data.billingEntity?.usageSummary : undefined}
      />
      <Shown of={asked} height={480}>
        {({ billingEntity }) =>
          billingEntity === null ? (
            <Empty title={text.errors.noAccount} />
          ) : (
            <Figures buckets={billingEntity.usageSummary} range={range} search={search} />
          )
        }
      </Shown>
      {/* How much stands above them is known then: nothing that one reads jumps. */}
      {asked.state !== 'loading' && <Records filter={{ ...filter, ...span }} />}
      {record !== undefined && <Receipt recordId={record} />}
    </>
  );
}
