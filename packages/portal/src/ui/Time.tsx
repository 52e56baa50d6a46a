import type { ReactNode } from 'react';
import { usePreferences } from './preferences.ts';
import { dateIn, type DateShape } from './format.ts';

interface Props {
  readonly value: string;
  readonly shape?: DateShape;
}

/** A moment. The one switch of the page turns all of them to UTC; the title always tells the full moment. */
export function Time({ value, shape = 'minute' }: Props): ReactNode {
  const { utc } = usePreferences();
  return (
    <time dateTime={value} title={dateIn(value, 'second', { utc: true })}>
      {dateIn(value, shape, { utc })}
    </time>
  );
}
