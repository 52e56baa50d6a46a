import type { ReactNode } from 'react';
import { text } from '../text.ts';
import { Button } from './Button.tsx';

interface Props {
  /** Names what it does. */
  readonly label: string;
  readonly kind?: 'primary' | 'danger';
  readonly busy: boolean;
  readonly reason?: string | null;
  /** What the server said against it. */
  readonly error: string | null;
  readonly onCancel?: () => void;
  /** Names the way back where «Cancel» would be misread. */
  readonly cancelLabel?: string;
}

/** The end of a form: what the server refused, the button that sends it, and the way back. */
export function SubmitRow({
  label,
  kind = 'primary',
  busy,
  reason = null,
  error,
  onCancel,
  cancelLabel = text.cancel,
}: Props): ReactNode {
  return (
    <>
      <span role="alert" className="field-error">
        {error}
      </span>
      <div className="row">
        <Button type="submit" kind={kind} busy={busy} reason={reason}>
          {label}
        </Button>
        {onCancel !== undefined && <Button onClick={onCancel}>{cancelLabel}</Button>}
      </div>
    </>
  );
}
