import * as z from 'zod/mini';
import { now } from '../../api/clock.ts';
import type { CreateApiKeyInput } from '../../gql/graphql.ts';
import { text } from '../../text.ts';

/** A whole number above 0 as it is typed, or nothing. */
const optionalCredits = z
  .string()
  .check(
    z.refine(
      (value) => value.trim() === '' || (/^\d+$/.test(value.trim()) && isSafe(value)),
      text.forms.wholeAboveZero,
    ),
  );

function isSafe(value: string): boolean {
  return Number(value) > 0 && Number.isSafeInteger(Number(value));
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

function endOf(day: string): Date {
  return new Date(`${day}T23:59:59`);
}
