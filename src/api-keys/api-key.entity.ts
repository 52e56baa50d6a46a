import { defineEntity, p } from '@mikro-orm/core';

export type ApiKeyType = 'PLATFORM' | 'CUSTOM';

/** Keys: PLATFORM ones are bearers of use and stand here as a hash, CUSTOM ones are the customer's own, encrypted. */
export const ApiKeyRow = defineEntity({
  name: 'ApiKey',
  tableName: 'api_key',
  properties: {
    billingEntityId: p.uuid().primary(),
    id: p.uuid().primary(),
    name: p.text(),
    type: p.text().$type<ApiKeyType>(),
    provider: p.text().$type<'OPENAI' | 'ANTHROPIC'>(),
    billingMode: p.text().$type<'FULL' | 'COMPUTE_ONLY'>(),
    hint: p.text(),
    secretHash: p.blob().strictNullable(),
    formerSecretHash: p.blob().strictNullable(),
    formerSecretUntil: p.datetime(3).strictNullable(),
    keyEncryptionKey: p.text().strictNullable(),
    wrappedDataKey: p.blob().strictNullable(),
    ciphertext: p.blob().strictNullable(),
    creditLimit: p.bigint().strictNullable(),
    createdBy: p.text(),
    createdAt: p.datetime(3),
    lastUsedAt: p.datetime(3).strictNullable(),
    expiresAt: p.datetime(3).strictNullable(),
    revokedAt: p.datetime(3).strictNullable(),
  },
  checks: [
    { name: 'api_key_type_known', expression: "type in ('PLATFORM', 'CUSTOM')" },
    { name: 'api_key_billing_mode_known', expression: "billing_mode in ('FULL', 'COMPUTE_ONLY')" },
    { name: 'api_key_platform_is_full', expression: "type = 'CUSTOM' or billing_mode = 'FULL'" },
    { name: 'api_key_platform_is_hashed', expression: "(type = 'PLATFORM') = (secret_hash is not null)" },
    { name: 'api_key_former_pair', expression: '(former_secret_hash is null) = (former_secret_until is null)' },
    {
      name: 'api_key_custom_is_encrypted',
      expression:
        "(type = 'CUSTOM') = (ciphertext is not null) and (ciphertext is null) = (wrapped_data_key is null) and (ciphertext is null) = (key_encryption_key is null)",
    },
    { name: 'api_key_credit_limit_not_negative', expression: 'credit_limit >= 0' },
  ],
});
