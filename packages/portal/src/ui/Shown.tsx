import type { ReactNode } from 'react';
import type { Asked } from '../api/data.ts';
import { text } from '../text.ts';
import { Banner } from './Banner.tsx';
import { Button } from './Button.tsx';
import { Skeleton } from './Skeleton.tsx';

interface Props<Data> {
  readonly of: Asked<Data>;
  /** The height of what comes, while it is being read. */
  readonly height: number;
  readonly children: (data: Data) => ReactNode;
}

/** Shows a query's answer, its place while it is read, or what went wrong with a button to try again. */
export function Shown<Data>({ of, height, children }: Props<Data>): ReactNode {
  if (of.state === 'loading') return <Skeleton height={height} />;
  if (of.state === 'ready') return children(of.data);
  return (
    <Banner tone="bad" action={<Button onClick={of.again}>{text.tryAgain}</Button>}>
      {of.message}
    </Banner>
  );
}
