import { getRouteApi, Link } from '@tanstack/react-router';
import { type ReactNode, useMemo, useState } from 'react';
import { useCurrent, useReasonAgainst } from '../../account/current.tsx';
import { usePaged } from '../../api/paged.ts';
import { ApiKeysDocument } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Button } from '../../ui/Button.tsx';
import { Empty } from '../../ui/Empty.tsx';
import { LongTable } from '../../ui/LongTable.tsx';
import { More } from '../../ui/More.tsx';
import { Skeleton } from '../../ui/Skeleton.tsx';
import type { KeyAction } from './action.ts';
import { keyColumns } from './columns.tsx';
import { CreateKey } from './CreateKey.tsx';
import { EditKey } from './EditKey.tsx';
import './keys.css';
import { RevokeKey } from './RevokeKey.tsx';
import { RotateKey } from './RotateKey.tsx';
import { NoUse } from '../../first-call/NoUse.tsx';
import { Secret } from '../../ui/Secret.tsx';

const route = getRouteApi('/api-keys');

/** The keys of the account: made, rotated and revoked here. A secret is shown once. */
export function ApiKeysPage(): ReactNode {
  const { account } = useCurrent();
  const { revoked = false } = route.useSearch();
  const [action, setAction] = useState<KeyAction | null>(null);
  const [secret, setSecret] = useState<string | null>(null);
  const reasons = {
    create: useReasonAgainst('apiKeys.create'),
    update: useReasonAgainst('apiKeys.update'),
    rotate: useReasonAgainst('apiKeys.rotate'),
    revoke: useReasonAgainst('apiKeys.revoke'),
  };
  const { update, rotate, revoke } = reasons;
  const columns = useMemo(
    () => keyColumns({ onAction: setAction, reasons: { update, rotate, revoke } }),
    [update, rotate, revoke],
  );
  const paged = usePaged(
    ApiKeysDocument,
    { id: account.id, includeRevoked: revoked },
    ({ billingEntity }) => billingEntity?.apiKeys,
  );
  const done = (shown: string | null): void => {
    setAction(null);
    setSecret(shown);
    paged.again();
  };
  return (
    <>
      <div className="section-head">
        <Link to="/api-keys" search={revoked ? {} : { revoked: true }}>
          {revoked ? text.keys.hideRevoked : text.keys.showRevoked}
        </Link>
        <Button kind="primary" reason={reasons.create} onClick={() => setAction({ kind: 'create' })}>
          {text.keys.create}
        </Button>
      </div>
      <section className="hint modes" aria-label={text.usage.dimensions.BILLING_MODE}>
        <p>{text.keys.full}</p>
        <p>{text.keys.computeOnly}</p>
      </section>
      {paged.state === 'loading' && <Skeleton height={240} />}
      {paged.state === 'hidden' && <Empty title={text.balance.notYours} />}
      {paged.state === 'ready' && paged.nodes.length === 0 && (
        <NoUse title={text.keys.empty} hint={text.keys.emptyHint} />
      )}
      {paged.nodes.length > 0 && (
        <LongTable
          caption={text.pages.apiKeys}
          columns={columns}
          rows={paged.nodes}
          rowId={({ id }) => id}
          hasMore={paged.hasMore}
        />
      )}
      <More of={paged} />
      {action?.kind === 'create' && <CreateKey onClose={() => setAction(null)} onDone={done} />}
      {action?.kind === 'edit' && (
        <EditKey apiKey={action.key} onClose={() => setAction(null)} onDone={() => done(null)} />
      )}
      {action?.kind === 'rotate' && <RotateKey apiKey={action.key} onClose={() => setAction(null)} onDone={done} />}
      {action?.kind === 'revoke' && (
        <RevokeKey apiKey={action.key} onClose={() => setAction(null)} onDone={() => done(null)} />
      )}
      <Secret secret={secret} onStored={() => setSecret(null)} />
    </>
  );
}
