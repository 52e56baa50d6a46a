/** Streams of use as it is recorded, shared by all who watch the same. */
import { type Scheduler, systemScheduler } from '../kernel/scheduler.ts';
import type { AccountUse, News, PublicUse } from './recorded-since.ts';
import { type AccountPlace, placesOfCursor, type PublicPlace, type UsagePlace, type Watched } from './usage-cursor.ts';
import { type Part, UsageHub, type UsageStream } from './usage-hub.ts';

/** Where a stream begins. */
export interface From {
  /** The cursor of the last event that its watcher has; null: now. @see placesOfCursor */
  readonly after: string | null;
  /** true: the first event comes at once, though there may be nothing in it but its cursor. */
  readonly atOnce: boolean;
}

/** The streams that say when there may be something to read. They begin by saying so. */
export interface Sources {
  /** The newest state of an account: the first is read after the call. */
  readonly changes: (billingEntityId: string) => AsyncIterableIterator<{ readonly sequence: bigint }, undefined>;
  readonly publicUse: (organizationId: string) => AsyncIterableIterator<unknown, undefined>;
}

/** Reads what was recorded. */
export interface UsageReader {
  readonly inAccount: (use: AccountUse, place: AccountPlace) => Promise<News<AccountPlace>>;
  readonly publicNow: (use: PublicUse) => Promise<PublicPlace>;
  readonly inPublic: (use: PublicUse, place: PublicPlace) => Promise<News<PublicPlace>>;
}

export class UsageStreams {
  readonly #sources: Sources;
  readonly #reader: UsageReader;
  readonly #scheduler: Scheduler;
  readonly #hubs = new Map<string, UsageHub>();

  constructor(sources: Sources, reader: UsageReader, scheduler: Scheduler = systemScheduler) {
    this.#sources = sources;
    this.#reader = reader;
    this.#scheduler = scheduler;
  }

  /** Streams that are open. */
  get open(): number {
    return this.#hubs.values().reduce((sum, { size }) => sum + size, 0);
  }

  /** Sources that open streams follow together. */
  get followed(): number {
    return this.#hubs.values().reduce((sum, { followed }) => sum + followed, 0);
  }

  /**
   * Begins where it is told to. Counts from the call on, so end it (`return()`) in any case.
   * @throws Refusal BAD_USER_INPUT for what is no cursor of this entity's live use
   */
  watch(watched: Watched, { after, atOnce }: From): UsageStream {
    const kinds = kindsOf(watched);
    const places = after === null ? null : placesOfCursor(after, watched, kinds);
    const name = `${watched.billingEntityId} ${JSON.stringify(watched.own)}`;
    let hub = this.#hubs.get(name);
    if (hub === undefined) {
      hub = new UsageHub(watched, {
        parts: partsOf(watched, this.#sources, this.#reader),
        scheduler: this.#scheduler,
        onUnused: () => {
          if (this.#hubs.get(name) === hub) this.#hubs.delete(name);
        },
      });
      this.#hubs.set(name, hub);
    }
    // A cursor of other use says nothing about this, so what was missed is not known.
    return hub.open({ places, atOnce, hasGap: after !== null && places === null });
  }
}

function kindsOf({ type, own }: Watched): UsagePlace['kind'][] {
  if (type === 'USER') return ['account'];
  return ['account', own !== null && 'userId' in own ? 'account' : 'public'];
}

/**
 * What is used in a PUBLIC organization lies in its people's accounts, so an organization is watched in two places: its own account,
 * and what is used in it. Somebody who reads only their own use paid for it themselves, in their own account.
 */
function partsOf(watched: Watched, sources: Sources, reader: UsageReader): Part[] {
  const { billingEntityId: id, type, own } = watched;
  const inAccount = (use: AccountUse): Part => ({
    hints: () => sources.changes(use.billingEntityId),
    now: () => placeNow(sources.changes(use.billingEntityId)),
    since: (place) => reader.inAccount(use, place as AccountPlace),
  });
  const itself = inAccount({ billingEntityId: id, own, organizationId: null });
  if (type === 'USER') return [itself];
  if (own !== null && 'userId' in own) {
    return [itself, inAccount({ billingEntityId: own.userId, own: null, organizationId: id })];
  }
  const use: PublicUse = { organizationId: id, apiKeyId: own?.apiKeyId ?? null };
  const others: Part = {
    hints: () => sources.publicUse(id),
    now: () => reader.publicNow(use),
    since: (place) => reader.inPublic(use, place as PublicPlace),
  };
  return [itself, others];
}

/**
 * The place after everything in an account: the ledger's last entry, as its watchers are shown it. So whoever has been shown the
 * balance after they began to watch its use is told of all that comes then.
 */
async function placeNow(
  changes: AsyncIterableIterator<{ readonly sequence: bigint }, undefined>,
): Promise<AccountPlace> {
  try {
    const { value } = await changes.next();
    return { kind: 'account', sequence: value?.sequence ?? 0n };
  } finally {
    await changes.return?.();
  }
}
