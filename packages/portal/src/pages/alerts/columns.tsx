import type { AlertRowFragment, AlertType } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Badge, type Tone } from '../../ui/Badge.tsx';
import { Button } from '../../ui/Button.tsx';
import type { Column } from '../../ui/columns.ts';
import { Time } from '../../ui/Time.tsx';

const TONES: Partial<Record<AlertType, Tone>> = {
  WARNING: 'warn',
  OVERAGE_STARTED: 'warn',
  MEMBER_LIMIT: 'warn',
  RECOVERED: 'good',
};

interface Given {
  readonly reason: string | null;
  readonly onAcknowledge: (alert: AlertRowFragment) => void;
}

/** A list of alerts, each to be acknowledged once. Kinds that this page does not know yet are shown as bad news. */
export function alertColumns({ reason, onAcknowledge }: Given): readonly Column<AlertRowFragment>[] {
  return [
    { id: 'time', header: text.alerts.time, folds: true, cell: ({ createdAt }) => <Time value={createdAt} /> },
    {
      id: 'type',
      header: text.alerts.type,
      cell: ({ type }) => <Badge tone={TONES[type] ?? 'bad'}>{text.alertTypes[type] ?? type}</Badge>,
    },
    { id: 'message', header: text.alerts.message, cell: ({ message }) => message },
    {
      id: 'status',
      header: text.alerts.status,
      cell: (alert) =>
        alert.acknowledgedAt === null ? (
          <Button
            reason={reason}
            aria-label={text.alerts.acknowledgeNamed(alert.message)}
            onClick={() => onAcknowledge(alert)}
          >
            {text.alerts.acknowledge}
          </Button>
        ) : (
          <span className="hint">
            {text.alerts.acknowledged} <Time value={alert.acknowledgedAt} shape="day" />
          </span>
        ),
    },
  ];
}
