import { useNavigate } from '@tanstack/react-router';
import { lazy, type ReactNode, Suspense } from 'react';
import { useCurrent } from '../../account/current.tsx';
import { useData } from '../../api/data.ts';
import { ReceiptDocument } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Copy } from '../../ui/Copy.tsx';
import { Credits } from '../../ui/Credits.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { Fact } from '../../ui/Fact.tsx';
import { Empty } from '../../ui/Empty.tsx';
import { count, dollars } from '../../ui/format.ts';
import { Shown } from '../../ui/Shown.tsx';
import { Time } from '../../ui/Time.tsx';
import { receiptSentence, type ReceiptRecord } from './receipt.ts';

// Only operators refund, so nobody else loads it.
const Refund = lazy(() => import('../operator/Refund.tsx').then((it) => ({ default: it.Refund })));

/** Why was I charged this? The side panel of one record, which has an address of its own. */
export function Receipt({ recordId }: { readonly recordId: string }): ReactNode {
  const { account, isOperator } = useCurrent();
  const navigate = useNavigate();
  const asked = useData(ReceiptDocument, { id: account.id, recordId });
  const close = (): void =>
    void navigate({
      to: '/usage',
      search: (now) => ({ ...now, record: undefined }),
      resetScroll: false,
      replace: true,
    });
  return (
    <Dialog title={text.receipt.title} shape="panel" isOpen onClose={close}>
      <Shown of={asked} height={420}>
        {({ billingEntity }) =>
          billingEntity?.usageRecord == null ? (
            <Empty title={text.receipt.missing} />
          ) : (
            <>
              <Parts record={billingEntity.usageRecord} />
              {isOperator && (
                <Suspense>
                  <Refund
                    key={recordId}
                    record={billingEntity.usageRecord}
                    again={asked.state === 'ready' ? asked.again : () => {}}
                  />
                </Suspense>
              )}
            </>
          )
        }
      </Shown>
      <Copy value={location.href} what={text.receipt.link} />
    </Dialog>
  );
}

function Parts({ record }: { readonly record: ReceiptRecord }): ReactNode {
  const { rate, draws, ledgerEntry, billingMode, resource } = record;
  return (
    <>
      <p className="receipt-sum figures">{receiptSentence(record)}</p>
      <dl className="facts">
        <Fact name={text.usage.time}>
          <Time value={record.occurredAt} shape="second" />
        </Fact>
        <Fact name={text.receipt.recorded}>
          <Time value={record.recordedAt} shape="second" />
        </Fact>
        <Fact name={text.receipt.rate}>
          {text.receipt.rateOf(count(rate.credits), count(rate.units), resource)} ·{' '}
          {dollars(Number(rate.costPerCredit))} {text.receipt.perCredit}
        </Fact>
        <Fact name={text.receipt.mode}>{text.receipt.modes[billingMode]}</Fact>
        <Fact name={text.receipt.drawnFrom}>
          {draws.length === 0
            ? text.receipt.noDraws
            : draws.map(({ credits, grant }) => (
                <span key={grant.id} className="fact-line">
                  <Credits value={credits} /> {text.receipt.from(text.grantSources[grant.source], grant.reason)}
                </span>
              ))}
        </Fact>
        {record.overage > 0 && (
          <Fact name={text.usage.overage}>
            <Credits value={record.overage} />
          </Fact>
        )}
        {record.owed > 0 && (
          <Fact name={text.receipt.owed}>
            <Credits value={record.owed} />
          </Fact>
        )}
        <Fact name={text.receipt.refund}>
          {record.refundedAt === null ? (
            text.none
          ) : (
            <>
              <Credits value={record.refundedCredits} />, <Time value={record.refundedAt} />
            </>
          )}
        </Fact>
        <Fact name={text.usage.person}>{record.user?.name ?? text.none}</Fact>
        {record.organization !== null && <Fact name={text.usage.organization}>{record.organization.name}</Fact>}
        <Fact name={text.receipt.payer}>{record.billingEntity.name}</Fact>
        <Fact name={text.usage.key}>{record.apiKey?.name ?? text.none}</Fact>
        <Fact name={text.usage.model}>{record.model ?? text.none}</Fact>
        <Fact name={text.usage.dimensions.FEATURE}>{record.feature ?? text.none}</Fact>
        <Fact name={text.receipt.entry}>
          {ledgerEntry === null ? text.none : text.receipt.entryOf(count(ledgerEntry.sequence))}
        </Fact>
        {ledgerEntry?.reservation != null && (
          <Fact name={text.receipt.reservation}>
            <Credits value={ledgerEntry.reservation.credits} />{' '}
            {text.receipt.reservations[ledgerEntry.reservation.status]}
            {ledgerEntry.reservation.releasedCredits !== null && (
              <>
                {', '}
                <Credits value={ledgerEntry.reservation.releasedCredits} /> {text.receipt.released}
              </>
            )}
          </Fact>
        )}
      </dl>
    </>
  );
}
