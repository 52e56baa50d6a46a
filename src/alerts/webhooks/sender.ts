/**
 * Sends what is due. Rows are the queue: any process makes any attempt, one at a time of an endpoint, so that a receiver that
 * is slow keeps its own deliveries waiting and nobody else's. The general queue of jobs would not do: it has four places,
 * which Stripe needs, and a time of its own.
 */
import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import { webhookDeliveryId } from '../../kernel/public-ids.ts';
import type { Scheduler } from '../../kernel/scheduler.ts';
import type { Attempt, WebhookAttempts } from './attempts.ts';
import type { Post } from './post.ts';
import type { AttemptResult } from './schedule.ts';
import { signatureHeaders } from './signing.ts';

interface Options {
  readonly attempts: WebhookAttempts;
  readonly post: Post;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly log: Log;
  /** Endpoints that are sent to at one time, of each of both kinds. */
  readonly places?: number;
}

/** Endpoints that do well, and endpoints whose last attempt failed or was slow: the second take no place from the first. */
const PLACES = 32;
/** Attempts that are under way when the process stops may take so long. Others make them again, from the claim's end on. */
const STOP_MS = 5_000;

interface Serving {
  readonly lagging: boolean;
  readonly done: Promise<void>;
}

export class WebhookSender {
  readonly #options: Options;
  readonly #places: number;
  /** Entities that this process is sending something to. */
  readonly #serving = new Map<string, Serving>();
  readonly #stopped = new AbortController();
  #isStarted = false;
  #isStopping = false;
  #lookAgain = false;
  #looking: Promise<void> | null = null;

  constructor(options: Options) {
    this.#options = options;
    this.#places = options.places ?? PLACES;
  }

  /** Begins to send. */
  start(): void {
    this.#isStarted = true;
    this.wake();
  }

  /** Sends what is due, unless it was not started. It does not wait for it, because the caller has other work. */
  wake(): void {
    if (!this.#isStarted) return;
    this.#look().catch((error: unknown) => {
      this.#options.log.warn({ err: error }, 'webhooks that are due could not be found; they are looked for again');
    });
  }

  /** Sends everything that is due, and waits until nothing is. */
  async run(): Promise<void> {
    await this.#look();
    while (this.#serving.size > 0) await Promise.all([...this.#serving.values()].map(({ done }) => done));
  }

  /** Begins nothing new, and waits a little for what is under way. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#looking?.catch(() => undefined);
    const breakOff = this.#options.scheduler.after(STOP_MS, () => this.#stopped.abort(new Error('the process stops')));
    await Promise.all([...this.#serving.values()].map(({ done }) => done));
    breakOff();
  }

  /** Fills free places. Whoever asks while it is being done has it done once more. */
  #look(): Promise<void> {
    this.#lookAgain = true;
    return (this.#looking ??= this.#fillPlaces().finally(() => (this.#looking = null)));
  }

  async #fillPlaces(): Promise<void> {
    while (this.#lookAgain && !this.#isStopping) {
      this.#lookAgain = false;
      for (const lagging of [false, true]) {
        const taken = [...this.#serving.values()].filter((each) => each.lagging === lagging).length;
        const limit = this.#places - taken;
        if (limit <= 0) continue;
        const due = await this.#options.attempts.due({ lagging, except: [...this.#serving.keys()], limit });
        if (this.#isStopping) return;
        for (const billingEntityId of due) this.#serve(billingEntityId, lagging);
      }
    }
  }

  /** One delivery of an entity; the next one waits until others had their turn. */
  #serve(billingEntityId: string, lagging: boolean): void {
    const { log } = this.#options;
    const done = this.#sendNext(billingEntityId).then(
      () => {
        this.#serving.delete(billingEntityId);
        return this.#look();
      },
      (error: unknown) => {
        this.#serving.delete(billingEntityId);
        if (!this.#stopped.signal.aborted) log.warn({ err: error, billingEntityId }, 'a webhook could not be sent now');
      },
    );
    this.#serving.set(billingEntityId, { lagging, done: done.catch(() => undefined) });
  }

  async #sendNext(billingEntityId: string): Promise<void> {
    const { attempts, scheduler } = this.#options;
    const attempt = await attempts.claim(billingEntityId);
    if (attempt === null) return;
    const startedAtMs = scheduler.nowMs();
    const result = await this.#send(attempt);
    await attempts.record(attempt, { result, durationMs: scheduler.nowMs() - startedAtMs });
  }

  async #send(attempt: Attempt): Promise<AttemptResult> {
    const { post, clock } = this.#options;
    const { billingEntityId, id, url, body, secrets } = attempt;
    if (url === null) return { kind: 'failed', error: 'the endpoint was removed or disabled' };
    if (secrets.length === 0) return { kind: 'failed', error: 'the secret cannot be opened: rotate it' };
    const message = { id: webhookDeliveryId(billingEntityId, id), at: clock.now(), body };
    const headers = {
      ...{ 'content-type': 'application/json', 'user-agent': 'Tollgate-Webhooks/1', accept: '*/*' },
      ...signatureHeaders(message, secrets),
    };
    return post({ url: new URL(url), headers, body }, this.#stopped.signal);
  }
}
