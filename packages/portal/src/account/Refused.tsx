import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { text } from '../text.ts';
import { Icon } from '../ui/Icon.tsx';
import { Time } from '../ui/Time.tsx';
import { useCurrent } from './current.tsx';
import { explainRefusal, type ExplainedRefusal, type UsageRefusal } from './refusal.ts';

/** A refusal, said at once to screen readers: the limit, what it leaves, when it begins anew, and who can raise it. */
export function Refused({ of }: { readonly of: UsageRefusal }): ReactNode {
  const { account } = useCurrent();
  const { title, sentences, resetsAt, help, action } = explainRefusal(of, {
    accountName: account.name,
    permissions: account.viewerPermissions,
  });
  return (
    <div className="banner tone-bad refused" role="alert">
      <Icon name="stop" />
      <div className="refused-text">
        <p className="refused-title">{title}</p>
        <p>
          {sentences.join(' ')}{' '}
          {resetsAt === null ? (
            text.refusals.never
          ) : (
            <>
              {text.refusals.resets} <Time value={resetsAt} shape="day" />.
            </>
          )}
        </p>
        <p>{help}</p>
      </div>
      {action !== null && <Remedy of={action} />}
    </div>
  );
}

function Remedy({ of: { page, open, label } }: { readonly of: NonNullable<ExplainedRefusal['action']> }): ReactNode {
  switch (page) {
    case 'subscription':
      return (
        <Link to="/subscription" search={open === undefined ? {} : { open }} className="button button-primary">
          {label}
        </Link>
      );
    case 'api-keys':
      return (
        <Link to="/api-keys" className="button button-primary">
          {label}
        </Link>
      );
    case 'members':
      return (
        <Link to="/members" className="button button-primary">
          {label}
        </Link>
      );
  }
}
