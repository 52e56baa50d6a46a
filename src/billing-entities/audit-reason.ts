import { Refusal } from '../kernel/refusal.ts';
import { isStorableText } from '../kernel/text.ts';

const MAX_REASON = 1_000;

/** Why somebody changes a balance by hand, trimmed. @throws Refusal BAD_USER_INPUT */
export function checkReason(reason: string): string {
  const trimmed = reason.trim();
  if (trimmed === '' || trimmed.length > MAX_REASON || !isStorableText(trimmed)) {
    throw Refusal.ofField('reason', `reason must have 1 to ${MAX_REASON} characters`);
  }
  return trimmed;
}
