/** Rule 20: a key takes effect once. These functions say to whom an earlier effect is the answer, and who never learns of it. */
import type { Account } from './account.ts';
import type { Balance } from './balance.ts';
import { accountsOfKey, type Command, type Sender, type SettleCommand } from './commands.ts';
import type { Effects } from './effects.ts';
import { type Rejected, rejected } from './refusals.ts';
import type { Reservation } from './reservations.ts';

/** The effect that a key has had: where, by whose hand and for whom. */
export interface EarlierEffect {
  readonly billingEntityId: string;
  readonly key: string;
  readonly fingerprint: Buffer;
  /** Sequence of its first entry. */
  readonly sequence: bigint;
  /** The cause, as the ledger names them. */
  readonly actor: string;
  /** The user whose use it was; a settlement's is the reservation's. null: nobody's, or nobody who asks depends on it. */
  readonly userId: string | null;
  /** The account right after it. null: all who ask may see the account as it is now. */
  readonly balance: Balance | null;
}

/** Tells if this sender may see this account now. No sender sees none. */
export type Sees = (sender: Sender | undefined, billingEntityId: string) => boolean;

/** The effects that keys have had, as far as the commands of one transaction ask about them; their own are added. */
export class EarlierEffects {
  readonly #effects: Map<string, EarlierEffect>;
  readonly sees: Sees;

  constructor(effects: readonly EarlierEffect[], sees: Sees) {
    this.#effects = new Map(effects.map((effect) => [keyName(effect.billingEntityId, effect.key), effect]));
    this.sees = sees;
  }

  of(billingEntityId: string, key: string): EarlierEffect | undefined {
    return this.#effects.get(keyName(billingEntityId, key));
  }

  /** Adds the effect that a command has just had. `balance` is its account's right after it. */
  add(command: Command, effects: Effects, balance: Balance): void {
    const { billingEntityId, idempotency, actor } = command;
    const [first] = effects.entries;
    if (idempotency === null || first === undefined) return;
    const { key, fingerprint } = idempotency;
    const userId = (effects.records[0] ?? effects.reservations[0])?.userId ?? null;
    const effect = { billingEntityId, key, fingerprint, sequence: first.sequence, actor, userId, balance };
    this.#effects.set(keyName(billingEntityId, key), effect);
  }
}

/** Tells the keys of accounts apart. */
export function keyName(billingEntityId: string, key: string): string {
  return `${billingEntityId} ${key}`;
}

/** An earlier effect that is the answer, and how much of it the caller is told. */
export interface Answering {
  readonly effect: EarlierEffect;
  /** true: the caller sees the account, and so its balance now. false: they are told the balance of then. */
  readonly seen: boolean;
}

/**
 * The answer that a command's key already has: asked for before anything else, so that a retry gets the first answer
 * whatever has changed since. null: there is none that the sender may hear of, so the command is decided. A key that was
 * used with other input is rejected.
 */
export function earlierAnswer(
  command: Command,
  account: Account,
  earlier: EarlierEffects,
): Answering | Rejected | null {
  const { idempotency, actor, sender } = command;
  if (idempotency === null) return null;
  const effects: EarlierEffect[] = [];
  for (const id of accountsOfKey(command)) {
    const effect = earlier.of(id, idempotency.key);
    if (effect !== undefined) effects.push(effect);
  }
  if (effects.length === 0) return null;
  const answer = answering(effects, {
    actor,
    entityId: sender?.entityId ?? null,
    sees: (id) => earlier.sees(sender, id),
    hearsOnlyOwn: command.kind === 'transfer' && command.refusal != null,
  });
  if (answer === null) return null;
  const isSame = answer.effect.fingerprint.equals(idempotency.fingerprint) && !contradictsReservation(command, account);
  return isSame ? answer : KEY_REUSED;
}

/**
 * Rejects a command that was decided and is about to take effect, because its own account has the key already. The sender
 * may not hear of that effect, so it was no answer to them; but an account carries a key once, whoever used it.
 */
export function keyTaken({ billingEntityId, idempotency }: Command, earlier: EarlierEffects): Rejected | null {
  if (idempotency === null) return null;
  return earlier.of(billingEntityId, idempotency.key) === undefined ? null : KEY_REUSED;
}

/** The sender of a key, as far as it decides which effects they hear of. */
export interface Caller {
  readonly actor: string;
  /** The billing entity that they are, or act for; null: none. */
  readonly entityId: string | null;
  /** Tells if they may see this account. */
  readonly sees: (billingEntityId: string) => boolean;
  /** true: they may not do what they ask for, so they are told of no effect that others had. */
  readonly hearsOnlyOwn: boolean;
}

/**
 * The effect that answers this caller; null: there is none that they may hear of. They hear of effects that they caused,
 * that were for them, or that are in an account that they see; their own go before others'. `effects` come in the order
 * of the accounts that the command could be charged to.
 */
export function answering(effects: readonly EarlierEffect[], caller: Caller): Answering | null {
  const own = effects.find(({ actor, userId }) => actor === caller.actor || isSame(userId, caller.entityId));
  const visible = (): EarlierEffect | undefined => effects.find(({ billingEntityId }) => caller.sees(billingEntityId));
  const effect = own ?? (caller.hearsOnlyOwn ? undefined : visible());
  return effect === undefined ? null : { effect, seen: caller.sees(effect.billingEntityId) };
}

/** Tells if a settlement names another user, organization, key or feature than its reservation has (rule 16). */
export function contradicts(
  reservation: Reservation,
  { userId, organizationId, apiKeyId, feature }: SettleCommand,
): boolean {
  return (
    (userId !== undefined && userId !== reservation.userId) ||
    (organizationId !== undefined && organizationId !== reservation.organizationId) ||
    (apiKeyId !== undefined && apiKeyId !== reservation.apiKey?.id) ||
    (feature !== undefined && feature !== reservation.feature)
  );
}

/** A settlement's user, organization, key and feature are its reservation's, so they are not in its fingerprint. */
function contradictsReservation(command: Command, account: Account): boolean {
  if (command.kind !== 'settle') return false;
  const reservation = account.reservations.get(command.reservationId);
  return reservation !== undefined && contradicts(reservation, command);
}

const KEY_REUSED = rejected('IDEMPOTENCY_KEY_REUSED', 'this idempotency key was used with other input');

function isSame(userId: string | null, entityId: string | null): boolean {
  return userId !== null && userId === entityId;
}
