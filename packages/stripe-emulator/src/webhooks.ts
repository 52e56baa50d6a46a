import { createHmac } from 'node:crypto';
import { present } from './present.ts';
import { rowOf, type Sandbox } from './sandbox.ts';
import type { Delivery, Endpoint } from './tables.ts';
import type { SnapshotEvent, ThinEvent } from './wire.ts';

/** The ways in which deliveries can be made to go wrong. */
export interface DeliveryMode {
  /** True: events are kept back until they are released. */
  hold: boolean;
  /** Every event is sent so many times. */
  copies: number;
  /** Types (`*`: all) that are never sent, as if the network had lost them for good. */
  drop: string[];
}

export interface DeliveryTiming {
  /** Pause before the first retry; each further one is twice as long, up to a minute. */
  readonly retryBaseMs: number;
  readonly mostAttempts: number;
  readonly timeoutMs: number;
}

/** The order in which held deliveries are sent. */
export type ReleaseOrder = 'as_created' | 'reversed' | 'shuffled' | readonly string[];

const LONGEST_PAUSE_MS = 60_000;

/**
 * Brings events to the endpoints. One at a time to each endpoint and in order, unless told otherwise; what fails is tried
 * again later while the rest goes on, so that the order is lost as it is at Stripe.
 */
export class Deliveries {
  readonly mode: DeliveryMode = { hold: false, copies: 1, drop: [] };
  readonly #sandbox: Sandbox;
  readonly #timing: DeliveryTiming;
  readonly #queues = new Map<string, string[]>();
  readonly #busy = new Set<string>();
  readonly #retries = new Map<string, NodeJS.Timeout>();
  #waiters: (() => void)[] = [];
  #stopped = false;

  constructor(sandbox: Sandbox, timing: DeliveryTiming) {
    this.#sandbox = sandbox;
    this.#timing = timing;
  }

  /** Takes an event on its way to everybody who listens to it. */
  take(event: SnapshotEvent | ThinEvent): void {
    const isThin = event.object === 'v2.core.event';
    const listeners = [...this.#sandbox.tables.endpoints.values()].filter(
      (each) => each.thin === isThin && listens(each, event.type),
    );
    if (event.object === 'event') event.pending_webhooks = listeners.length;
    for (const endpoint of listeners) this.#create(endpoint, event, this.mode.copies);
  }

  /** Sends an event again, whatever became of it. */
  resend(eventId: string, times: number): void {
    const { events, thinEvents, endpoints } = this.#sandbox.tables;
    const event = events.get(eventId) ?? rowOf(thinEvents, 'event', eventId);
    const isThin = event.object === 'v2.core.event';
    for (const endpoint of endpoints.values()) {
      if (endpoint.thin === isThin && listens(endpoint, event.type)) this.#create(endpoint, event, times);
    }
  }

