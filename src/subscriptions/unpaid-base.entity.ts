import { defineEntity, p } from '@mikro-orm/core';

/** Base credits whose period nobody paid: they are taken back, and given again when somebody does (rule 25). */
export const UnpaidBaseRow = defineEntity({
  name: 'UnpaidBase',
  tableName: 'unpaid_base',
  properties: {
    billingEntityId: p.uuid().primary(),
    grantId: p.uuid().primary(),
  },
});
