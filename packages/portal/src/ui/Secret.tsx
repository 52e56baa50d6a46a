import { type ReactNode, useRef } from 'react';
import { text } from '../text.ts';
import { Button } from './Button.tsx';
import { Copy } from './Copy.tsx';
import { Dialog } from './Dialog.tsx';

interface Props {
  readonly secret: string | null;
  readonly onStored: () => void;
}

/** A secret, shown once: selected, copied by one button, and gone when it is said to be stored. */
export function Secret({ secret, onStored }: Props): ReactNode {
  const field = useRef<HTMLInputElement>(null);
  return (
    <Dialog title={text.secret.title} mustAnswer isOpen={secret !== null} onClose={onStored} focus={field}>
      <p>{text.secret.once}</p>
      <input
        ref={field}
        className="secret"
        readOnly
        aria-label={text.secret.secret}
        value={secret ?? ''}
        onFocus={({ target }) => target.select()}
      />
      <div className="row">
        <Copy value={secret ?? ''} what={text.secret.secret} />
        <Button kind="primary" onClick={onStored}>
          {text.secret.stored}
        </Button>
      </div>
    </Dialog>
  );
}
