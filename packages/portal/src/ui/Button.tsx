import { type ButtonHTMLAttributes, type ReactNode, useId } from 'react';

interface Props extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'disabled'> {
  readonly kind?: 'primary' | 'plain' | 'quiet' | 'danger';
  /** Why it cannot be used. It then stays focusable and says so; null: it can. */
  readonly reason?: string | null;
  /** Something that it began is under way: it takes no second click. */
  readonly busy?: boolean;
}

/** A button. What a person may not do stays in sight with its reason, and keyboards reach it to hear why. */
export function Button({ kind = 'plain', reason = null, busy = false, onClick, children, ...rest }: Props): ReactNode {
  const reasonId = useId();
  const blocked = reason !== null || busy;
  return (
    <>
      <button
        type="button"
        {...rest}
        className={`button button-${kind}`}
        aria-disabled={blocked || undefined}
        aria-busy={busy || undefined}
        aria-describedby={reason === null ? rest['aria-describedby'] : reasonId}
        title={reason ?? rest.title}
        onClick={(event) => {
          if (blocked) event.preventDefault();
          else onClick?.(event);
        }}
      >
        {children}
      </button>
      {reason !== null && (
        <span id={reasonId} className="visually-hidden">
          {reason}
        </span>
      )}
    </>
  );
}
