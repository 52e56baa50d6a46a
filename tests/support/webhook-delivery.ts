import type { Ask } from './organizations.ts';

/**
 * Sets an endpoint where nobody listens, so that what is sent fails and is tried again, and queues a test; gives the
 * delivery's id.
 */
export async function queueDelivery(ask: Ask, token: string, billingEntityId: string, path = ''): Promise<string> {
  const set = 'mutation ($input: SetWebhookEndpointInput!) { setWebhookEndpoint(input: $input) { secret } }';
  await ask(token, set, { input: { billingEntityId, url: `http://127.0.0.1:9/${path}` } });
  const test = 'mutation ($input: BillingEntityInput!) { testWebhook(input: $input) { id } }';
  return (await ask<{ id: string }>(token, test, { input: { billingEntityId } })).id;
}
