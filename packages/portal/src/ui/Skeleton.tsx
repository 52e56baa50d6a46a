import type { ReactNode } from 'react';
import { text } from '../text.ts';

interface Props {
  /** As high as what comes in its place, so that nothing moves. */
  readonly height: number;
}

/** Holds the place of what is being read. */
export function Skeleton({ height }: Props): ReactNode {
  return (
    <div className="skeleton" style={{ height }}>
      <span className="visually-hidden">{text.loading}</span>
    </div>
  );
}
