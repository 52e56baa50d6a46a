import { type ReactNode, useState } from 'react';
import { text } from '../text.ts';
import { Button } from './Button.tsx';
import { Icon } from './Icon.tsx';

interface Props {
  readonly value: string;
  /** What is copied, for the button's name. */
  readonly what: string;
}

/** Copies a text and says that it did. */
export function Copy({ value, what }: Props): ReactNode {
  const [said, say] = useState('');
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(value);
      say(text.copied);
    } catch {
      say(text.copyFailed);
    }
  };
  return (
    <span className="copy">
      <Button kind="plain" onClick={() => void copy()}>
        <Icon name="copy" />
        {text.copy(what)}
      </Button>
      <span role="status" className="hint">
        {said}
      </span>
    </span>
  );
}
