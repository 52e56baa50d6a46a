import { lazy, type ReactNode, Suspense } from 'react';
import { text } from '../text.ts';
import { Empty } from '../ui/Empty.tsx';
import { Skeleton } from '../ui/Skeleton.tsx';

// Nobody needs it who has used something.
const FirstCall = lazy(() => import('./FirstCall.tsx').then((it) => ({ default: it.FirstCall })));

interface Props {
  readonly title: string;
  /** The change that the call makes to this page, in words. */
  readonly hint?: string;
}

/** Nothing is here yet, and this call would fill the page. */
export function NoUse({ title, hint = text.balance.noUseHint }: Props): ReactNode {
  return (
    <Empty title={title}>
      <p>{hint}</p>
      <Suspense fallback={<Skeleton height={FIRST_CALL_PX} />}>
        <FirstCall />
      </Suspense>
    </Empty>
  );
}

const FIRST_CALL_PX = 330;
