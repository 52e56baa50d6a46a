import { Fragment, type KeyboardEvent, type ReactNode } from 'react';
import { text } from '../text.ts';
import type { Column, Sort } from './columns.ts';
import { Icon } from './Icon.tsx';

interface HeadProps<Row> {
  readonly column: Column<Row>;
  readonly sort: Sort | null;
  readonly onSort: ((sort: Sort) => void) | undefined;
}

export function Head<Row>({
  column: { id, header, figures = false, folds = false, sortBy },
  sort,
  onSort,
}: HeadProps<Row>): ReactNode {
  const sorted = sort?.by === id ? sort : null;
  const order = sorted === null ? undefined : sorted.down ? 'descending' : 'ascending';
  return (
    <th scope="col" className={classOf({ figures, folds })} aria-sort={order}>
      {sortBy === undefined || onSort === undefined ? (
        header
      ) : (
        <button type="button" className="sort" onClick={() => onSort({ by: id, down: !(sorted?.down ?? false) })}>
          {header}
          <Icon name="updown" />
          <span className="visually-hidden">{text.sortable}</span>
        </button>
      )}
    </th>
  );
}

function classOf({ figures, folds }: { readonly figures: boolean; readonly folds: boolean }): string {
  return [figures && 'figures', folds && 'folds'].filter(Boolean).join(' ');
}

/** Up and down move between the links of rows. */
export function moveByArrows(event: KeyboardEvent<HTMLTableElement>): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const row = (event.target as Element).closest('tbody tr');
  if (step === undefined || row === null) return;
  const next = step > 0 ? row.nextElementSibling : row.previousElementSibling;
  const link = next?.querySelector<HTMLElement>('a, button');
  if (link == null) return;
  event.preventDefault();
  link.focus();
}

/** The sums below a table, where a column has one. */
export function Foot<Row>({ columns }: { readonly columns: readonly Column<Row>[] }): ReactNode {
  if (columns.every(({ foot }) => foot === undefined)) return null;
  return (
    <tfoot>
      <tr>
        {columns.map(({ id, foot, figures = false, folds = false }) => (
          <td key={id} className={classOf({ figures, folds })}>
            {foot}
          </td>
        ))}
      </tr>
    </tfoot>
  );
}

/** The cells of one row. */
export function Cells<Row>({
  columns,
  row,
}: {
  readonly columns: readonly Column<Row>[];
  readonly row: Row;
}): ReactNode {
  const first = columns.find(({ folds }) => folds !== true);
  return columns.map((column) => {
    const { id, cell, figures = false, folds = false } = column;
    return (
      <td key={id} className={classOf({ figures, folds })}>
        {cell(row)}
        {column === first && <FoldLine columns={columns} row={row} />}
      </td>
    );
  });
}

/** The second line on phones, for what has no column there. */
function FoldLine<Row>({ columns, row }: { readonly columns: readonly Column<Row>[]; readonly row: Row }): ReactNode {
  const cells = columns
    .filter(({ folds }) => folds === true)
    .map(({ id, cell, header, figures = false }) => ({
      ...{ id, shown: cell(row) },
      // A number alone does not say what it counts.
      name: figures ? `${header} ` : '',
    }));
  const filled = cells.filter(({ shown }) => shown !== '' && shown !== null);
  if (filled.length === 0) return null;
  return (
    <span className="fold-line">
      {filled.map(({ id, shown, name }, index) => (
        <Fragment key={id}>
          {index > 0 && ' · '}
          {name}
          {shown}
        </Fragment>
      ))}
    </span>
  );
}
