import type { Stripe } from 'stripe';

type Phase = Stripe.SubscriptionSchedule.Phase;
type PhaseRequest = Stripe.SubscriptionScheduleUpdateParams.Phase;

/** Properties that Stripe answers with and does not take. */
const ANSWERED_ONLY: ReadonlySet<string> = new Set(['disabled_reason', 'plan']);

/**
 * A phase as Stripe has it, as a request that says the same again. Stripe takes a list of phases whole: what a request does not
 * say is gone. So everything that it answers is said again, also what nobody here has heard of; what it does not take then, it
 * refuses, and nothing is lost.
 */
export function phaseRequestOf(phase: Phase): PhaseRequest {
  return requestOf(phase) as unknown as PhaseRequest;
}

function requestOf(answer: object): Record<string, unknown> {
  const said = Object.entries(answer)
    .filter(([name]) => !ANSWERED_ONLY.has(name))
    .map(([name, value]: [string, unknown]) => [name, valueOf(value)] as const)
    .filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(said);
}

function valueOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map((each: unknown) => valueOf(each));
  if (typeof value !== 'object' || value === null) return value;
  // An object of Stripe's own is named by its id.
  if ('object' in value && 'id' in value) return value.id;
  // A discount that was redeemed is kept; its coupon would begin anew.
  if ('discount' in value && value.discount !== null && 'coupon' in value) return { discount: valueOf(value.discount) };
  const request = requestOf(value);
  return Object.keys(request).length === 0 ? undefined : request;
}
