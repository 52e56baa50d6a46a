import { type ReactNode, useEffect, useRef } from 'react';
import type { Paged } from '../api/paged.ts';
import { text } from '../text.ts';
import { Banner } from './Banner.tsx';
import { Button } from './Button.tsx';

/** The end of a list: it loads on when it comes into sight, and by a button for keyboards. */
export function More<Node>({ of: { hasMore, more, state, message, again } }: { readonly of: Paged<Node> }): ReactNode {
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (end.current === null || !hasMore) return;
    const watcher = new IntersectionObserver(([entry]) => {
      if (entry?.isIntersecting === true) more();
    });
    watcher.observe(end.current);
    return () => watcher.disconnect();
  }, [hasMore, more]);
  if (state === 'failed') {
    return (
      <Banner tone="bad" action={<Button onClick={again}>{text.tryAgain}</Button>}>
        {message}
      </Banner>
    );
  }
  return <div ref={end}>{hasMore && <Button onClick={more}>{text.loadMore}</Button>}</div>;
}
