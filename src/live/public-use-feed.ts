import type { PublicUse, PublicUseOf } from '../ledger/rules/public-use.ts';
import type { Scheduler } from '../kernel/scheduler.ts';
import { AccountFeed, type StateStream } from './account-feed.ts';

/** Use in a public organization, as far as this process has heard of it. */
export interface HeardUse {
  /** Records that were heard of since the first stream was opened. */
  readonly version: bigint;
  /** The newest pieces, newest first. Each says how many records had been heard of with it. */
  readonly newest: readonly (PublicUse & { readonly heard: bigint })[];
}

interface Options {
  readonly of: PublicUseOf;
  readonly scheduler: Scheduler;
  /** Least time between two events of one stream, in milliseconds. */
  readonly intervalMs: number;
  /** Reads the newest use, newest first: what is there when the first stream is opened, and again after messages were lost. */
  readonly load: (of: PublicUseOf) => Promise<readonly PublicUse[]>;
  /** Called when the last stream has ended. */
  readonly onUnused: () => void;
}

/** An event shows 20 records at most, and each piece has one at least. */
const SHOWN = 20;
/** Pieces that are remembered, so that none counts twice: those that failed to be sent are sent again. */
const REMEMBERED = 5_000;

/**
 * What is used in one public organization, by everybody in it. Their accounts are theirs, and nobody could follow them all,
 * so the processes tell each other what they recorded. After messages were lost the newest use is read, and what of it was
 * not heard of counts as new; older use that was lost with it is not counted.
 */
export class PublicUseFeed {
  readonly #options: Options;
  readonly #feed: AccountFeed<HeardUse>;
  readonly #known = new Map<string, PublicUse>();
  #state: HeardUse = { version: 0n, newest: [] };
  #hasBegun = false;
  #mustRead = true;

  constructor(options: Options) {
    this.#options = options;
    const { scheduler, intervalMs, onUnused } = options;
    this.#feed = new AccountFeed<HeardUse>({ scheduler, intervalMs, onUnused, load: () => this.#load() });
  }

  /** Streams that have not ended. */
  get size(): number {
    return this.#feed.size;
  }

  /** Opens a stream: the state as it is, then whenever more was heard of. */
  open(): StateStream<HeardUse> {
    return this.#feed.open(({ version }) => version);
  }

  /** Takes use that may be new. */
  hear(use: PublicUse): void {
    if (this.#known.has(nameOf(use))) return;
    this.#remember(use);
    const heard = this.#state.version + use.records;
    this.#state = { version: heard, newest: [{ ...use, heard }, ...this.#state.newest.slice(0, SHOWN - 1)] };
    this.#feed.offer(this.#state);
  }

  /** Reads what may have been missed. */
  refresh(): Promise<void> {
    this.#mustRead = true;
    return this.#feed.refresh();
  }

  /** Ends all streams. */
  end(): void {
    this.#feed.end();
  }

  async #load(): Promise<HeardUse> {
    if (!this.#mustRead) return this.#state;
    this.#mustRead = false;
    try {
      const newest = await this.#options.load(this.#options.of);
      for (const use of newest.toReversed()) {
        if (!this.#hasBegun) this.#remember(use);
        else if (!this.#isPartOfKnown(use)) this.hear(use);
      }
      this.#hasBegun = true;
    } catch (error) {
      this.#mustRead = true;
      throw error;
    }
    return this.#state;
  }

  /** True for a part of what was heard of. */
  #isPartOfKnown({ billingEntityId, apiKeyId, through }: PublicUse): boolean {
    return this.#known
      .values()
      .some(
        (known) =>
          known.billingEntityId === billingEntityId &&
          known.apiKeyId === apiKeyId &&
          known.after < through &&
          through <= known.through,
      );
  }

  #remember(use: PublicUse): void {
    this.#known.set(nameOf(use), use);
    if (this.#known.size <= REMEMBERED) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}

function nameOf({
  billingEntityId,
  apiKeyId,
  through,
}: Pick<PublicUse, 'billingEntityId' | 'apiKeyId' | 'through'>): string {
  return `${billingEntityId} ${apiKeyId ?? ''} ${through}`;
}
