import * as z from 'zod/mini';
import { text } from '../../text.ts';

/** The amounts that an act takes: credits to give, credits to give or take, or no amount at all. */
export type Amounts = 'positive' | 'signed' | 'none';

const SOURCES = ['PROMOTION', 'PURCHASE', 'TRIAL'] as const;
const MOST_REASON = 1_000;

/** The form of an act. The server checks all of it again. `most` is the highest amount; absent: there is none. */
export function actForm(amounts: Amounts, most?: number): z.ZodMiniType<ActValues, ActValues> {
  return z
    .object({
      amount: z.string(),
      reason: z
        .string()
        .check(
          z.trim(),
          z.minLength(1, text.operator.reasonMissing),
          z.maxLength(MOST_REASON, text.operator.reasonTooLong),
        ),
      source: z.enum(SOURCES),
      expires: z.string(),
    })
    .check(
      z.refine(({ amount }) => amounts === 'none' || readAmount(amount, amounts) !== null, {
        path: ['amount'],
        error: amounts === 'signed' ? text.operator.signedMissing : text.operator.amountMissing,
      }),
      z.refine(({ amount }) => most === undefined || (readAmount(amount, amounts) ?? 0) <= most, {
        path: ['amount'],
        error: text.operator.tooMuchToRefund,
      }),
    );
}

/** The fields of an act as they are typed. */
export interface ActValues {
  amount: string;
  reason: string;
  source: (typeof SOURCES)[number];
  expires: string;
}

export const EMPTY_ACT: ActValues = { amount: '', reason: '', source: 'PROMOTION', expires: '' };

/** The amount as it is typed; null: it is none. A typographic minus is a minus. */
export function readAmount(typed: string, amounts: Amounts): number | null {
  const plain = typed.trim().replace('−', '-');
  if (!(amounts === 'signed' ? /^-?\d+$/ : /^\d+$/).test(plain)) return null;
  const value = Number(plain);
  return value !== 0 && Number.isSafeInteger(value) ? value : null;
}

/** The last moment of a day in the reader's own zone, for what lasts through it. */
export function endOfDay(day: string): string {
  return new Date(`${day}T23:59:59.999`).toISOString();
}
