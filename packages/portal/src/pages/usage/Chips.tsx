import type { ReactNode } from 'react';
import { text } from '../../text.ts';
import { Icon } from '../../ui/Icon.tsx';
import { type FilterName, FILTERS, withoutFilter } from './filters.ts';
import type { Bucket } from './groups.ts';
import type { UsageSearch } from './search.ts';

interface Props {
  readonly search: UsageSearch;
  /** They know the names of people and keys, whose filters are ids. */
  readonly buckets: readonly Bucket[];
  readonly onChange: (search: UsageSearch) => void;
}

/** The filters that are set, each with a button that takes it away. */
export function Chips({ search, buckets, onChange }: Props): ReactNode {
  const chips = FILTERS.flatMap((name) => (search[name] ?? []).map((value) => ({ name, value })));
  if (chips.length === 0) return null;
  return (
    <ul className="chips" aria-label={text.usage.filters}>
      {chips.map(({ name, value }) => {
        const label = `${text.usage.filterNames[name]}: ${nameOf(name, value, buckets)}`;
        return (
          <li key={`${name} ${value}`}>
            <button
              type="button"
              className="chip"
              aria-label={text.usage.removeFilter(label)}
              onClick={() => onChange(withoutFilter(search, name, value))}
            >
              {label}
              <Icon name="close" />
            </button>
          </li>
        );
      })}
    </ul>
  );
}

function nameOf(name: FilterName, value: string, buckets: readonly Bucket[]): string {
  switch (name) {
    case 'userExternalIds':
      return buckets.find(({ user }) => user?.externalId === value)?.user?.name ?? value;
    case 'apiKeyIds':
      return buckets.find(({ apiKey }) => apiKey?.id === value)?.apiKey?.name ?? value;
    case 'resources':
      return value === 'COMPUTE' || value === 'AI_TOKENS' ? text.usage.resources[value] : value;
    case 'billingModes':
      return value === 'FULL' || value === 'COMPUTE_ONLY' ? text.usage.billingModes[value] : value;
    case 'organizationExternalIds':
      return buckets.find(({ organization }) => organization?.externalId === value)?.organization?.name ?? value;
    case 'models':
    case 'features':
      return value;
  }
}
