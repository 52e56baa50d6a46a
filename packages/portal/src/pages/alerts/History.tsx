import { type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import { useCurrent, useReasonAgainst } from '../../account/current.tsx';
import { useSend } from '../../api/data.ts';
import { usePaged } from '../../api/paged.ts';
import { AcknowledgeAlertDocument, type AlertRowFragment, AlertsDocument } from '../../gql/graphql.ts';
import { useLive } from '../../live/LiveProvider.tsx';
import { text } from '../../text.ts';
import { Banner } from '../../ui/Banner.tsx';
import { Empty } from '../../ui/Empty.tsx';
import { LongTable } from '../../ui/LongTable.tsx';
import { More } from '../../ui/More.tsx';
import { Skeleton } from '../../ui/Skeleton.tsx';
import { alertColumns } from './columns.tsx';

/** The alerts that were raised, newest first. One that is raised now arrives here as well as in a message. */
export function History(): ReactNode {
  const { account } = useCurrent();
  const { raised } = useLive();
  const reason = useReasonAgainst('alerts.acknowledge');
  const send = useSend(AcknowledgeAlertDocument);
  const [refusal, setRefusal] = useState<string | null>(null);
  const paged = usePaged(AlertsDocument, { id: account.id }, ({ billingEntity }) => billingEntity?.alerts);
  const { again } = paged;

  const newest = raised[0]?.id;
  const known = useRef(newest);
  useEffect(() => {
    if (known.current === newest) return;
    known.current = newest;
    again();
  }, [newest, again]);

  const columns = useMemo(() => {
    const acknowledge = async ({ id }: AlertRowFragment): Promise<void> => {
      const sent = await send({ id });
      setRefusal(sent.ok ? null : sent.message);
      again();
    };
    return alertColumns({ reason, onAcknowledge: (alert) => void acknowledge(alert) });
  }, [reason, send, again]);

  return (
    <>
      {refusal !== null && <Banner tone="bad">{refusal}</Banner>}
      {paged.state === 'loading' && <Skeleton height={300} />}
      {paged.state === 'hidden' && <Empty title={text.balance.notYours} />}
      {paged.state === 'ready' && paged.nodes.length === 0 && (
        <Empty title={text.alerts.empty}>
          <p>{text.alerts.emptyHint}</p>
        </Empty>
      )}
      {paged.nodes.length > 0 && (
        <LongTable
          caption={text.alerts.tabs.history}
          columns={columns}
          rows={paged.nodes}
          rowId={({ id }) => id}
          hasMore={paged.hasMore}
        />
      )}
      <More of={paged} />
    </>
  );
}
