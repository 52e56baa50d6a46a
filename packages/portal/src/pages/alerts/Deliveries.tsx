import { type ReactNode, useMemo } from 'react';
import type { AlertSettingsQuery, WebhookDeliveryStatus } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Badge, type Tone } from '../../ui/Badge.tsx';
import { Button } from '../../ui/Button.tsx';
import type { Column } from '../../ui/columns.ts';
import { count } from '../../ui/format.ts';
import { Table } from '../../ui/Table.tsx';
import { Time } from '../../ui/Time.tsx';

type Endpoint = NonNullable<NonNullable<AlertSettingsQuery['billingEntity']>['webhookEndpoint']>;
type Delivery = Endpoint['deliveries']['edges'][number]['node'];

const TONES: Record<WebhookDeliveryStatus, Tone> = { DELIVERED: 'good', FAILED: 'bad', PENDING: 'neutral' };

interface Props {
  readonly deliveries: readonly Delivery[];
  readonly reason: string | null;
  readonly onResend: (id: string) => void;
}

/** The latest events that were posted, and what was answered. */
export function Deliveries({ deliveries, reason, onResend }: Props): ReactNode {
  const columns = useMemo((): Column<Delivery>[] => {
    return [
      { id: 'time', header: text.usage.time, folds: true, cell: ({ createdAt }) => <Time value={createdAt} /> },
      { id: 'event', header: text.alerts.event, cell: ({ eventType }) => <code>{eventType}</code> },
      {
        id: 'status',
        header: text.alerts.status,
        cell: ({ status }) => <Badge tone={TONES[status]}>{text.alerts.deliveryStates[status]}</Badge>,
      },
      {
        id: 'attempts',
        header: text.alerts.attempts,
        figures: true,
        folds: true,
        cell: ({ attempts }) => count(attempts),
      },
      {
        id: 'answer',
        header: text.alerts.answer,
        folds: true,
        cell: ({ responseStatus, error }) => error ?? responseStatus ?? '',
      },
      {
        id: 'again',
        header: text.keys.actions,
        cell: ({ id, eventType }) => (
          <Button reason={reason} aria-label={text.alerts.resendNamed(eventType)} onClick={() => onResend(id)}>
            {text.alerts.resend}
          </Button>
        ),
      },
    ];
  }, [reason, onResend]);
  return (
    <section aria-labelledby="deliveries">
      <h2 id="deliveries">{text.alerts.deliveries}</h2>
      {deliveries.length === 0 ? (
        <p className="hint">{text.alerts.noDeliveries}</p>
      ) : (
        <Table caption={text.alerts.deliveries} columns={columns} rows={deliveries} rowId={({ id }) => id} />
      )}
    </section>
  );
}
