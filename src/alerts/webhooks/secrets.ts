/** Secrets of endpoints at rest. */
import { v7 as uuidv7 } from 'uuid';
import { type Binding, type KeyRing, seal, unseal } from '../../secrets/envelope.ts';
import type { SealedTable, SecretRef } from '../../secrets/rewrapping.ts';
import { makeWebhookSecret } from './signing.ts';
import { type StoredSecret, WebhookSecretRow } from './webhook.entity.ts';

/** A secret that was just made: what its owner is shown once, and what is kept. */
export interface NewSecret {
  readonly shown: string;
  readonly stored: StoredSecret;
}

export function newSecret(ring: KeyRing, billingEntityId: string, now: Date): NewSecret {
  const ref = { billingEntityId, id: uuidv7() };
  const shown = makeWebhookSecret();
  return { shown, stored: { ...ref, ...seal(ring, bindingOf(ref), shown), createdAt: now, expiresAt: null } };
}

/** @throws UnreadableSecretError */
export function openSecret(ring: KeyRing, secret: StoredSecret): string {
  return unseal(ring, bindingOf(secret), secret);
}

/** The sealed secrets of endpoints, for `keys:rotate`. */
export const SEALED_WEBHOOK_SECRETS: SealedTable = {
  name: 'webhook_secret',
  row: WebhookSecretRow,
  holdsSecret: 'true',
  update: `update webhook_secret set key_encryption_key = $3, wrapped_data_key = $4
    where billing_entity_id = $1 and id = $2 and wrapped_data_key = $5 and ciphertext = $6`,
  binding: bindingOf,
  publicId: ({ billingEntityId }) => webhookSubject(billingEntityId),
  unreadable: 'webhook.secret.unreadable',
};

/** The name of an entity's endpoint, which has no id of its own, in the audit log and in messages. */
export function webhookSubject(billingEntityId: string): string {
  return `webhook:${billingEntityId}`;
}

/** A secret is bound to its endpoint at rest: in another row it does not open. */
function bindingOf({ billingEntityId, id }: SecretRef): Binding {
  return { billingEntityId, id, purpose: 'webhook.secret' };
}
