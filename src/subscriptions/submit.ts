import { Refusal } from '../kernel/refusal.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Committed, Replayed } from '../ledger/outcome.ts';
import type { Command } from '../ledger/rules/commands.ts';

/** The actor and idempotency of commands that follow from the provider's state and are safe to repeat. */
export const BY_ITSELF = { actor: 'system', idempotency: null } as const;

/**
 * Submits a command that is no use of credits.
 * @throws Refusal where the ledger rejects it; UNAVAILABLE
 */
export async function submit(ledger: Ledger, command: Command): Promise<Committed | Replayed> {
  const outcome = await ledger.submit(command);
  if (outcome.kind === 'committed' || outcome.kind === 'replayed') return outcome;
  if (outcome.kind === 'rejected') throw new Refusal(outcome.code, outcome.message);
  throw new Error(`${command.kind} cannot be ${outcome.kind}`);
}
