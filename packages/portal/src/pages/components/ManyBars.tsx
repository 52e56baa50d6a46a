import { type ReactNode, useMemo } from 'react';
import { usePreferences } from '../../ui/preferences.ts';
import { Figures } from '../usage/Figures.tsx';
import type { Bucket } from '../usage/groups.ts';
import '../usage/usage.css';

const PEOPLE = 50;
const DAYS = 90;
const DAY_MS = 86_400_000;
const LAST = Date.UTC(2026, 2, 31);

/** Ninety days of fifty people, as the API answers them: each person used something on each day. */
const BUCKETS: readonly Bucket[] = Array.from({ length: DAYS * PEOPLE }, (_, index): Bucket => {
  const [day, person] = [Math.floor(index / PEOPLE), index % PEOPLE];
  const credits = ((day + 3) * (person + 5) * 37) % 900;
  return {
    start: new Date(LAST - (DAYS - 1 - day) * DAY_MS).toISOString(),
    credits,
    overage: 0,
    quantity: credits * 10,
    records: 1 + (credits % 5),
    model: null,
    otherModels: false,
    feature: null,
    resource: null,
    billingMode: null,
    apiKey: null,
    organization: null,
    user: { id: String(person), externalId: `person-${person}`, name: `Person ${person + 1}` },
  };
});

/** The figures of usage with as much as a large organization has. Its days are those of UTC. */
export function ManyBars(): ReactNode {
  const { utc } = usePreferences();
  const range = useMemo(
    () => ({ from: new Date(LAST - (DAYS - 1) * DAY_MS), to: new Date(LAST + DAY_MS), interval: 'DAY' as const }),
    [],
  );
  return (
    <>
      {!utc && <p className="hint">Choose «Dates in UTC»: the days of this sample begin at midnight there.</p>}
      <Figures buckets={BUCKETS} range={range} search={{ group: 'USER' }} />
    </>
  );
}
