/** The descriptions of the tables of alerts. See `tables.entity.ts`. */
import { defineEntity, p } from '@mikro-orm/core';
import type { AlertChannel, AlertType } from '../rules/alert-preferences.ts';
import type { AlertPreferenceJson } from './tables.entity.ts';

export const AlertRow = defineEntity({
  name: 'Alert',
  tableName: 'alert',
  properties: {
    billingEntityId: p.uuid().primary(),
    number: p.bigint().primary(),
    type: p.text().$type<AlertType>(),
    perMille: p.smallint().strictNullable(),
    remaining: p.bigint().strictNullable(),
    crossing: p.text(),
    used: p.bigint(),
    allowance: p.bigint(),
    available: p.bigint(),
    memberId: p.uuid().strictNullable(),
    memberLimit: p.bigint().strictNullable(),
    memberUsed: p.bigint().strictNullable(),
    invoiceId: p.text().strictNullable(),
    isRefusal: p.boolean(),
    channels: p.type('text[]').columnType('text[]').$type<AlertChannel[]>(),
    sequence: p.bigint(),
    periodStart: p.datetime(3),
    createdAt: p.datetime(3),
    checksum: p.blob(),
  },
  indexes: [
    {
      name: 'alert_crossing',
      expression: 'create unique index alert_crossing on alert (billing_entity_id, crossing)',
    },
    {
      name: 'alert_of_member',
      expression:
        'create index alert_of_member on alert (billing_entity_id, member_id, number) where member_id is not null',
    },
  ],
  checks: [
    { name: 'alert_number_positive', expression: 'number > 0' },
    {
      name: 'alert_amounts_not_negative',
      expression: 'used >= 0 and allowance >= 0 and available >= 0 and sequence >= 0',
    },
    { name: 'alert_level_in_range', expression: 'per_mille >= 1 and per_mille <= 1000' },
    { name: 'alert_remaining_positive', expression: 'remaining > 0' },
    { name: 'alert_has_a_channel', expression: 'cardinality(channels) > 0' },
    {
      name: 'alert_threshold_of_its_type',
      expression: `case type when 'WARNING' then num_nonnulls(per_mille, remaining) = 1
          when 'CRITICAL' then num_nonnulls(per_mille, remaining) = 1
          when 'MEMBER_LIMIT' then per_mille is not null and remaining is null
          else num_nonnulls(per_mille, remaining) = 0 end`,
    },
    {
      name: 'alert_member_of_its_type',
      expression: `num_nonnulls(member_id, member_limit, member_used) = case type when 'MEMBER_LIMIT' then 3 else 0 end`,
    },
    { name: 'alert_invoice_of_its_type', expression: `(invoice_id is not null) = (type = 'PAYMENT_FAILED')` },
  ],
});

/** Alerts of which nobody has been told yet. Whoever tells of one takes its row away. */
export const UndeliveredAlertRow = defineEntity({
  name: 'UndeliveredAlert',
  tableName: 'undelivered_alert',
  properties: {
    billingEntityId: p.uuid().primary(),
    number: p.bigint().primary(),
    createdAt: p.datetime(3),
  },
});

export const AlertPreferenceChangeRow = defineEntity({
  name: 'AlertPreferenceChange',
  tableName: 'alert_preference_change',
  properties: {
    billingEntityId: p.uuid().primary(),
    number: p.bigint().primary(),
    preferences: p.json().$type<readonly AlertPreferenceJson[]>(),
    sequence: p.bigint(),
    alertsBefore: p.bigint(),
    actor: p.text(),
    createdAt: p.datetime(3),
    checksum: p.blob(),
  },
  checks: [
    {
      name: 'alert_preference_change_place',
      expression: 'number > 0 and sequence >= 0 and alerts_before >= 0',
    },
  ],
});
