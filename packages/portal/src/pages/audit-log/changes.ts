/** What an act changed, in parts that can be shown. */
import { text } from '../../text.ts';
import { count } from '../../ui/format.ts';

type State = Readonly<Record<string, unknown>> | null;

/** A field that differs. `was` is absent where it had no value before, or the whole thing is new or gone. */
export interface Change {
  readonly field: string;
  readonly was?: unknown;
  readonly is: unknown;
}

/** What differs between two states; of what is new or gone, all that it is or was. Fields that say nothing are left out. */
export function changesOf(before: State, after: State): Change[] {
  if (before === null || after === null) {
    return Object.entries(before ?? after ?? {}).flatMap(([field, is]) => (is === null ? [] : [{ field, is }]));
  }
  const fields = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return fields.flatMap((field): Change[] => {
    const [was, is] = [before[field] ?? null, after[field] ?? null];
    if (JSON.stringify(was) === JSON.stringify(is)) return [];
    return [field in before ? { field, was, is } : { field, is }];
  });
}

export function labelOf(field: string): string {
  return text.auditLog.fields[field] ?? field;
}

/** A value in words. A date is left as it is: the page shows it as one. */
export function wordsOf(field: string, value: unknown): string {
  if (value === null) return text.auditLog.nothing;
  if (typeof value === 'number') return Number.isInteger(value) ? count(value) : String(value);
  if (typeof value === 'boolean') return value ? text.auditLog.yes : text.auditLog.no;
  if (typeof value !== 'string') return JSON.stringify(value);
  const known =
    field === 'source' ? (text.grantSources as Readonly<Record<string, string>>) : text.auditLog.values[field];
  return known?.[value] ?? value;
}

export function isDate(value: unknown): value is string {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value);
}

/** An actor or a subject, such as `user:ann`, in its parts; the kind of an id is null. */
export function partiesOf(value: string): { readonly kind: string | null; readonly name: string } {
  const [, kind, name] = /^(user|operator|service|organization):(.+)$/s.exec(value) ?? [];
  return kind === undefined || name === undefined ? { kind: null, name: value } : { kind, name };
}
