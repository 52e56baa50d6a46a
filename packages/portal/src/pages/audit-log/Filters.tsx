import type { ReactNode } from 'react';
import { text } from '../../text.ts';
import { Button } from '../../ui/Button.tsx';
import { Field } from '../../ui/Field.tsx';
import { Icon } from '../../ui/Icon.tsx';
import type { AuditLogSearch } from './search.ts';

interface Props {
  readonly search: AuditLogSearch;
  readonly onChange: (search: AuditLogSearch) => void;
}

const DAYS = ['from', 'to'] as const;

/** What the log is narrowed to: an act, a span of days, and whoever did it. */
export function Filters({ search, onChange }: Props): ReactNode {
  const { action, actor } = search;
  const set = (change: AuditLogSearch): void => onChange({ ...search, ...change });
  const known = Object.keys(text.auditLog.actions);
  return (
    <div className="controls">
      <Field label={text.auditLog.action}>
        {(described) => (
          <select
            {...described}
            value={action ?? ''}
            onChange={({ target }) => set({ action: target.value === '' ? undefined : target.value })}
          >
            <option value="">{text.auditLog.all}</option>
            {action !== undefined && !known.includes(action) && <option value={action}>{action}</option>}
            {Object.entries(text.auditLog.actions).map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        )}
      </Field>
      {DAYS.map((name) => (
        <Field key={name} label={text.auditLog[name]}>
          {(described) => (
            <input
              {...described}
              type="date"
              value={search[name] ?? ''}
              onChange={({ target }) => set({ [name]: target.value === '' ? undefined : target.value })}
            />
          )}
        </Field>
      ))}
      {actor !== undefined && (
        <Button aria-label={text.auditLog.removeActor(actor)} onClick={() => set({ actor: undefined })}>
          {text.auditLog.by(actor)}
          <Icon name="close" />
        </Button>
      )}
    </div>
  );
}
