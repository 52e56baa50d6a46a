import type { StripeEvent } from './inbox.ts';

/** What is done when Stripe tells of something. Handlers run inside jobs: what throws is tried again, and must bear it. */
export type EventHandler = (event: StripeEvent) => Promise<void>;

/**
 * Who wants to know of which events. An event that nobody wants to know of is handled by that: Stripe invents new types,
 * and none of them may stop the queue.
 */
export class StripeEvents {
  readonly #byType = new Map<string, EventHandler[]>();
  readonly #ofCustomers: ((customerId: string) => Promise<void>)[] = [];

  /** Calls `handler` for events of this very type, thin or not. */
  on(type: string, handler: EventHandler): void {
    this.#byType.set(type, [...(this.#byType.get(type) ?? []), handler]);
  }

  /** Calls `handler` when something happened to a customer, once for all events that are there by then. */
  onCustomer(handler: (customerId: string) => Promise<void>): void {
    this.#ofCustomers.push(handler);
  }

  /** Before `handle` of its events. */
  async handleCustomer(customerId: string): Promise<void> {
    for (const handler of this.#ofCustomers) await handler(customerId);
  }

  async handle(event: StripeEvent): Promise<void> {
    for (const handler of this.#byType.get(event.type) ?? []) await handler(event);
  }
}
