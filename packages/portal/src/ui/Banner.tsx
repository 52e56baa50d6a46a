import type { ReactNode } from 'react';
import type { Tone } from './Badge.tsx';
import { Icon } from './Icon.tsx';

interface Props {
  readonly tone: Tone;
  /** One sentence. */
  readonly children: ReactNode;
  /** The one button that helps. */
  readonly action?: ReactNode;
}

/** What a person must know before anything else on the page. */
export function Banner({ tone, children, action }: Props): ReactNode {
  const icon = tone === 'good' ? 'check' : tone === 'neutral' ? 'info' : 'warn';
  return (
    <div className={`banner tone-${tone}`} role={tone === 'bad' ? 'alert' : 'status'}>
      <Icon name={icon} />
      <p>{children}</p>
      {action}
    </div>
  );
}
