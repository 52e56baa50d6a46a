import { defaultRangeExtractor, useWindowVirtualizer } from '@tanstack/react-virtual';
import {
  Fragment,
  type KeyboardEvent,
  type ReactNode,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import type { Column, Sort } from './columns.ts';
import { useSortedRows } from './table-model.ts';
import { Cells, Foot, Head } from './table-parts.tsx';

interface Props<Row> {
  /** Names the table to screen readers. */
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowId: (row: Row) => string;
  /** More rows exist than were loaded: screen readers are told that the number is not known. */
  readonly hasMore?: boolean;
  readonly sort?: Sort | null;
  readonly onSort?: (sort: Sort) => void;
}

const ROW_PX = 41;
const OVERSCAN = 25;
const STEPS: Partial<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1 };

/**
 * A table of any length: only the rows near the window are in the document, and the one that has the focus, wherever it
 * is. Arrows go from row to row.
 */
export function LongTable<Row>({
  caption,
  columns,
  rows,
  rowId,
  hasMore = false,
  sort = null,
  onSort,
}: Props<Row>): ReactNode {
  const body = useRef<HTMLTableSectionElement>(null);
  const sorted = useSortedRows(columns, rows, sort);
  const scrollMargin = useTopOf(body);
  const [focusedId, setFocusedId] = useState<string | null>(null);
  // A row that the arrows go to may not be in the document yet.
  const [awaited, setAwaited] = useState<number | null>(null);
  const focused = useMemo(
    () => (focusedId === null ? -1 : sorted.findIndex((row) => rowId(row) === focusedId)),
    [focusedId, sorted, rowId],
  );
  // One function as long as the rows stay: with another one every row is laid out anew.
  const keyOf = useCallback(
    (index: number) => {
      const row = sorted[index];
      return row === undefined ? index : rowId(row);
    },
    [sorted, rowId],
  );
  const virtual = useWindowVirtualizer({
    count: sorted.length,
    estimateSize: () => ROW_PX,
    overscan: OVERSCAN,
    scrollMargin,
    getItemKey: keyOf,
    rangeExtractor(range) {
      const near = defaultRangeExtractor(range);
      if (focused < 0 || near.includes(focused)) return near;
      return [...near, focused].sort((a, b) => a - b);
    },
  });
  const items = virtual.getVirtualItems();

  useEffect(() => {
    if (awaited !== null && focusRow(body.current, awaited)) setAwaited(null);
  });

  const move = (event: KeyboardEvent): void => {
    const step = STEPS[event.key];
    const row = (event.target as Element).closest<HTMLElement>('tbody tr');
    if (step === undefined || row === null) return;
    const to = Number(row.dataset['index']) + step;
    if (!(to >= 0 && to < sorted.length)) return;
    event.preventDefault();
    if (focusRow(body.current, to)) return;
    virtual.scrollToIndex(to);
    setAwaited(to);
  };

  return (
    <table className="table" aria-rowcount={hasMore ? -1 : sorted.length + 1} onKeyDown={move}>
      <caption className="visually-hidden">{caption}</caption>
      <thead>
        <tr aria-rowindex={1}>
          {columns.map((column) => (
            <Head key={column.id} column={column} sort={sort} onSort={onSort} />
          ))}
        </tr>
      </thead>
      <tbody
        ref={body}
        onFocus={({ target }) => {
          const row = sorted[Number(target.closest('tr')?.dataset['index'])];
          setFocusedId(row === undefined ? null : rowId(row));
        }}
        onBlur={() => setFocusedId(null)}
      >
        {items.map(({ index, key, start }, place) => {
          const row = sorted[index];
          const before = items[place - 1];
          return (
            row !== undefined && (
              <Fragment key={key}>
                <Gap height={start - (before?.end ?? scrollMargin)} span={columns.length} />
                <tr data-index={index} aria-rowindex={index + 2} ref={virtual.measureElement}>
                  <Cells columns={columns} row={row} />
                </tr>
              </Fragment>
            )
          );
        })}
        <Gap
          height={virtual.getTotalSize() + scrollMargin - (items.at(-1)?.end ?? scrollMargin)}
          span={columns.length}
        />
      </tbody>
      <Foot columns={columns} />
    </table>
  );
}

/** Gives the focus to the first control of a row, if the row is in the document. */
function focusRow(body: HTMLElement | null, index: number): boolean {
  const control = body?.querySelector<HTMLElement>(`tr[data-index="${index}"] :is(a, button)`) ?? null;
  control?.focus();
  return control !== null;
}

/** How far below the top of the page the rows begin. What stands above them may grow and shrink at any time. */
function useTopOf(body: { readonly current: HTMLElement | null }): number {
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    const measure = (): void => {
      if (body.current !== null) setTop(Math.round(body.current.getBoundingClientRect().top + scrollY));
    };
    measure();
    const watcher = new ResizeObserver(measure);
    watcher.observe(document.body);
    return () => watcher.disconnect();
  }, [body]);
  return top;
}

/** Stands for the rows that are not in the document, so that the scroll bar tells the true length. */
function Gap({ height, span }: { readonly height: number; readonly span: number }): ReactNode {
  if (height <= 0) return null;
  return (
    <tr className="gap" aria-hidden="true">
      <td colSpan={span} style={{ height }} />
    </tr>
  );
}
