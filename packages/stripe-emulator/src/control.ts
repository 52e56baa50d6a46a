import type { Exchange } from './api.ts';
import type { Fault, FaultRequest } from './faults.ts';
import type { Behaviour, CardOutcome, Delivery, Endpoint } from './tables.ts';
import type { DeliveryMode, ReleaseOrder } from './webhooks.ts';
import type { Dispute, Refund } from './wire.ts';

/** Answers on a Checkout page: a card, and what the page asks for besides. */
export interface CheckoutAnswers {
  readonly card?: CardOutcome;
  readonly authenticate?: boolean;
  /** As a person types it. */
  readonly promotionCode?: string;
  readonly address?: { readonly country: string; readonly line1?: string; readonly postal_code?: string };
  readonly name?: string;
  readonly taxId?: { readonly type: string; readonly value: string };
}

/** The other side of the emulator: what no application can do at Stripe, and tests and demos must. */
export class EmulatorControl {
  readonly #base: string;

  /** @param url where the emulator listens, without a path */
  constructor(url: string) {
    this.#base = `${url.replace(/\/+$/, '')}/_emulator`;
  }

  /** The emulator's time, in seconds. */
  async now(): Promise<number> {
    return (await this.#call<{ now: number }>('GET', '/clock')).now;
  }

  /**
   * Moves the clock on, and everything that is due until then happens. `frozen` (the default) makes it stand there;
   * otherwise it runs on.
   */
  async moveClock(to: { to: number | Date } | { advanceSeconds: number }, frozen = true): Promise<number> {
    const time = 'to' in to ? { to: to.to instanceof Date ? Math.floor(to.to.getTime() / 1000) : to.to } : to;
    return (await this.#call<{ now: number }>('POST', '/clock', { ...time, frozen })).now;
  }

  /** Sends events to one more address. */
  async addEndpoint(endpoint: { url: string; secret: string; events?: string[]; thin?: boolean }): Promise<Endpoint> {
    return this.#call('POST', '/endpoints', endpoint);
  }

  async removeEndpoint(id: string): Promise<void> {
    await this.#call('DELETE', `/endpoints/${id}`);
  }

  /** Every delivery there was, oldest first. */
  async deliveries(): Promise<Delivery[]> {
    return this.#call('GET', '/deliveries');
  }

  /** Makes deliveries go wrong, or right again with `{ hold: false, copies: 1, drop: [] }`. */
  async deliveryMode(mode: Partial<DeliveryMode>): Promise<DeliveryMode> {
    return this.#call('POST', '/deliveries/mode', mode);
  }

  /** Sends what was held, in an order of one's choice; a list names event ids or types. */
  async releaseDeliveries(order: ReleaseOrder = 'as_created', seed = 1): Promise<void> {
    await this.#call('POST', '/deliveries/release', { order, seed });
  }

  /** Tries failed deliveries again at once. */
  async retryDeliveries(): Promise<void> {
    await this.#call('POST', '/deliveries/retry');
  }

  /** Resolves when all that is not held has arrived, or been given up. */
  async deliveriesSettled(): Promise<void> {
    await this.#call('GET', '/deliveries/settled');
  }

  /** Sends an event again, so many times. */
  async resend(eventId: string, times = 1): Promise<void> {
    await this.#call('POST', '/deliveries/resend', { event: eventId, times });
  }

  /** Makes an event of any type up, with any object. */
  async emit(type: string, object: object): Promise<void> {
    await this.#call('POST', '/events', { type, object });
  }

  /** Makes calls go wrong. */
  async addFault(fault: FaultRequest): Promise<Fault> {
    return this.#call('POST', '/faults', fault);
  }

  async faults(): Promise<Fault[]> {
    return this.#call('GET', '/faults');
  }

  async clearFaults(): Promise<void> {
    await this.#call('DELETE', '/faults');
  }

  /** Lets calls go on that a `hold` fault stopped. */
  async releaseCalls(): Promise<void> {
    await this.#call('POST', '/faults/release');
  }

  /** The number of calls that are held back. */
  async heldCalls(): Promise<number> {
    return (await this.#call<{ held: number }>('GET', '/faults/held')).held;
  }

  /** Changes the account's settings. */
  async behave(behaviour: Partial<Behaviour>): Promise<Behaviour> {
    return this.#call('POST', '/behaviour', behaviour);
  }

  /** Gives the customer, and each of their subscriptions, a card that answers so from now on; null takes all away. */
  async setCard(customer: string, card: CardOutcome | null): Promise<void> {
    await this.#call('POST', `/customers/${customer}/card`, { card });
  }

  /**
   * Pays a Checkout session as its page would, 3-D Secure included unless `authenticate` is false. Where the page asks for an
   * address and none is given, it is one in the US.
   */
  async payCheckout(
    session: string,
    { card = 'accepted', authenticate = true, ...answers }: CheckoutAnswers = {},
  ): Promise<{ outcome: string; redirect: string | null }> {
    return this.#call('POST', `/checkout/${session}`, { card, authenticate, ...answers });
  }

  /** Confirms (or fails) the 3-D Secure that an open invoice waits for. */
  async authenticateInvoice(invoice: string, succeeds = true): Promise<{ outcome: string }> {
    return this.#call('POST', `/invoices/${invoice}/authenticate`, { succeeds });
  }

  /** Gives money back as the dashboard would. */
  async refund(charge: string, amountCents?: number): Promise<Refund> {
    return this.#call('POST', '/refunds', { charge, amountCents });
  }

  /** Makes a refund come back from the bank. */
  async failRefund(refund: string): Promise<Refund> {
    return this.#call('POST', `/refunds/${refund}/fail`);
  }

  async openDispute(charge: string, amountCents?: number): Promise<Dispute> {
    return this.#call('POST', '/disputes', { charge, amountCents });
  }

  async closeDispute(dispute: string, outcome: 'won' | 'lost'): Promise<Dispute> {
    return this.#call('POST', `/disputes/${dispute}`, { outcome });
  }

  /** Rejects a meter event that was accepted: it no longer counts, and thin endpoints are told. */
  async rejectMeterEvent(identifier: string, code = 'meter_event_customer_not_found'): Promise<void> {
    await this.#call('POST', `/meter_events/${encodeURIComponent(identifier)}/reject`, { code });
  }

  /** Calls and answers so far; only where the emulator was started with `recordTraffic`. */
  async traffic(): Promise<Exchange[]> {
    return this.#call('GET', '/traffic');
  }

  async #call<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(this.#base + path, {
      method,
      // No connection is kept: who tests may be busy for longer than a server keeps one, and meet its end when asking.
      headers: { 'content-type': 'application/json', connection: 'close' },
      ...(method !== 'GET' && { body: JSON.stringify(body ?? {}) }),
    });
    const answer = (await response.json()) as T & { error?: string };
    if (!response.ok) throw new Error(`${method} ${path}: ${answer.error ?? response.statusText}`);
    return answer;
  }
}
