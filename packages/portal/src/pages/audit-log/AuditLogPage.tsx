import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { type ReactNode, useMemo } from 'react';
import { useCurrent } from '../../account/current.tsx';
import { usePaged } from '../../api/paged.ts';
import { AuditLogDocument } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Empty } from '../../ui/Empty.tsx';
import { LongTable } from '../../ui/LongTable.tsx';
import { More } from '../../ui/More.tsx';
import { usePreferences } from '../../ui/preferences.ts';
import { Skeleton } from '../../ui/Skeleton.tsx';
import './audit-log.css';
import { AUDIT_COLUMNS } from './columns.tsx';
import { filterOf } from './filter.ts';
import { Filters } from './Filters.tsx';

const route = getRouteApi('/audit-log');

/** What owners, administrators and operators did to the account, newest first. */
export function AuditLogPage(): ReactNode {
  const { account } = useCurrent();
  const search = route.useSearch();
  const { utc } = usePreferences();
  const navigate = useNavigate();
  const filter = useMemo(() => filterOf(search, { utc }), [search, utc]);
  const paged = usePaged(AuditLogDocument, { id: account.id, filter }, ({ billingEntity }) => billingEntity?.auditLog);
  if (paged.state === 'hidden') {
    return (
      <Empty title={text.auditLog.notYours}>
        <p>{text.auditLog.notYoursHint}</p>
      </Empty>
    );
  }
  const isFiltered = Object.keys(filter).length > 0;
  return (
    <>
      <Filters search={search} onChange={(wanted) => void navigate({ to: '/audit-log', search: wanted })} />
      {paged.state === 'loading' && <Skeleton height={400} />}
      {paged.state === 'ready' && paged.nodes.length === 0 && (
        <Empty title={isFiltered ? text.auditLog.nothingFound : text.auditLog.empty}>
          {!isFiltered && <p>{text.auditLog.emptyHint}</p>}
        </Empty>
      )}
      {paged.nodes.length > 0 && (
        <LongTable caption={text.pages.auditLog} columns={AUDIT_COLUMNS} rows={paged.nodes} rowId={({ id }) => id} />
      )}
      <More of={paged} />
    </>
  );
}
