import type { ReactNode } from 'react';
import { useCurrent } from '../../account/current.tsx';
import { usePaged } from '../../api/paged.ts';
import { type UsageFilter, UsageRecordsDocument } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { More } from '../../ui/More.tsx';
import { Skeleton } from '../../ui/Skeleton.tsx';
import { LongTable } from '../../ui/LongTable.tsx';
import { USAGE_COLUMNS } from './columns.tsx';
import { NoUse } from '../../first-call/NoUse.tsx';

/** The records behind the figures, newest first. */
export function Records({ filter }: { readonly filter: UsageFilter }): ReactNode {
  const { account } = useCurrent();
  const paged = usePaged(UsageRecordsDocument, { id: account.id, filter }, ({ billingEntity }) => billingEntity?.usage);
  return (
    <section aria-labelledby="records">
      <h2 id="records">{text.usage.records}</h2>
      {paged.state === 'loading' ? (
        <Skeleton height={300} />
      ) : paged.nodes.length === 0 && paged.state === 'ready' ? (
        <NoUse title={text.usage.nothing} />
      ) : (
        <LongTable
          caption={text.usage.records}
          columns={USAGE_COLUMNS}
          rows={paged.nodes}
          rowId={({ id }) => id}
          hasMore={paged.hasMore}
        />
      )}
      <More of={paged} />
    </section>
  );
}
