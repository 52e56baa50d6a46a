import { type ReactNode, useEffect, useMemo, useState } from 'react';
import { useCurrent } from '../../account/current.tsx';
import { now } from '../../api/clock.ts';
import { useData } from '../../api/data.ts';
import { usePreferences } from '../../ui/preferences.ts';
import { BalancePageDocument } from '../../gql/graphql.ts';
import { useLive } from '../../live/LiveProvider.tsx';
import { text } from '../../text.ts';
import { Empty } from '../../ui/Empty.tsx';
import { timeZoneOf } from '../../ui/format.ts';
import { startOfDay } from '../../ui/ranges.ts';
import { Shown } from '../../ui/Shown.tsx';
import { Available } from './Available.tsx';
import './balance.css';
import { Grants } from './Grants.tsx';
import { Latest, useArriving } from './Latest.tsx';
import { Notices } from './Notices.tsx';
import { Pace } from './Pace.tsx';
import { Today } from './Today.tsx';
import { UseCredits } from './UseCredits.tsx';

const SETTLE_MS = 1_500;

/** Home: what is left, how fast it goes, and what just happened. */
export function BalancePage(): ReactNode {
  const { account, isLocal, asOperator } = useCurrent();
  const { balance } = useLive();
  const { utc } = usePreferences();
  const [day] = useState(now);
  const variables = useMemo(
    () => ({
      id: account.id,
      from: startOfDay(day, { utc }).toISOString(),
      to: startOfDay(day, { utc, days: 1 }).toISOString(),
      timeZone: timeZoneOf({ utc }),
    }),
    [account.id, day, utc],
  );
  const asked = useData(BalancePageDocument, variables);
  const arriving = useArriving(account.id);

  const known = asked.state === 'ready' ? asked.data.billingEntity?.credits : undefined;
  useEffect(() => {
    if (known !== undefined) balance.accept(known);
  }, [balance, known]);

  // Sums follow what arrives once it has settled: a burst of use is asked for once.
  const again = asked.state === 'ready' ? asked.again : undefined;
  useEffect(() => {
    if (arriving.length === 0 || again === undefined) return;
    const timer = setTimeout(again, SETTLE_MS);
    return () => clearTimeout(timer);
  }, [arriving, again]);

  return (
    <Shown of={asked} height={560}>
      {({ billingEntity, creditRates }) =>
        billingEntity === null ? (
          <Empty title={text.errors.noAccount} />
        ) : (
          <>
            <Notices entity={billingEntity} />
            <div className="balance-top">
              <Available rates={creditRates} preferences={billingEntity.alertPreferences} />
              <Pace forecast={billingEntity.forecast} subscription={billingEntity.subscription} />
            </div>
            {isLocal && !asOperator && <UseCredits rates={creditRates} />}
            <div className="balance-columns">
              <Grants grants={billingEntity.grants} />
              <Today buckets={billingEntity.usageSummary} from={variables.from} to={variables.to} />
            </div>
            <Latest records={billingEntity.usage.edges.map(({ node }) => node)} arriving={arriving} />
          </>
        )
      }
    </Shown>
  );
}
