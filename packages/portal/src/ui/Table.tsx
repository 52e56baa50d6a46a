import type { ReactNode } from 'react';
import type { Column } from './columns.ts';
import { Cells, Foot, Head, moveByArrows } from './table-parts.tsx';

interface Props<Row> {
  /** Names the table to screen readers. */
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowId: (row: Row) => string;
}

/** A table of a few dozen rows, in the order that it is given. Longer ones are a LongTable. */
export function Table<Row>({ caption, columns, rows, rowId }: Props<Row>): ReactNode {
  return (
    <table className="table" onKeyDown={moveByArrows}>
      <caption className="visually-hidden">{caption}</caption>
      <thead>
        <tr>
          {columns.map((column) => (
            <Head key={column.id} column={column} sort={null} onSort={undefined} />
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={rowId(row)}>
            <Cells columns={columns} row={row} />
          </tr>
        ))}
      </tbody>
      <Foot columns={columns} />
    </table>
  );
}
