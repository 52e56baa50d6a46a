import { Dialog as Primitive } from '@base-ui/react/dialog';
import type { ReactNode, RefObject } from 'react';
import { text } from '../text.ts';
import { Icon } from './Icon.tsx';

interface Props {
  readonly title: string;
  readonly isOpen: boolean;
  readonly onClose: () => void;
  /** A panel stands at the right edge and leaves the list in sight. */
  readonly shape?: 'dialog' | 'panel';
  /** Only a button inside closes it: for what is shown once. */
  readonly mustAnswer?: boolean;
  /** Takes the focus when it opens; absent: the first control. */
  readonly focus?: RefObject<HTMLElement | null>;
  readonly children: ReactNode;
}

/** A dialog or a side panel. Focus goes in, stays in, and returns to where it came from. */
export function Dialog({
  title,
  isOpen,
  onClose,
  shape = 'dialog',
  mustAnswer = false,
  focus,
  children,
}: Props): ReactNode {
  return (
    <Primitive.Root
      open={isOpen}
      disablePointerDismissal={mustAnswer}
      onOpenChange={(open, details) => {
        if (mustAnswer && details.reason === 'escape-key') details.cancel();
        else if (!open) onClose();
      }}
    >
      <Primitive.Portal>
        <Primitive.Backdrop className="backdrop" />
        <Primitive.Popup className={shape} {...(focus === undefined ? {} : { initialFocus: focus })}>
          <div className="dialog-head">
            <Primitive.Title className="dialog-title">{title}</Primitive.Title>
            {!mustAnswer && (
              <Primitive.Close className="button button-quiet" aria-label={text.close}>
                <Icon name="close" />
              </Primitive.Close>
            )}
          </div>
          {children}
        </Primitive.Popup>
      </Primitive.Portal>
    </Primitive.Root>
  );
}
