import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { BillingMode } from '../ledger/rules/attribution.ts';

export type ApiKeyType = 'PLATFORM' | 'CUSTOM';
export type ApiKeyProvider = 'OPENAI' | 'ANTHROPIC';

/**
 * Keys: PLATFORM ones are bearers of use and stand here as a hash, CUSTOM ones are the customer's own, encrypted. What belongs
 * to a secret is `lazy`: only those who name it read it.
 */
export const ApiKeyRow = defineEntity({
  name: 'ApiKey',
  tableName: 'api_key',
  properties: {
    billingEntityId: p.uuid().primary(),
    id: p.uuid().primary(),
    name: p.text(),
    type: p.text().$type<ApiKeyType>(),
    provider: p.text().$type<ApiKeyProvider>(),
    billingMode: p.text().$type<BillingMode>(),
    hint: p.text(),
    secretHash: p.blob().$type<Buffer | null>().strictNullable().lazy(),
    formerSecretHash: p.blob().$type<Buffer | null>().strictNullable().lazy(),
    formerSecretUntil: p.datetime(3).strictNullable().lazy(),
    keyEncryptionKey: p.text().strictNullable().lazy(),
    wrappedDataKey: p.blob().$type<Buffer | null>().strictNullable().lazy(),
    ciphertext: p.blob().$type<Buffer | null>().strictNullable().lazy(),
    /** Most credits a period of each payer; null: no limit. */
    creditLimit: p.bigint().strictNullable(),
    /** Its maker, as the ledger names them. */
    createdBy: p.text(),
    createdAt: p.datetime(3),
    /** To a few minutes. */
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

export type StoredApiKey = InferEntity<typeof ApiKeyRow>;

/** The columns that belong to a key's secret. */
export const SECRET_COLUMNS = [
  'secretHash',
  'formerSecretHash',
  'formerSecretUntil',
  'keyEncryptionKey',
  'wrappedDataKey',
  'ciphertext',
] as const satisfies readonly (keyof StoredApiKey)[];

/** A key without anything that belongs to its secret. */
export type ShownApiKey = Omit<StoredApiKey, (typeof SECRET_COLUMNS)[number]>;
