import type { StripeClient } from '../account/client.ts';

/**
 * The credits that the meter has counted for a customer.
 * @param window.from in seconds, a whole minute: the meter tells sums by the minute at the finest. `to` likewise
 */
export async function countedBy(
  stripe: StripeClient,
  { meter, customer, from, to }: { meter: string; customer: string; from: number; to: number },
): Promise<bigint> {
  const summaries = await stripe.list('billing.meter_event_summary', (sdk, page) =>
    sdk.billing.meters.listEventSummaries(meter, { customer, start_time: from, end_time: to, ...page }),
  );
  return BigInt(summaries.reduce((sum, each) => sum + each.aggregated_value, 0));
}
