import { v7 as uuidv7 } from 'uuid';
import { FREE_TRIAL } from '../plans/plans.ts';
import { DEFAULT_PRIORITY } from '../ledger/rules/grants.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { unlessRejected } from '../ledger/outcome.ts';

/**
 * Gives an account the credits of the free trial. It gets them once in its life, however often this is called (rule 4).
 * @throws Refusal NOT_FOUND, UNAVAILABLE
 */
export async function giveTrial(ledger: Ledger, billingEntityId: string): Promise<void> {
  const command = {
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
  } as const;
  unlessRejected(await ledger.submit(command));
}
