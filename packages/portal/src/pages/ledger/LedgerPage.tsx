import { getRouteApi, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useCurrent } from '../../account/current.tsx';
import { usePaged } from '../../api/paged.ts';
import { LedgerDocument } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Empty } from '../../ui/Empty.tsx';
import { Field } from '../../ui/Field.tsx';
import { LongTable } from '../../ui/LongTable.tsx';
import { More } from '../../ui/More.tsx';
import { Skeleton } from '../../ui/Skeleton.tsx';
import { NoUse } from '../../first-call/NoUse.tsx';
import { LEDGER_COLUMNS } from './columns.tsx';
import { ENTRY_KINDS } from './search.ts';
import { Verify } from './Verify.tsx';

const route = getRouteApi('/ledger');

/** Every change of the balance with before and after, newest first, and the proof of it. */
export function LedgerPage(): ReactNode {
  const { account } = useCurrent();
  const { kind } = route.useSearch();
  const navigate = useNavigate();
  const paged = usePaged(
    LedgerDocument,
    { id: account.id, filter: kind === undefined ? {} : { kinds: [kind] } },
    ({ billingEntity }) => billingEntity?.ledger,
  );
  return (
    <>
      <Verify />
      <div className="controls">
        <Field label={text.ledger.kind}>
          {(described) => (
            <select
              {...described}
              value={kind ?? ''}
              onChange={({ target }) =>
                void navigate({ to: '/ledger', search: { kind: ENTRY_KINDS.find((one) => one === target.value) } })
              }
            >
              <option value="">{text.ledger.all}</option>
              {ENTRY_KINDS.map((one) => (
                <option key={one} value={one}>
                  {text.entryKinds[one]}
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
      {paged.state === 'loading' && <Skeleton height={400} />}
      {paged.state === 'hidden' && <Empty title={text.balance.notYours} />}
      {paged.state === 'ready' && paged.nodes.length === 0 && (
        <NoUse title={text.ledger.empty} hint={text.ledger.emptyHint} />
      )}
      {paged.nodes.length > 0 && (
        <LongTable
          caption={text.pages.ledger}
          columns={LEDGER_COLUMNS}
          rows={paged.nodes}
          rowId={({ id }) => id}
          hasMore={paged.hasMore}
        />
      )}
      <More of={paged} />
    </>
  );
}
