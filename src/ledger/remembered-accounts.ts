/**
 * Accounts as this process left them, with what else belongs to their payers and decides what may be charged: so that use of an
 * account that is known is decided without asking. What is remembered is never the answer by itself: it is written only where
 * the account still has the stamp that it was remembered with.
 */
import { BoundedCache } from '../kernel/bounded-cache.ts';
import { type Account, accountTime, nextEventAt } from './rules/account.ts';
import type { Command, ConsumeCommand, ReserveCommand } from './rules/commands.ts';
import { byDrawdownOrder, isOpen } from './rules/grants.ts';
import { type ModelNames, personDayName } from './rules/model-names.ts';
import type { CounterChange } from './rules/spend-limits.ts';
import { nameOfUse, type UsageContexts } from './store/usage-context.ts';

/** An account with what is known beside it. */
export interface Remembered {
  account: Account;
  stamp: string;
  /** Memberships, keys and counters of the payer, and parties, as far as uses asked for them. */
  readonly context: UsageContexts;
  /** Names of the uses whose context is known. */
  readonly uses: Set<string>;
  readonly models: ModelNames;
  /** Days of people whose models are known. */
  readonly days: Set<string>;
}

/** An account as a transaction under the lock leaves it, and what that found out beside it. */
export interface Left {
  readonly account: Account;
  /** null: nothing was written since there are stamps, so nothing can be remembered. */
  readonly stamp: string | null;
  /** The stamp that the transaction found. What was remembered with another is out of date. */
  readonly found: string | null;
  readonly commands: readonly Command[];
  readonly context: UsageContexts;
  readonly counters: readonly CounterChange[];
  readonly models: ModelNames;
  readonly wallClock: Date;
}

/** About what an account, a grant and a use take in memory. */
const ACCOUNT_BYTES = 3_000;
const GRANT_BYTES = 700;
const USE_BYTES = 1_000;
const CHANGED_BYTES = 512 * 1024;
/** Most uses, and days, that are known of one account: then it begins anew. */
const MOST_USES = 1_000;
/** An account that somebody else writes, too, is not remembered for so many batches, at most. */
const LONGEST_ABSENCE = 64;

type Use = ConsumeCommand | ReserveCommand;

export class RememberedAccounts {
  readonly #accounts: BoundedCache<Remembered>;
  /** Accounts that had changed: how many of their batches are not tried, and how many are left of those. */
  readonly #changed = new BoundedCache<{ absence: number; left: number }>({ bytes: CHANGED_BYTES });

  constructor({ maxBytes }: { readonly maxBytes: number }) {
    this.#accounts = new BoundedCache({
      bytes: maxBytes,
      sizeOf: ({ account, uses, days }) =>
        ACCOUNT_BYTES + account.grants.length * GRANT_BYTES + (uses.size + days.size) * USE_BYTES,
    });
  }

  /**
   * The account, if all that deciding these commands needs is known; null: they have to be decided under the lock. Only new
   * use is ever decided on what is remembered.
   */
  knowing(billingEntityId: string, commands: readonly Command[], wallClock: Date): Remembered | null {
    const known = this.#accounts.get(billingEntityId);
    if (known === undefined) return null;
    const time = accountTime(known.account, wallClock);
    const next = nextEventAt(known.account);
    if ((next !== null && next <= time) || known.account.period.end <= time) return null;
    if (!commands.every((command) => isNewUse(command) && isKnown(command, known, time))) return null;
    const changed = this.#changed.get(billingEntityId);
    if (changed !== undefined && changed.left > 0) {
      changed.left -= 1;
      return null;
    }
    return known;
  }

  /** Notes how a transaction under the lock left an account. */
  learn(left: Left): void {
    const { stamp, found, commands, context, counters, wallClock } = left;
    const { billingEntityId } = left.account;
    if (stamp === null) return this.forget(billingEntityId);
    const uses = commands.filter(isNewUse);
    const models = left.models.ofAccount(billingEntityId);
    const account = asLoaded(left.account);
    const earlier = this.#accounts.get(billingEntityId);
    let known: Remembered;
    if (earlier?.stamp === found && earlier.uses.size + earlier.days.size < MOST_USES) {
      known = Object.assign(earlier, { account, stamp });
      known.context.count(counters.filter((each) => each.billingEntityId === billingEntityId));
      known.context.add(context.about(uses));
      known.models.learn(models);
    } else {
      known = { account, stamp, context: context.about(uses), uses: new Set(), models, days: new Set() };
    }
    const time = accountTime(account, wallClock);
    for (const use of uses) {
      known.uses.add(nameOfUse(use));
      if (namesModel(use)) known.days.add(dayOf(use, time));
    }
    this.#accounts.set(billingEntityId, known);
  }

  /** Notes how a batch leaves the account that was decided on what was remembered; its row will have this stamp. */
  expect(known: Remembered, account: Account, stamp: string): void {
    known.account = asLoaded(account);
    known.stamp = stamp;
  }

  /** The account was as it was remembered. */
  held(billingEntityId: string): void {
    const changed = this.#changed.get(billingEntityId);
    if (changed === undefined) return;
    changed.absence >>= 1;
    if (changed.absence === 0) this.#changed.delete(billingEntityId);
  }

  /** The account had changed meanwhile. One that does so again and again is left alone for a while. */
  hadChanged(billingEntityId: string): void {
    const absence = Math.min((this.#changed.get(billingEntityId)?.absence ?? 0) * 2 || 1, LONGEST_ABSENCE);
    this.#changed.set(billingEntityId, { absence, left: absence });
    this.forget(billingEntityId);
  }

  forget(billingEntityId: string): void {
    this.#accounts.delete(billingEntityId);
  }
}

function isNewUse(command: Command): command is Use {
  return command.kind === 'consume' || command.kind === 'reserve';
}

/** Use whose answer hangs on nobody but the payer and, as far as they are not suspended, the user: others may change at any moment. */
function isKnown(use: Use, known: Remembered, time: Date): boolean {
  const { billingEntityId, userId, organizationId, apiKey } = use;
  if (use.refusal != null || use.audited === true) return false;
  if (organizationId !== null && organizationId !== billingEntityId) return false;
  if (apiKey !== null && apiKey.billingEntityId !== billingEntityId) return false;
  if (!known.uses.has(nameOfUse(use))) return false;
  if (userId !== null && userId !== billingEntityId && !known.context.isFree(userId)) return false;
  return !namesModel(use) || known.days.has(dayOf(use, time));
}

function namesModel({ kind, lines }: Use): boolean {
  return kind === 'consume' && lines.some(({ model }) => model != null);
}

function dayOf(use: Use, time: Date): string {
  const occurredAt = use.kind === 'consume' ? use.occurredAt : null;
  return personDayName({ ...use, at: occurredAt ?? time });
}

/** The account as it would be loaded: without what only the commands of its transaction asked about. */
function asLoaded(account: Account): Account {
  const grants = account.grants.filter(isOpen);
  return {
    ...account,
    grants: grants.length > 1 ? grants.sort(byDrawdownOrder) : grants,
    reservations: new Map(),
    otherReservationsEndAt: account.nextReservationAt,
  };
}
