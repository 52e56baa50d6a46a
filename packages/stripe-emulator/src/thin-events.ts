import type { Sandbox } from './sandbox.ts';
import type { Meter, ThinEvent } from './wire.ts';

/** Tells thin endpoints that meter events were rejected after they had been answered 200; null: no meter counts them. */
export function reportMeterError(
  sandbox: Sandbox,
  meter: Meter | null,
  { code, identifiers }: { code: string; identifiers: readonly string[] },
): void {
  const created = new Date(sandbox.now() * 1000).toISOString();
  const event: ThinEvent = {
    id: sandbox.newId('evt_test_65', 30),
    object: 'v2.core.event',
    created,
    livemode: false,
    ...(meter === null
      ? { type: 'v1.billing.meter.no_meter_found' }
      : {
          type: 'v1.billing.meter.error_report_triggered',
          related_object: { id: meter.id, type: 'billing.meter', url: `/v1/billing/meters/${meter.id}` },
        }),
    data: {
      developer_message_summary: `There are ${identifiers.length} invalid events`,
      reason: {
        error_count: identifiers.length,
        error_types: [
          {
            code,
            error_count: identifiers.length,
            sample_errors: identifiers.slice(0, 10).map((identifier) => ({
              error_message: `Event ${identifier} was rejected: ${code}`,
              request: { identifier },
            })),
          },
        ],
      },
      validation_start: created,
      validation_end: created,
    },
  };
  sandbox.tables.thinEvents.set(event.id, event);
  sandbox.onThinEvent(event);
  sandbox.onChange();
}
