import type { StripeEvent } from './stripe-event.entity.ts';

/** Handles an event inside a job. A handler that throws is tried again, so it must bear repetition. */
export type EventHandler = (event: StripeEvent) => Promise<void>;

/**
 * The subscribers to events. An event without a subscriber counts as handled: Stripe invents new types, and none of them
 * may stop the queue.
 */
export class StripeEvents {
  readonly #byType = new Map<string, EventHandler[]>();
  readonly #ofCustomers: ((customerId: string) => Promise<void>)[] = [];

  /** Subscribes to events of exactly this type, thin or not. */
  on(type: string, handler: EventHandler): void {
    this.#byType.set(type, [...(this.#byType.get(type) ?? []), handler]);
  }

  /** Subscribes to customers to whom something happened: one call for all events that are there by then. */
  onCustomer(handler: (customerId: string) => Promise<void>): void {
    this.#ofCustomers.push(handler);
  }

  /** Callers run it before `handle` of the customer's events. */
  async handleCustomer(customerId: string): Promise<void> {
    for (const handler of this.#ofCustomers) await handler(customerId);
  }

  async handle(event: StripeEvent): Promise<void> {
    for (const handler of this.#byType.get(event.type) ?? []) await handler(event);
  }
}
