import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { text } from '../text.ts';
import { Banner } from '../ui/Banner.tsx';
import { Button } from '../ui/Button.tsx';
import { Empty } from '../ui/Empty.tsx';

/** A page broke. The others still work, and loading it anew often helps. */
export function PageFailed(): ReactNode {
  return (
    <Banner tone="bad" action={<Button onClick={() => location.reload()}>{text.reload}</Button>}>
      {text.errors.page}
    </Banner>
  );
}

export function NotFound(): ReactNode {
  return (
    <Empty title={text.errors.notFound}>
      <Link to="/">{text.errors.toBalance}</Link>
    </Empty>
  );
}
