import type { ReactNode } from 'react';
import { Icon, type IconName } from './Icon.tsx';

export type Tone = 'good' | 'warn' | 'bad' | 'neutral';

const ICONS: Record<Tone, IconName> = { good: 'check', warn: 'warn', bad: 'stop', neutral: 'info' };

interface Props {
  readonly tone: Tone;
  readonly icon?: IconName;
  readonly children: ReactNode;
}

/** A state in one word. The colour is never alone: an icon and the word say the same. */
export function Badge({ tone, icon = ICONS[tone], children }: Props): ReactNode {
  return (
    <span className={`badge tone-${tone}`}>
      <Icon name={icon} />
      {children}
    </span>
  );
}
