import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Button } from '../ui/Button.tsx';
import { useReasonAgainst } from './current.tsx';

interface Props {
  /** The operation that is done there, as `viewerPermissions` names it. Who may not do it sees the reason instead. */
  readonly operation: string;
  /** The dialog that the page of the subscription opens at once. */
  readonly open?: 'plan' | 'credits' | 'units' | 'overage';
  readonly kind?: 'primary' | 'plain';
  readonly children: ReactNode;
}

/** Leads to where money is decided: a link that looks like a button. */
export function GoToSubscription({ operation, open, kind = 'plain', children }: Props): ReactNode {
  const reason = useReasonAgainst(operation);
  if (reason !== null) {
    return (
      <Button kind={kind} reason={reason}>
        {children}
      </Button>
    );
  }
  return (
    <Link to="/subscription" search={open === undefined ? {} : { open }} className={`button button-${kind}`}>
      {children}
    </Link>
  );
}
