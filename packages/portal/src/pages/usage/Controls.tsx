import { useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { accountsOf, useCurrent } from '../../account/current.tsx';
import type { UsageFilter } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Field } from '../../ui/Field.tsx';
import { Chips } from './Chips.tsx';
import { ExportButton } from './ExportButton.tsx';
import { withFilter } from './filters.ts';
import type { Bucket } from './groups.ts';
import { GROUPS, type UsageSearch } from './search.ts';

interface Props {
  readonly search: UsageSearch;
  readonly filter: UsageFilter;
  readonly buckets: readonly Bucket[] | undefined;
}

const RANGES = ['7d', '30d', '90d', 'period', 'custom'] as const;

/** Span, grouping and filters. Each choice is a part of the address. */
export function Controls({ search, filter, buckets }: Props): ReactNode {
  const { account, viewer } = useCurrent();
  const navigate = useNavigate();
  const change = (part: UsageSearch): void =>
    void navigate({ to: '/usage', search: (now) => ({ ...now, ...part }), replace: true });
  const range = search.range ?? '30d';
  const organizations = account.type === 'USER' ? accountsOf(viewer).filter(({ type }) => type === 'ORGANIZATION') : [];
  const groups = GROUPS.filter((one) => one !== 'ORGANIZATION' || account.type === 'USER' || search.group === one);
  return (
    <div className="controls">
      <Field label={text.usage.range}>
        {(described) => (
          <select
            {...described}
            value={range}
            onChange={({ target }) => change({ range: RANGES.find((one) => one === target.value) })}
          >
            {RANGES.map((one) => (
              <option key={one} value={one}>
                {text.usage.ranges[one]}
              </option>
            ))}
          </select>
        )}
      </Field>
      {range === 'custom' &&
        (['from', 'to'] as const).map((end) => (
          <Field key={end} label={text.usage[end]}>
            {(described) => (
              <input
                {...described}
                type="date"
                value={search[end] ?? filter[end]?.slice(0, 10) ?? ''}
                onChange={({ target }) => change({ [end]: target.value || undefined })}
              />
            )}
          </Field>
        ))}
      <Field label={text.usage.interval}>
        {(described) => (
          <select
            {...described}
            value={search.interval ?? 'DAY'}
            onChange={({ target }) => change({ interval: target.value === 'HOUR' ? 'HOUR' : undefined })}
          >
            <option value="DAY">{text.usage.day}</option>
            <option value="HOUR" disabled={range !== '7d' && range !== 'custom'}>
              {text.usage.hour}
            </option>
          </select>
        )}
      </Field>
      <Field label={text.usage.groupBy}>
        {(described) => (
          <select
            {...described}
            value={search.group ?? 'MODEL'}
            onChange={({ target }) => change({ group: GROUPS.find((one) => one === target.value) })}
          >
            {groups.map((one) => (
              <option key={one} value={one}>
                {text.usage.dimensions[one]}
              </option>
            ))}
          </select>
        )}
      </Field>
      {organizations.length > 0 && (
        <Field label={text.usage.organization}>
          {(described) => (
            <select
              {...described}
              value=""
              onChange={({ target }) => change(withFilter(search, 'organizationExternalIds', target.value))}
            >
              <option value="">{text.usage.anyOrganization}</option>
              {organizations.map(({ id, name, externalId }) => (
                <option key={id} value={externalId}>
                  {name}
                </option>
              ))}
            </select>
          )}
        </Field>
      )}
      <ExportButton filter={filter} />
      <Chips
        search={search}
        buckets={buckets ?? []}
        onChange={(next) => void navigate({ to: '/usage', search: next })}
      />
    </div>
  );
}
