/** What an act would change, from the balance that is shown. The server decides; these figures stand before the button. */

interface Before {
  readonly available: number;
  readonly owed: number;
}

export interface Effect {
  readonly before: number;
  readonly after: number;
  /** Credits that pay what is owed: whatever raises what is available pays that first. */
  readonly repaid: number;
  /** What is still owed then. */
  readonly owedAfter: number;
  /** True when more would be taken than is available, which the server refuses. */
  readonly takesTooMuch: boolean;
}

/** The effect of giving credits, or of taking them where `amount` is negative. */
export function effectOf(amount: number, { available, owed }: Before): Effect {
  const repaid = amount > 0 ? Math.min(amount, owed) : 0;
  const after = available + amount - repaid;
  return { before: available, after, repaid, owedAfter: owed - repaid, takesTooMuch: after < 0 };
}

/** How much of a charge would be given back, and how much stays charged. */
export function refundOf(
  amount: number,
  { credits, refundedCredits }: { readonly credits: number; readonly refundedCredits: number },
): { given: number; left: number } {
  const left = credits - refundedCredits;
  const given = Math.min(amount, left);
  return { given, left: left - given };
}
