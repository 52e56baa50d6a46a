import * as z from 'zod/mini';
import { text } from '../../text.ts';

/** The form of overage as it is typed. */
export const overageForm = z.object({
  enabled: z.boolean(),
  cap: z.string().check(z.refine((typed) => typed.trim() === '' || isWhole(typed.trim()), text.forms.wholeAboveZero)),
});

export type OverageForm = z.infer<typeof overageForm>;

/** The policy as the API takes it. No cap is said, not left out. */
export function toPolicy({ enabled, cap }: OverageForm): { readonly enabled: boolean; readonly cap: number | null } {
  return { enabled, cap: cap.trim() === '' ? null : Number(cap) };
}

function isWhole(typed: string): boolean {
  return /^\d+$/.test(typed) && Number(typed) > 0 && Number.isSafeInteger(Number(typed));
}
