import { text } from '../../text.ts';
import { count } from '../../ui/format.ts';

/** Amounts that are one click. */
export const PACKS = [12_500, 100_000, 500_000, 2_500_000] as const;

const STEP = 250;
const LEAST = 12_500;
/** Stripe's greatest amount is 999 999.99 dollars. */
const MOST = 99_999_999 * STEP;

/** What is wrong with an amount of credits as it was typed; null: it can be bought. The server checks it again. */
export function problemWith(typed: string): string | null {
  const credits = creditsIn(typed);
  if (credits === null) return text.subscription.credits.wrong;
  if (credits < LEAST) return text.subscription.credits.few;
  if (credits > MOST) return text.subscription.credits.many;
  if (credits % STEP === 0) return null;
  const below = credits - (credits % STEP);
  return text.subscription.credits.step(count(below), count(below + STEP));
}

/** The amount that was typed; null: it is no whole number. */
export function creditsIn(typed: string): number | null {
  return /^\d{1,15}$/.test(typed.trim()) ? Number(typed) : null;
}
