import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { AuditLogQuery } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import type { Column } from '../../ui/columns.ts';
import { Time } from '../../ui/Time.tsx';
import { changesOf, isDate, labelOf, partiesOf, wordsOf } from './changes.ts';

type Log = NonNullable<NonNullable<AuditLogQuery['billingEntity']>['auditLog']>;
export type AuditRow = Log['edges'][number]['node'];

/** An act: when, by whom, what, to whom, and how it was before and is after. */
export const AUDIT_COLUMNS: readonly Column<AuditRow>[] = [
  { id: 'time', header: text.auditLog.time, folds: true, cell: ({ createdAt }) => <Time value={createdAt} /> },
  {
    id: 'action',
    header: text.auditLog.action,
    cell: ({ action }) => text.auditLog.actions[action] ?? <span className="mono">{action}</span>,
  },
  { id: 'actor', header: text.auditLog.actor, folds: true, cell: ({ actor }) => <Actor actor={actor} /> },
  { id: 'subject', header: text.auditLog.subject, folds: true, cell: ({ subject }) => <Subject subject={subject} /> },
  { id: 'details', header: text.auditLog.details, folds: true, cell: (entry) => <Details {...entry} /> },
];

function Actor({ actor }: Pick<AuditRow, 'actor'>): ReactNode {
  const { kind, name } = partiesOf(actor);
  return (
    <Link
      to="/audit-log"
      search={(search) => ({ ...search, actor })}
      title={text.auditLog.onlyBy(actor)}
      className="audit-party"
    >
      {name}
      {kind !== null && kind !== 'user' && ` (${text.auditLog.actorKinds[kind] ?? kind})`}
    </Link>
  );
}

/** Ids of things that have no name of their own are shortened: the title tells them whole. */
function Subject({ subject }: Pick<AuditRow, 'subject'>): ReactNode {
  const { kind, name } = partiesOf(subject);
  return (
    <span className={kind === null ? 'audit-id mono' : 'audit-party'} title={name}>
      {name}
    </span>
  );
}

function Details({ before, after, reason }: Pick<AuditRow, 'before' | 'after' | 'reason'>): ReactNode {
  return (
    <span className="audit-details">
      {changesOf(before, after).map((change) => (
        <span key={change.field}>
          {labelOf(change.field)}: {'was' in change && <Value field={change.field} value={change.was} />}
          {'was' in change && ' → '}
          <Value field={change.field} value={change.is} />
        </span>
      ))}
      {reason !== null && <span className="hint">{text.auditLog.reason(reason)}</span>}
    </span>
  );
}

function Value({ field, value }: { readonly field: string; readonly value: unknown }): ReactNode {
  return isDate(value) ? <Time value={value} /> : wordsOf(field, value);
}
