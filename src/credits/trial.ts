import { v7 as uuidv7 } from 'uuid';
import { FREE_TRIAL } from '../plans/plans.ts';
import { DEFAULT_PRIORITY } from '../ledger/rules/grants.ts';
import type { Ledger } from '../ledger/ledger.ts';

/** Gives an account the credits of the free trial, once in its life, however often it is asked (rule 4). */
export async function giveTrial(ledger: Ledger, billingEntityId: string): Promise<void> {
  const outcome = await ledger.submit({
    kind: 'trial',
    billingEntityId,
    actor: 'system',
    idempotency: null,
    grantId: uuidv7(),
    source: 'TRIAL',
    amount: FREE_TRIAL.credits,
    priority: DEFAULT_PRIORITY,
    effectiveAt: null,
    expiresAt: null,
    reason: null,
  });
  if (outcome.kind !== 'committed') throw new Error(`the trial of ${billingEntityId} was ${outcome.kind}`);
}
