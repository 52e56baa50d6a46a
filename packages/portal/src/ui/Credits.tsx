import type { ReactNode } from 'react';
import { text } from '../text.ts';
import { count } from './format.ts';

interface Props {
  readonly value: number;
  /** Leaves out the word, in columns that name it in their header. */
  readonly bare?: boolean;
  /** Shows a plus before what was added. */
  readonly signed?: boolean;
}

/** An amount of credits, in figures of one width. */
export function Credits({ value, bare = false, signed = false }: Props): ReactNode {
  const figures = `${signed && value > 0 ? '+' : ''}${count(value)}`;
  return <span className="figures">{bare ? figures : text.credits(figures, value)}</span>;
}
