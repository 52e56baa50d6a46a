import { defineEntity, p } from '@mikro-orm/core';

/** Base credits whose period nobody has paid for. They are clawed back, and reinstated when somebody pays (rule 25). */
export const UnpaidBaseRow = defineEntity({
  name: 'UnpaidBase',
  tableName: 'unpaid_base',
  properties: {
    billingEntityId: p.uuid().primary(),
    grantId: p.uuid().primary(),
  },
});
