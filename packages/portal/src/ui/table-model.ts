import {
  createSortedRowModel,
  rowSortingFeature,
  type SortingState,
  sortFn_basic,
  tableFeatures,
  useTable,
} from '@tanstack/react-table';
import { useMemo } from 'react';
import type { Column, Sort } from './columns.ts';

const features = tableFeatures({ rowSortingFeature, sortedRowModel: createSortedRowModel() });
const NONE: SortingState = [];

/** The rows in the order of `sort`. Rows keep the server's order where none is given. */
export function useSortedRows<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  sort: Sort | null,
): readonly Row[] {
  const definitions = useMemo(
    () =>
      columns.map(({ id, header, sortBy }) => ({
        id,
        header,
        accessorFn: (row: Row) => sortBy?.(row),
        enableSorting: sortBy !== undefined,
        sortFn: sortFn_basic,
      })),
    [columns],
  );
  const data = useMemo(() => [...rows], [rows]);
  const sorting = useMemo(() => (sort === null ? NONE : [{ id: sort.by, desc: sort.down }]), [sort]);
  const table = useTable({ features, columns: definitions, data: data as object[], state: { sorting } });
  const { rows: sorted } = table.getRowModel();
  return useMemo(() => sorted.map(({ original }) => original as Row), [sorted]);
}
