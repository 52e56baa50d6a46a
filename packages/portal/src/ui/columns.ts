import type { ReactNode } from 'react';

/** A column of a table: what it shows, how it is laid out and what it is sorted by. */
export interface Column<Row> {
  readonly id: string;
  readonly header: string;
  readonly cell: (row: Row) => ReactNode;
  /** Figures stand at the right. */
  readonly figures?: boolean;
  /** On phones it moves to a second line below the first column. */
  readonly folds?: boolean;
  /** Sorts by it; absent: the column cannot be sorted. */
  readonly sortBy?: (row: Row) => string | number;
  /** The foot of the column, such as its sum. */
  readonly foot?: ReactNode;
}

/** The column that a table is sorted by, as it stands in the address. */
export interface Sort {
  readonly by: string;
  readonly down: boolean;
}
