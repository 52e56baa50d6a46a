import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { Column } from '../../ui/columns.ts';
import { Credits } from '../../ui/Credits.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { count } from '../../ui/format.ts';
import { LongTable } from '../../ui/LongTable.tsx';

const route = getRouteApi('/components');

interface Row {
  readonly number: number;
  readonly credits: number;
}

const ROWS: readonly Row[] = Array.from({ length: 10_000 }, (_, index) => ({
  number: index + 1,
  credits: (index * 7_919) % 1_000,
}));

const COLUMNS: readonly Column<Row>[] = [
  {
    id: 'number',
    header: 'Record',
    cell: ({ number }) => (
      <Link
        to="/components"
        search={(now) => ({ ...now, row: String(number) })}
        className="row-link"
        resetScroll={false}
      >
        {`Record ${number}`}
      </Link>
    ),
  },
  { id: 'model', header: 'Model', folds: true, cell: ({ number }) => `model-${number % 7}` },
  { id: 'person', header: 'Person', folds: true, cell: ({ number }) => `Person ${number % 50}` },
  { id: 'credits', header: 'Credits', figures: true, cell: ({ credits }) => <Credits value={credits} bare /> },
];

/** A list of ten thousand records as it is after much scrolling, each with its panel. */
export function ManyRows(): ReactNode {
  const { row } = route.useSearch();
  const navigate = useNavigate();
  const close = (): void =>
    void navigate({
      to: '/components',
      search: (now) => ({ ...now, row: undefined }),
      resetScroll: false,
      replace: true,
    });
  return (
    <>
      <p className="hint">{`${count(ROWS.length)} rows`}</p>
      <LongTable caption="Many records" columns={COLUMNS} rows={ROWS} rowId={({ number }) => String(number)} />
      {row !== undefined && (
        <Dialog title={`Record ${row}`} shape="panel" isOpen onClose={close}>
          <p>A receipt stands here.</p>
        </Dialog>
      )}
    </>
  );
}
