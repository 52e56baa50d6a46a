import * as z from 'zod/mini';
import type { AlertChannel, AlertPreferenceInput, AlertType } from '../../gql/graphql.ts';
import { text } from '../../text.ts';

const CHANNELS = ['IN_APP', 'EMAIL', 'WEBHOOK'] as const satisfies readonly AlertChannel[];

/** Only these two are raised at a level of one's own choice. */
export const BY_LEVEL = ['WARNING', 'CRITICAL'] as const satisfies readonly AlertType[];

const row = z
  .object({
    type: z.string(),
    /** Nothing: the type has no level. */
    measure: z.enum(['SHARE', 'REMAINING', 'NONE']),
    amount: z.string(),
    enabled: z.boolean(),
    channels: z.array(z.enum(CHANNELS)),
  })
  .check(
    z.refine(({ measure, amount }) => measure !== 'SHARE' || isShare(amount), {
      path: ['amount'],
      error: text.forms.share,
    }),
    z.refine(({ measure, amount }) => measure !== 'REMAINING' || isCredits(amount), {
      path: ['amount'],
      error: text.forms.wholeAboveZero,
    }),
  );

export const preferencesForm = z.object({
  rows: z.array(row),
  emails: z.string().check(
    z.refine((lines) => linesOf(lines).length <= 10, text.forms.tooManyEmails),
    z.refine((lines) => linesOf(lines).every((line) => /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(line)), text.forms.email),
  ),
});

export type PreferencesValues = z.infer<typeof preferencesForm>;
type Row = PreferencesValues['rows'][number];

interface Preference {
  readonly type: AlertType;
  readonly level: number | null;
  readonly remaining: number | null;
  readonly enabled: boolean;
  readonly channels: readonly AlertChannel[];
}

/** What the form begins with. Shares are shown in percent. */
export function toRow({ type, level, remaining, enabled, channels }: Preference): Row {
  const given = { type, enabled, channels: CHANNELS.filter((channel) => channels.includes(channel)) };
  if (level !== null) return { ...given, measure: 'SHARE', amount: String(Math.round(level * 1_000) / 10) };
  if (remaining !== null) return { ...given, measure: 'REMAINING', amount: String(remaining) };
  return { ...given, measure: 'NONE', amount: '' };
}

/** What the API is sent. */
export function toPreference({ type, measure, amount, enabled, channels }: Row): AlertPreferenceInput {
  const given = { type: type as AlertType, enabled, channels };
  if (measure === 'SHARE') return { ...given, level: Math.round(Number(amount) * 10) / 1_000 };
  return measure === 'REMAINING' ? { ...given, remaining: Number(amount) } : given;
}

/** The form's field for a field of the input that the server refused. A row without a level has no field for it. */
export function pathOf(field: string, rows: readonly Row[]): 'emails' | `rows.${number}.amount` | null {
  const [name, place] = field.split('.');
  if (name === 'emails') return 'emails';
  const index = Number(place);
  const measure = name === 'preferences' ? rows[index]?.measure : undefined;
  return measure === 'SHARE' || measure === 'REMAINING' ? `rows.${index}.amount` : null;
}

/** One address a line, without blanks. */
export function linesOf(lines: string): string[] {
  return lines
    .split(/[\n,;]/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function isShare(amount: string): boolean {
  return /^\d{1,3}(\.\d)?$/.test(amount.trim()) && Number(amount) > 0 && Number(amount) <= 100;
}

function isCredits(amount: string): boolean {
  return /^\d+$/.test(amount.trim()) && Number(amount) > 0 && Number.isSafeInteger(Number(amount));
}
