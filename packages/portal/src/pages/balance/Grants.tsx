import type { ReactNode } from 'react';
import type { BalancePageQuery } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Credits } from '../../ui/Credits.tsx';
import { Table } from '../../ui/Table.tsx';
import type { Column } from '../../ui/columns.ts';
import { Time } from '../../ui/Time.tsx';

type Entity = NonNullable<BalancePageQuery['billingEntity']>;
type Grant = NonNullable<Entity['grants']>['edges'][number]['node'];

const COLUMNS: readonly Column<Grant>[] = [
  { id: 'source', header: text.balance.source, cell: ({ source }) => text.grantSources[source] },
  {
    id: 'expires',
    header: text.balance.expires,
    cell: ({ expiresAt }) => (expiresAt === null ? text.never : <Time value={expiresAt} shape="day" />),
  },
  {
    id: 'left',
    header: text.balance.remaining,
    figures: true,
    cell: ({ remaining }) => <Credits value={remaining} bare />,
  },
];

/** The grants that are left, those that expire first on top, as use draws them. */
export function Grants({ grants }: Pick<Entity, 'grants'>): ReactNode {
  const rows = (grants?.edges ?? []).map(({ node }) => node).sort(byExpiry);
  return (
    <section className="card" aria-labelledby="grants">
      <h2 id="grants">{text.balance.byExpiry}</h2>
      {grants === null ? (
        <p className="hint">{text.balance.notYours}</p>
      ) : rows.length === 0 ? (
        <p className="hint">{text.balance.noGrants}</p>
      ) : (
        <Table caption={text.balance.byExpiry} columns={COLUMNS} rows={rows} rowId={({ id }) => id} />
      )}
      {grants?.pageInfo.hasNextPage === true && <p className="hint">{text.balance.moreGrants}</p>}
    </section>
  );
}

function byExpiry(a: Grant, b: Grant): number {
  return (a.expiresAt ?? '9999').localeCompare(b.expiresAt ?? '9999');
}