  /** Sends what was held. A list names events; what it leaves out stays held. */
  release(order: ReleaseOrder, seed = 1): void {
    const held = [...this.#sandbox.tables.deliveries.values()].filter((each) => each.state === 'held');
    for (const delivery of arranged(held, order, seed)) {
      delivery.state = 'waiting';
      this.#enqueue(delivery);
    }
  }

  /** Tries now what would be tried again later. */
  retryNow(): void {
    for (const [id, timer] of this.#retries) {
      clearTimeout(timer);
      this.#retries.delete(id);
      const delivery = this.#sandbox.tables.deliveries.get(id);
      if (delivery !== undefined) this.#enqueue(delivery);
    }
  }

  /** Goes on with what an earlier process left behind. */
  resume(): void {
    for (const delivery of this.#sandbox.tables.deliveries.values()) {
      if (delivery.state === 'waiting') this.#enqueue(delivery);
    }
  }

  /** Resolves when everything that is not held has arrived, or been given up. */
  async settled(): Promise<void> {
    while (this.#isUnderWay()) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** Sends nothing more. */
  stop(): void {
    this.#stopped = true;
    for (const timer of this.#retries.values()) clearTimeout(timer);
    this.#retries.clear();
    this.#wake();
  }

  #isUnderWay(): boolean {
    if (this.#stopped) return false;
    return [...this.#sandbox.tables.deliveries.values()].some((each) => each.state === 'waiting');
  }

  #create(endpoint: Endpoint, event: SnapshotEvent | ThinEvent, copies: number): void {
    const isDropped = this.mode.drop.some((type) => type === '*' || type === event.type);
    for (let copy = 0; copy < copies; copy += 1) {
      const delivery: Delivery = {
        id: this.#sandbox.newId('dlv'),
        endpoint: endpoint.id,
        event: event.id,
        type: event.type,
        state: isDropped ? 'dropped' : this.mode.hold ? 'held' : 'waiting',
        attempts: 0,
        status: null,
      };
      this.#sandbox.tables.deliveries.set(delivery.id, delivery);
      if (delivery.state === 'waiting') this.#enqueue(delivery);
    }
  }

  #enqueue(delivery: Delivery): void {
    const queue = this.#queues.get(delivery.endpoint) ?? [];
    this.#queues.set(delivery.endpoint, queue);
    queue.push(delivery.id);
    void this.#pump(delivery.endpoint, queue);
  }

  async #pump(endpointId: string, queue: string[]): Promise<void> {
    if (this.#busy.has(endpointId)) return;
    this.#busy.add(endpointId);
    for (let id = queue.shift(); id !== undefined && !this.#stopped; id = queue.shift()) {
      const delivery = this.#sandbox.tables.deliveries.get(id);
      if (delivery?.state === 'waiting') await this.#attempt(delivery);
    }
    this.#busy.delete(endpointId);
    this.#wake();
  }

  async #attempt(delivery: Delivery): Promise<void> {
    const { endpoints, events, thinEvents } = this.#sandbox.tables;
    const endpoint = endpoints.get(delivery.endpoint);
    const event = events.get(delivery.event) ?? thinEvents.get(delivery.event);
    if (endpoint === undefined || event === undefined) {
      delivery.state = 'failed';
      return;
    }
    delivery.attempts += 1;
    delivery.status = await this.#post(endpoint, payloadOf(event));
    if (delivery.status !== null && delivery.status >= 200 && delivery.status < 300) {
      delivery.state = 'delivered';
      if (event.object === 'event') event.pending_webhooks = Math.max(0, event.pending_webhooks - 1);
    } else if (delivery.attempts >= this.#timing.mostAttempts) {
      delivery.state = 'failed';
    } else if (!this.#stopped) {
      const pauseMs = Math.min(this.#timing.retryBaseMs * 2 ** (delivery.attempts - 1), LONGEST_PAUSE_MS);
      const timer = setTimeout(() => {
        this.#retries.delete(delivery.id);
        this.#enqueue(delivery);
      }, pauseMs);
      this.#retries.set(delivery.id, timer);
    }
    this.#sandbox.onChange();
  }

  /** The status of the answer; null without one. */
  async #post(endpoint: Endpoint, payload: string): Promise<number | null> {
    const { behaviour } = this.#sandbox;
    const timestamp = behaviour.signatureTime === 'system' ? this.#sandbox.systemNow() : this.#sandbox.now();
    try {
      const response = await fetch(endpoint.url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json; charset=utf-8',
          connection: 'close',
          'user-agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
          'stripe-signature': signatureOf(payload, { secret: endpoint.secret, timestamp }),
        },
        body: payload,
        redirect: 'manual',
        signal: AbortSignal.timeout(this.#timing.timeoutMs),
      });
      await response.body?.cancel();
      return response.status;
    } catch {
      return null;
    }
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}

/** The `Stripe-Signature` header of a payload. */
function signatureOf(payload: string, { secret, timestamp }: { secret: string; timestamp: number }): string {
  const digest = createHmac('sha256', secret).update(`${timestamp}.${payload}`, 'utf8').digest('hex');
  return `t=${timestamp},v1=${digest}`;
}

/** A snapshot goes out whole; a thin event without its data. */
function payloadOf(event: SnapshotEvent | ThinEvent): string {
  if (event.object === 'event') return JSON.stringify(present(event), null, 2);
  const { data: _data, ...notification } = event;
  return JSON.stringify(notification);
}

function listens(endpoint: Endpoint, type: string): boolean {
  return endpoint.events.some((each) => each === '*' || each === type);
}

function arranged(held: readonly Delivery[], order: ReleaseOrder, seed: number): readonly Delivery[] {
  switch (order) {
    case 'as_created':
      return held;
    case 'reversed':
      return held.toReversed();
    case 'shuffled':
      return shuffled(held, seed);
    default:
      return order.flatMap((id) => held.filter((each) => each.event === id || each.type === id));
  }
}

/** The same seed gives the same order. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  let state = seed;
  const keyed = items.map((item) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return { item, key: state };
  });
  return keyed.toSorted((a, b) => a.key - b.key).map(({ item }) => item);
}
