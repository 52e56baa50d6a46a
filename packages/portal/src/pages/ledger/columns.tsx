import type { LedgerQuery } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import type { Column } from '../../ui/columns.ts';
import { Credits } from '../../ui/Credits.tsx';
import { count } from '../../ui/format.ts';
import { Time } from '../../ui/Time.tsx';

type Ledger = NonNullable<NonNullable<LedgerQuery['billingEntity']>['ledger']>;
export type Entry = Ledger['edges'][number]['node'];

/** An entry: what it changed, and what was available before and after. */
export const LEDGER_COLUMNS: readonly Column<Entry>[] = [
  { id: 'no', header: text.ledger.number, folds: true, cell: ({ sequence }) => count(sequence) },
  { id: 'time', header: text.usage.time, cell: ({ createdAt }) => <Time value={createdAt} /> },
  { id: 'kind', header: text.ledger.kind, cell: (entry) => <Kind {...entry} /> },
  { id: 'by', header: text.ledger.by, folds: true, cell: ({ actor }) => actor },
  {
    id: 'change',
    header: text.ledger.change,
    figures: true,
    cell: ({ amount }) => <Credits value={amount} bare signed />,
  },
  {
    id: 'before',
    header: text.ledger.before,
    figures: true,
    folds: true,
    cell: ({ availableBefore }) => <Credits value={availableBefore} bare />,
  },
  {
    id: 'after',
    header: text.ledger.after,
    figures: true,
    folds: true,
    cell: ({ availableAfter }) => <Credits value={availableAfter} bare />,
  },
];

function Kind({ kind, reason, counterparty, heldChange, overageChange, owedChange }: Entry) {
  const besides = [
    heldChange !== 0 && text.ledger.held(signed(heldChange)),
    overageChange !== 0 && text.ledger.overage(signed(overageChange)),
    owedChange !== 0 && text.ledger.owed(signed(owedChange)),
    counterparty?.name,
    reason,
  ].filter(Boolean);
  return (
    <>
      {text.entryKinds[kind]}
      {besides.length > 0 && <span className="hint beside">{besides.join(' · ')}</span>}
    </>
  );
}

function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${count(value)}`;
}
