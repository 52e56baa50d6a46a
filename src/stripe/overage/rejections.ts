import { z } from 'zod';
import type { Log } from '../../kernel/log.ts';
import type { MeterReports } from '../../subscriptions/meter-reports.ts';
import type { StripeClient } from '../account/client.ts';
import { isBilledApart, rejected, timesRejected } from './report-state.ts';

interface Options {
  readonly stripe: StripeClient;
  readonly reports: Pick<MeterReports, 'byIds' | 'note'>;
  readonly log: Log;
}

/** A report that Stripe rejected. */
interface Rejection {
  readonly id: string;
  /** The number of earlier rejections. */
  readonly times: number;
  readonly reason: string;
}

/**
 * Marks the reports FAILED that an event of Stripe's says it rejected. Stripe checks reports after it has taken them, and
 * rejected reports count for nothing.
 * @throws Refusal PAYMENT_PROVIDER_ERROR, UNAVAILABLE
 */
export async function takeRejections(eventId: string, { stripe, reports, log }: Options): Promise<void> {
  const event = await stripe.call('v2.core.event', (sdk) => sdk.v2.core.events.retrieve(eventId));
  const { rejections, unnamed } = rejectionsIn(event);
  if (unnamed > 0) {
    log.error(
      { event: eventId, unnamed },
      'Stripe rejected more reports than it names: reconciling finds whose sums differ',
    );
  }
  for (let left = rejections; left.length > 0;) {
    const found = await reports.byIds([...new Set(left.map(({ id }) => id))]);
    const again: Rejection[] = [];
    for (const rejection of left) {
      const report = found.find(({ id }) => id === rejection.id);
      // A rejection of an earlier sending, or one that is told twice: the report was sent again, or billed, since.
      const isSettled = report === undefined || report.state === 'BILLED' || isBilledApart(report);
      if (isSettled || timesRejected(report) !== rejection.times) continue;
      log.error({ report: report.id, reason: rejection.reason }, 'a report of overage was rejected after it was taken');
      const error = rejected(rejection.times + 1, rejection.reason);
      const delivery = { state: 'FAILED', attempts: report.attempts, error, sentAt: null } as const;
      if (!(await reports.note(report, delivery))) again.push(rejection);
    }
    left = again;
  }
}

const REJECTION_EVENT = z.object({
  data: z.object({
    reason: z.object({
      error_count: z.number(),
      error_types: z.array(
        z.object({
          code: z.string(),
          sample_errors: z.array(
            z.object({ error_message: z.string(), request: z.object({ identifier: z.string().optional() }) }),
          ),
        }),
      ),
    }),
  }),
});

/**
 * The rejected reports that are ours: others may report to meters of the same account. Where many were rejected, Stripe
 * names only a few; `unnamed` counts the rest.
 */
function rejectionsIn(event: unknown): { readonly rejections: Rejection[]; readonly unnamed: number } {
  const { error_count: count, error_types: types } = REJECTION_EVENT.parse(event).data.reason;
  const samples = types.flatMap(({ code, sample_errors: errors }) => errors.map((each) => ({ code, ...each })));
  const rejections = samples.flatMap(({ code, error_message: message, request }) => {
    const [, id, times] =
      /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\/(\d+))?$/.exec(request.identifier ?? '') ?? [];
    return id === undefined ? [] : [{ id, times: Number(times ?? 0), reason: `${code}: ${message}`.slice(0, 500) }];
  });
  return { rejections, unnamed: Math.max(count - samples.length, 0) };
}
