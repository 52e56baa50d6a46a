/** Ids and instants as Stripe spells them. */

/** The id of an object that Stripe may have put in the place of its id. */
export function idOf(reference: string | { readonly id: string }): string {
  return typeof reference === 'string' ? reference : reference.id;
}

/** The instant of a time of Stripe's, which counts in seconds. */
export function instantOf(seconds: number): Date {
  return new Date(seconds * 1_000);
}

/** The day (UTC) of an instant, for people: 2027-01-31. */
export function dayOf(instant: Date): string {
  return instant.toISOString().slice(0, 10);
}

/** Whole seconds, as Stripe counts: an instant belongs to the second in which it lies. */
export function secondsOf(instant: Date): number {
  return Math.floor(instant.getTime() / 1_000);
}
