import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { usePaged } from '../../api/paged.ts';
import { DirectoryDocument, type DirectoryQuery } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Badge } from '../../ui/Badge.tsx';
import { Button } from '../../ui/Button.tsx';
import type { Column } from '../../ui/columns.ts';
import { Empty } from '../../ui/Empty.tsx';
import { Field } from '../../ui/Field.tsx';
import { LongTable } from '../../ui/LongTable.tsx';
import { More } from '../../ui/More.tsx';
import { Skeleton } from '../../ui/Skeleton.tsx';
import { Time } from '../../ui/Time.tsx';

type Listed = DirectoryQuery['billingEntities']['edges'][number]['node'];

const route = getRouteApi('/operator');

const COLUMNS: readonly Column<Listed>[] = [
  {
    id: 'name',
    header: text.operator.name,
    cell: ({ id, name }) => (
      <Link to="/operator" search={{ account: id }} className="row-link">
        {name}
      </Link>
    ),
  },
  {
    id: 'externalId',
    header: text.operator.externalId,
    folds: true,
    cell: ({ externalId }) => <span className="mono">{externalId}</span>,
  },
  { id: 'type', header: text.operator.type, folds: true, cell: ({ type }) => text.operator.types[type] },
  { id: 'plan', header: text.operator.plan, folds: true, cell: ({ plan }) => plan.name },
  {
    id: 'status',
    header: text.operator.status,
    cell: ({ status }) => <Badge tone={status === 'ACTIVE' ? 'good' : 'bad'}>{text.operator.statuses[status]}</Badge>,
  },
  {
    id: 'since',
    header: text.operator.since,
    folds: true,
    cell: ({ createdAt }) => <Time value={createdAt} shape="day" />,
  },
];

/** Every account of the installation, or those that are looked for, newest first. */
export function Directory(): ReactNode {
  const { find } = route.useSearch();
  const navigate = useNavigate();
  const paged = usePaged(DirectoryDocument, { search: find ?? null }, ({ billingEntities }) => billingEntities);
  return (
    <section className="form" aria-label={text.operator.accounts}>
      <form
        role="search"
        aria-label={text.operator.accounts}
        className="controls find"
        onSubmit={(event) => {
          event.preventDefault();
          const given = new FormData(event.currentTarget).get('find');
          void navigate({ to: '/operator', search: { find: typeof given === 'string' ? given : undefined } });
        }}
      >
        <Field label={text.operator.findLabel} hint={text.operator.findHint}>
          {(described) => <input {...described} key={find} type="search" name="find" defaultValue={find ?? ''} />}
        </Field>
        <Button type="submit">{text.operator.find}</Button>
      </form>
      {paged.state === 'loading' && <Skeleton height={400} />}
      {paged.state === 'ready' && paged.nodes.length === 0 && <Empty title={text.operator.nobody} />}
      {paged.nodes.length > 0 && (
        <LongTable
          caption={text.operator.accounts}
          columns={COLUMNS}
          rows={paged.nodes}
          rowId={({ id }) => id}
          hasMore={paged.hasMore}
        />
      )}
      <More of={paged} />
    </section>
  );
}
