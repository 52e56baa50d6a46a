import type { ReactNode } from 'react';
import { text } from '../text.ts';
import { Button } from './Button.tsx';
import { Icon } from './Icon.tsx';

export interface Toast {
  readonly id: string;
  readonly message: string;
  readonly action?: ReactNode;
}

interface Props {
  readonly toasts: readonly Toast[];
  readonly onClose: (id: string) => void;
}

/** What just happened, as a status message. It stays until it is closed, and is never the only copy. */
export function Toasts({ toasts, onClose }: Props): ReactNode {
  return (
    <div className="toasts" role="status" aria-label={text.alerts.live}>
      {toasts.map(({ id, message, action }) => (
        <div key={id} className="toast">
          <Icon name="bell" />
          <p>{message}</p>
          {action}
          <Button kind="quiet" aria-label={text.closeNamed(message)} onClick={() => onClose(id)}>
            <Icon name="close" />
          </Button>
        </div>
      ))}
    </div>
  );
}
