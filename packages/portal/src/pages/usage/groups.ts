import type { UsageDimension, UsageSummaryQuery } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { dateIn } from '../../ui/format.ts';
import { stepsBetween } from '../../ui/ranges.ts';
import type { Bar, Series } from '../../ui/stack.ts';
import type { Range } from './range.ts';

export type Bucket = NonNullable<UsageSummaryQuery['billingEntity']>['usageSummary'][number];

/** All use of one model, person, key … in the whole span. */
export interface Group {
  readonly key: string;
  readonly label: string;
  /** What a filter for it says; null: there is no filter for «none of them». */
  readonly filter: string | null;
  readonly credits: number;
  readonly overage: number;
  readonly records: number;
}

const TOP = 8;
const OTHER = 'other';

interface Named {
  readonly key: string;
  readonly label: string;
  readonly filter: string | null;
}

/** The group that a bucket belongs to. */
export function groupOf(bucket: Bucket, by: UsageDimension | null): Named {
  const named = (filter: string | null | undefined, label?: string): Named =>
    filter == null
      ? { key: '', label: text.usage.without[by ?? 'MODEL'], filter: null }
      : { key: `=${filter}`, label: label ?? filter, filter };
  switch (by) {
    case null:
      return { key: 'all', label: text.usage.charge, filter: null };
    case 'MODEL':
      return bucket.otherModels ? { key: 'rare', label: text.usage.rareModels, filter: null } : named(bucket.model);
    case 'USER':
      return named(bucket.user?.externalId, bucket.user?.name);
    case 'API_KEY':
      return named(bucket.apiKey?.id, bucket.apiKey?.name);
    case 'FEATURE':
      return named(bucket.feature);
    case 'RESOURCE':
      return named(bucket.resource, bucket.resource == null ? undefined : text.usage.resources[bucket.resource]);
    case 'ORGANIZATION':
      return named(bucket.organization?.externalId, bucket.organization?.name);
    case 'BILLING_MODE':
      return named(
        bucket.billingMode,
        bucket.billingMode == null ? undefined : text.usage.billingModes[bucket.billingMode],
      );
  }
}

/** The groups, those with most credits first. */
export function groupsOf(buckets: readonly Bucket[], by: UsageDimension | null): Group[] {
  const groups = new Map<string, Group>();
  for (const bucket of buckets) {
    const named = groupOf(bucket, by);
    const { credits, overage, records } = groups.get(named.key) ?? { credits: 0, overage: 0, records: 0 };
    groups.set(named.key, {
      ...named,
      credits: credits + bucket.credits,
      overage: overage + bucket.overage,
      records: records + bucket.records,
    });
  }
  return [...groups.values()].sort((a, b) => b.credits - a.credits || a.label.localeCompare(b.label));
}

/** The top eight groups with a colour each, and one grey series for the others together. */
export function seriesOf(groups: readonly Group[]): Series[] {
  const top = groups.slice(0, TOP).map(({ key, label }, colour) => ({ key, label, colour }));
  return groups.length > TOP ? [...top, { key: OTHER, label: text.usage.other, colour: null }] : top;
}

/** One bar for each day or hour of the span, also for those without use. */
export function barsOf(
  buckets: readonly Bucket[],
  { range, series, by, utc }: { range: Range; series: readonly Series[]; by: UsageDimension | null; utc: boolean },
): Bar[] {
  const own = new Set(series.map(({ key }) => key));
  const parts = new Map<number, Record<string, number>>();
  for (const bucket of buckets) {
    const { key } = groupOf(bucket, by);
    const at = Date.parse(bucket.start);
    const bar = parts.get(at) ?? {};
    const name = own.has(key) ? key : OTHER;
    bar[name] = (bar[name] ?? 0) + bucket.credits;
    parts.set(at, bar);
  }
  const shape = range.interval === 'DAY' ? 'day' : 'minute';
  return stepsBetween(range.from, range.to, { utc, interval: range.interval }).map((at) => ({
    key: at.toISOString(),
    label: dateIn(at, shape, { utc }),
    parts: parts.get(at.getTime()) ?? {},
  }));
}
