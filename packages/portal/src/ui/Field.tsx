import { type ReactNode, useId } from 'react';

/** What a control needs to belong to its label, hint and error. */
export interface Described {
  readonly id: string;
  readonly 'aria-describedby': string | undefined;
  readonly 'aria-invalid': true | undefined;
}

interface Props {
  readonly label: string;
  readonly hint?: string;
  readonly error?: string | undefined;
  readonly children: (described: Described) => ReactNode;
}

/** A labelled control with its hint before it and its error behind it. The error is said when it appears. */
export function Field({ label, hint, error, children }: Props): ReactNode {
  const id = useId();
  const described = [hint !== undefined && `${id}-hint`, error !== undefined && `${id}-error`]
    .filter(Boolean)
    .join(' ');
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {hint !== undefined && (
        <span id={`${id}-hint`} className="hint">
          {hint}
        </span>
      )}
      {children({
        id,
        'aria-describedby': described || undefined,
        'aria-invalid': error === undefined ? undefined : true,
      })}
      <span id={`${id}-error`} className="field-error" role={error === undefined ? undefined : 'alert'}>
        {error}
      </span>
    </div>
  );
}
