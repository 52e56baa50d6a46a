import * as z from 'zod/mini';
import { now } from '../../api/clock.ts';
import type { CreateApiKeyInput, KeyRowFragment, UpdateApiKeyInput } from '../../gql/graphql.ts';
import { text } from '../../text.ts';

/** A whole number as it is typed, or nothing. A key whose limit is 0 can be used for nothing that costs. */
const optionalCredits = z
  .string()
  .check(z.refine((value) => value.trim() === '' || (/^\d+$/.test(value.trim()) && isSafe(value)), text.forms.whole));

function isSafe(value: string): boolean {
  return Number.isSafeInteger(Number(value));
}

const fields = z.object({
  name: z.string().check(z.trim(), z.minLength(1, text.forms.nameMissing), z.maxLength(100, text.forms.nameTooLong)),
  type: z.enum(['PLATFORM', 'CUSTOM']),
  provider: z.enum(['OPENAI', 'ANTHROPIC']),
  billingMode: z.enum(['FULL', 'COMPUTE_ONLY']),
  secret: z.string(),
  creditLimit: optionalCredits,
  expires: z.string(),
});

export type KeyForm = z.infer<typeof fields>;

/** The form of a new key. The server checks all of it again. */
export const keyForm = fields.check(
  z.refine(({ type, secret }) => type === 'PLATFORM' || secret.trim() !== '', {
    path: ['secret'],
    error: text.forms.secretMissing,
  }),
  z.refine(({ expires }) => expires === '' || endOf(expires) > now(), {
    path: ['expires'],
    error: text.forms.datePast,
  }),
);

/** What the API is sent: a key lasts through the day that was chosen. */
export function toCreateInput(billingEntityId: string, form: KeyForm): CreateApiKeyInput {
  const { name, type, provider, billingMode, secret, creditLimit, expires } = form;
  return {
    billingEntityId,
    name,
    type,
    provider,
    ...(type === 'CUSTOM' ? { billingMode, secret: secret.trim() } : {}),
    ...(creditLimit.trim() === '' ? {} : { creditLimit: Number(creditLimit) }),
    ...(expires === '' ? {} : { expiresAt: endOf(expires).toISOString() }),
  };
}

/** The form's field for a field of the input that the server refused. */
export function createPathOf(field: string): keyof KeyForm | null {
  if (field === 'expiresAt') return 'expires';
  return field === 'name' || field === 'secret' || field === 'creditLimit' ? field : null;
}

const editFields = z.pick(fields, { name: true, creditLimit: true, expires: true, billingMode: true });

export type EditForm = z.infer<typeof editFields>;

/** The form of a key that is there. A day that has passed may stay as it is. */
export function editForm(before: EditForm): z.ZodMiniType<EditForm, EditForm> {
  return editFields.check(
    z.refine(({ expires }) => expires === '' || expires === before.expires || endOf(expires) > now(), {
      path: ['expires'],
      error: text.forms.datePast,
    }),
  );
}

/** What the form begins with. */
export function toEditForm({
  name,
  creditLimit,
  expiresAt,
  billingMode,
}: Pick<KeyRowFragment, 'name' | 'creditLimit' | 'expiresAt' | 'billingMode'>): EditForm {
  return {
    name,
    creditLimit: creditLimit === null ? '' : String(creditLimit),
    expires: expiresAt === null ? '' : dayOf(new Date(expiresAt)),
    billingMode,
  };
}

/** What was changed, as the API is sent it: what is emptied is null, and what stays is left out. */
export function changedIn(before: EditForm, after: EditForm): Omit<UpdateApiKeyInput, 'id'> {
  const { name, creditLimit, expires, billingMode } = after;
  return {
    ...(name !== before.name && { name }),
    ...(creditLimit.trim() !== before.creditLimit && {
      creditLimit: creditLimit.trim() === '' ? null : Number(creditLimit),
    }),
    ...(expires !== before.expires && { expiresAt: expires === '' ? null : endOf(expires).toISOString() }),
    ...(billingMode !== before.billingMode && { billingMode }),
  };
}

export function editPathOf(field: string): keyof EditForm | null {
  if (field === 'expiresAt') return 'expires';
  return field === 'name' || field === 'creditLimit' || field === 'billingMode' ? field : null;
}

/** The day of a moment in the reader's own zone, as a date field has it. */
function dayOf(at: Date): string {
  const [year, month, day] = [at.getFullYear(), at.getMonth() + 1, at.getDate()];
  return [String(year).padStart(4, '0'), String(month).padStart(2, '0'), String(day).padStart(2, '0')].join('-');
}

function endOf(day: string): Date {
  return new Date(`${day}T23:59:59`);
}
