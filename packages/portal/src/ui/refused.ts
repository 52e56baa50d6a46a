import type { FieldValues, Path, UseFormReturn } from 'react-hook-form';
import type { Refused } from '../api/data.ts';

/**
 * Puts the server's refusal beside the field that it is about, and the focus there.
 * @param pathOf the form's field for a field of the input; null: the form has none. Absent: they have the same names.
 * @returns the sentence for the end of the form; null: it stands beside a field
 */
export function placeRefusal<Values extends FieldValues>(
  { getValues, setError }: Pick<UseFormReturn<Values>, 'getValues' | 'setError'>,
  { field, message }: Refused,
  pathOf: (field: string) => Path<Values> | null = (name) =>
    Object.hasOwn(getValues(), name) ? (name as Path<Values>) : null,
): string | null {
  const path = field === null ? null : pathOf(field);
  if (path === null) return message;
  setError(path, { type: 'server', message }, { shouldFocus: true });
  return null;
}
