/** To whom an effect that a key already had is the answer, and to whom it does not exist (rule 20). */
import type { Balance } from './balance.ts';

/** What a key did: where, by whose hand and for whom. */
export interface EarlierEffect {
  readonly billingEntityId: string;
  readonly key: string;
  readonly fingerprint: Buffer;
  /** Of its first entry. */
  readonly sequence: bigint;
  /** Who caused it, as the ledger names them. */
  readonly actor: string;
  /** Whose use it was, a settlement's the reservation's. null: nobody's, or it makes no difference to those who ask. */
  readonly userId: string | null;
  /** The account after it. null: all who ask see the account as it is now. */
  readonly balance: Balance | null;
}

/** Who sends a key. */
export interface Caller {
  readonly actor: string;
  /** The billing entity that they are, or act for; null: none. */
  readonly entityId: string | null;
  /** Whether they may see this account. */
  readonly sees: (billingEntityId: string) => boolean;
  /** They may not do what they ask for: then they are told of nothing that others did. */
  readonly hearsOnlyOwn: boolean;
}

/** An effect, and how much of it the caller is told. */
export interface Answering {
  readonly effect: EarlierEffect;
  /** Whether they see the account, and so its balance now; else they are told that of then. */
  readonly seen: boolean;
}

/**
 * The effect that answers this caller; null: none that is theirs to hear of. It is one that they caused, or that was for
 * them, or in an account that they see; their own before others'. `effects` come in the order of the accounts that the
 * command could be charged to.
 */
export function answering(effects: readonly EarlierEffect[], caller: Caller): Answering | null {
  const own = effects.find(({ actor, userId }) => actor === caller.actor || isSame(userId, caller.entityId));
  const visible = (): EarlierEffect | undefined => effects.find(({ billingEntityId }) => caller.sees(billingEntityId));
  const effect = own ?? (caller.hearsOnlyOwn ? undefined : visible());
  return effect === undefined ? null : { effect, seen: caller.sees(effect.billingEntityId) };
}

function isSame(userId: string | null, entityId: string | null): boolean {
  return userId !== null && userId === entityId;
}
