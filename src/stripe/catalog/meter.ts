import type { Stripe } from 'stripe';
import type { Surveying } from './differences.ts';
import { OVERAGE_METER } from './offers.ts';

const METER_NAME = 'Overage credits';

/**
 * The meter that sums overage by customer. Stripe cannot change how a meter counts, and a replaced meter leaves its
 * unbilled use behind: a meter that counts otherwise is left to people.
 * @returns its id; null: it is missing, and was left so
 */
export async function surveyMeter({ stripe, differences }: Surveying): Promise<string | null> {
  const meters = await stripe.list('billing.meter', (sdk, page) => sdk.billing.meters.list(page));
  const ours = meters.filter((each) => each.event_name === OVERAGE_METER);
  const meter = ours.find(({ status }) => status === 'active') ?? ours.at(-1);
  if (meter === undefined) {
    const made = await differences.mend(
      { differs: `meter ${OVERAGE_METER} is missing`, mended: `created meter ${OVERAGE_METER}` },
      () =>
        stripe.call('billing.meter', (sdk) =>
          sdk.billing.meters.create({
            display_name: METER_NAME,
            event_name: OVERAGE_METER,
            default_aggregation: { formula: 'sum' },
            customer_mapping: { type: 'by_id', event_payload_key: 'stripe_customer_id' },
            value_settings: { event_payload_key: 'value' },
          }),
        ),
    );
    return made?.id ?? null;
  }
  if (!countsOverage(meter)) {
    differences.add(
      `meter ${OVERAGE_METER} (${meter.id}) does not sum \`value\` by \`stripe_customer_id\`: only you can decide when to deactivate it`,
    );
  }
  if (meter.status !== 'active') {
    await differences.mend(
      {
        differs: `meter ${OVERAGE_METER} (${meter.id}) is ${meter.status}`,
        mended: `reactivated meter ${OVERAGE_METER} (${meter.id})`,
      },
      () => stripe.call('billing.meter', (sdk) => sdk.billing.meters.reactivate(meter.id)),
    );
  }
  if (meter.display_name !== METER_NAME) {
    await differences.mend(
      {
        differs: `meter ${OVERAGE_METER} is called «${meter.display_name}», not «${METER_NAME}»`,
        mended: `called meter ${OVERAGE_METER} «${METER_NAME}»`,
      },
      () => stripe.call('billing.meter', (sdk) => sdk.billing.meters.update(meter.id, { display_name: METER_NAME })),
    );
  }
  return meter.id;
}

function countsOverage({
  default_aggregation: aggregation,
  customer_mapping: mapping,
  value_settings: value,
}: Stripe.Billing.Meter): boolean {
  return (
    aggregation.formula === 'sum' &&
    mapping.event_payload_key === 'stripe_customer_id' &&
    value.event_payload_key === 'value'
  );
}
