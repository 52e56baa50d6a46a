import type { ReactNode } from 'react';
import { text } from '../text.ts';
import { Copy } from './Copy.tsx';

interface Props {
  readonly title: string;
  readonly children?: ReactNode;
  /** The call that would fill the page, with the reader's own ids. */
  readonly call?: string;
}

/** Nothing is here yet, and this is how something comes here. */
export function Empty({ title, children, call }: Props): ReactNode {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children}
      {call !== undefined && (
        <>
          <pre tabIndex={0} aria-label={text.exampleCall}>
            <code>{call}</code>
          </pre>
          <Copy value={call} what={text.exampleCall} />
        </>
      )}
    </div>
  );
}
