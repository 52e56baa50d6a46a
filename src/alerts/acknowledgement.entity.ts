import { defineEntity, p } from '@mikro-orm/core';

/** Acknowledgements, each of one alert and for everybody who reads it. The alerts themselves are the ledger's, and never change. */
export const AlertAcknowledgementRow = defineEntity({
  name: 'AlertAcknowledgement',
  tableName: 'alert_acknowledgement',
  properties: {
    billingEntityId: p.uuid().primary(),
    number: p.bigint().primary(),
    acknowledgedAt: p.datetime(3),
    acknowledgedBy: p.text(),
  },
});
