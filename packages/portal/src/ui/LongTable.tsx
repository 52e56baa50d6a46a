import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useLayoutEffect, useRef, useState } from 'react';
import type { Column, Sort } from './columns.ts';
import { useSortedRows } from './table-model.ts';
import { Cells, Foot, Head, moveByArrows } from './table-parts.tsx';

interface Props<Row> {
  /** Names the table to screen readers. */
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowId: (row: Row) => string;
  readonly sort?: Sort | null;
  readonly onSort?: (sort: Sort) => void;
}

const ROW_PX = 41;
const OVERSCAN = 25;

/** A table of any length: only the rows near the window are in the document. Arrows go from row to row. */
export function LongTable<Row>({ caption, columns, rows, rowId, sort = null, onSort }: Props<Row>): ReactNode {
  const body = useRef<HTMLTableSectionElement>(null);
  const sorted = useSortedRows(columns, rows, sort);
  const [scrollMargin, setScrollMargin] = useState(0);
  useLayoutEffect(() => {
    if (body.current !== null) setScrollMargin(body.current.getBoundingClientRect().top + scrollY);
  }, [rows]);
  const virtual = useWindowVirtualizer({
    count: sorted.length,
    estimateSize: () => ROW_PX,
    overscan: OVERSCAN,
    scrollMargin,
  });
  const items = virtual.getVirtualItems();
  const [first, last] = [items[0], items.at(-1)];
  return (
    <table className="table" onKeyDown={moveByArrows}>
      <caption className="visually-hidden">{caption}</caption>
      <thead>
        <tr>
          {columns.map((column) => (
            <Head key={column.id} column={column} sort={sort} onSort={onSort} />
          ))}
        </tr>
      </thead>
      <tbody ref={body}>
        <Gap height={first === undefined ? 0 : first.start - scrollMargin} span={columns.length} />
        {items.map(({ index }) => {
          const row = sorted[index];
          return (
            row !== undefined && (
              <tr key={rowId(row)} data-index={index} ref={virtual.measureElement}>
                <Cells columns={columns} row={row} />
              </tr>
            )
          );
        })}
        <Gap height={last === undefined ? 0 : virtual.getTotalSize() + scrollMargin - last.end} span={columns.length} />
      </tbody>
      <Foot columns={columns} />
    </table>
  );
}

/** Stands for the rows above or below, so that the scroll bar tells the true length. */
function Gap({ height, span }: { readonly height: number; readonly span: number }): ReactNode {
  if (height <= 0) return null;
  return (
    <tr className="gap" aria-hidden="true">
      <td colSpan={span} style={{ height }} />
    </tr>
  );
}
