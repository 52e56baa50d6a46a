import { Link } from '@tanstack/react-router';
import type { UsageRowFragment } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Credits } from '../../ui/Credits.tsx';
import { count } from '../../ui/format.ts';
import type { Column } from '../../ui/columns.ts';
import { Time } from '../../ui/Time.tsx';

/** A list of records. The link of the first column covers the row and opens the receipt. */
export const USAGE_COLUMNS: readonly Column<UsageRowFragment>[] = [
  {
    id: 'time',
    header: text.usage.time,
    cell: ({ id, occurredAt }) => (
      <Link to="/usage" search={(now) => ({ ...now, record: id })} className="row-link" resetScroll={false}>
        <Time value={occurredAt} />
      </Link>
    ),
  },
  {
    id: 'quantity',
    header: text.usage.amount,
    figures: true,
    cell: ({ quantity, resource }) => text.usage.quantity(count(quantity), resource),
  },
  { id: 'model', header: text.usage.model, folds: true, cell: ({ model, feature }) => model ?? feature ?? '' },
  { id: 'person', header: text.usage.person, folds: true, cell: ({ user }) => user?.name ?? '' },
  { id: 'key', header: text.usage.key, folds: true, cell: ({ apiKey }) => apiKey?.name ?? '' },
  { id: 'credits', header: text.usage.charge, figures: true, cell: ({ credits }) => <Credits value={credits} bare /> },
];
