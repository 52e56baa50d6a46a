import type { ApiKeyStatus, KeyRowFragment } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Badge, type Tone } from '../../ui/Badge.tsx';
import { Button } from '../../ui/Button.tsx';
import type { Column } from '../../ui/columns.ts';
import { count } from '../../ui/format.ts';
import { Time } from '../../ui/Time.tsx';
import type { KeyAction } from './action.ts';

const TONES: Record<ApiKeyStatus, Tone> = { ACTIVE: 'good', EXPIRED: 'warn', REVOKED: 'neutral' };

interface Given {
  readonly onAction: (action: KeyAction) => void;
  readonly reasons: { readonly [kind in 'update' | 'rotate' | 'revoke']: string | null };
}

/** A list of keys with what can be done to each. A key that was revoked can no longer be changed. */
export function keyColumns({ onAction, reasons }: Given): readonly Column<KeyRowFragment>[] {
  return [
    {
      id: 'name',
      header: text.keys.name,
      cell: ({ name, hint, provider }) => (
        <>
          {name} <span className="hint mono beside">{`${text.keys.providers[provider]} · ${hint}`}</span>
        </>
      ),
    },
    {
      id: 'status',
      header: text.keys.status,
      cell: ({ status }) => <Badge tone={TONES[status]}>{text.keyStatuses[status]}</Badge>,
    },
    {
      id: 'mode',
      header: text.keys.mode,
      folds: true,
      cell: ({ billingMode }) => text.usage.billingModes[billingMode],
    },
    {
      id: 'used',
      header: text.keys.used,
      figures: true,
      folds: true,
      cell: ({ usedThisPeriod, creditLimit }) =>
        creditLimit === null ? count(usedThisPeriod) : text.keys.usedOf(count(usedThisPeriod), count(creditLimit)),
    },
    { id: 'last', header: text.keys.lastUsed, folds: true, cell: ({ lastUsedAt }) => dateOrNever(lastUsedAt) },
    { id: 'expires', header: text.keys.expires, folds: true, cell: ({ expiresAt }) => dateOrNever(expiresAt) },
    {
      id: 'actions',
      header: text.keys.actions,
      figures: true,
      cell: (key) =>
        key.status !== 'REVOKED' && (
          <span className="row key-actions">
            <Button
              reason={reasons.update}
              aria-label={text.keys.editNamed(key.name)}
              onClick={() => onAction({ kind: 'edit', key })}
            >
              {text.keys.edit}
            </Button>
            <Button
              reason={reasons.rotate}
              aria-label={text.keys.rotateNamed(key.name)}
              onClick={() => onAction({ kind: 'rotate', key })}
            >
              {text.keys.rotate}
            </Button>
            <Button
              kind="danger"
              reason={reasons.revoke}
              aria-label={text.keys.revokeNamed(key.name)}
              onClick={() => onAction({ kind: 'revoke', key })}
            >
              {text.keys.revoke}
            </Button>
          </span>
        ),
    },
  ];
}

function dateOrNever(value: string | null) {
  return value === null ? text.never : <Time value={value} shape="day" />;
}
