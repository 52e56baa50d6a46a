import { randomBytes } from 'node:crypto';
import { Stripe } from 'stripe';
import { pageFields, pageOf, range, within } from './lists.ts';
import { clearable, flag, list, mergeMetadata, metadata, required, text } from './parameters.ts';
import { route, type Route } from './router.ts';
import { rowOf } from './sandbox.ts';
import type { WebhookEndpoint } from './wire.ts';

/** Events, to be read again, and the endpoints that are told of them. */
export const eventRoutes: readonly Route[] = [
  route(
    'GET',
    '/v1/events',
    { ...pageFields, created: range, delivery_success: flag, type: text, types: list(required(text)) },
    (sandbox, parameters) => {
      const undelivered = new Set(
        [...sandbox.tables.deliveries.values()].filter((each) => each.state !== 'delivered').map((each) => each.event),
      );
      const { type, types, delivery_success: success } = parameters;
      const rows = [...sandbox.tables.events.values()].filter(
        (each) =>
          within(each.created, parameters.created) &&
          (type === undefined || matches(type, each.type)) &&
          (types === undefined || types.some((one) => matches(one, each.type))) &&
          (success === undefined || undelivered.has(each.id) !== success),
      );
      return pageOf(rows, '/v1/events', parameters);
    },
  ),
  route('GET', '/v1/events/:id', {}, (sandbox, _parameters, [id]) => rowOf(sandbox.tables.events, 'event', id)),
  route('GET', '/v2/core/events/:id', {}, (sandbox, _parameters, [id]) =>
    rowOf(sandbox.tables.thinEvents, 'event', id),
  ),
  route(
    'POST',
    '/v1/webhook_endpoints',
    { description: clearable(text), enabled_events: required(list(required(text))), metadata, url: required(text) },
    (sandbox, parameters) => {
      const secret = `whsec_${randomBytes(24).toString('base64url')}`;
      const endpoint: WebhookEndpoint = {
        id: sandbox.newId('we'),
        object: 'webhook_endpoint',
        api_version: Stripe.API_VERSION,
        application: null,
        created: sandbox.now(),
        description: parameters.description ?? null,
        enabled_events: parameters.enabled_events,
        livemode: false,
        metadata: mergeMetadata({}, parameters.metadata),
        status: 'enabled',
        url: parameters.url,
      };
      sandbox.tables.webhookEndpoints.set(endpoint.id, endpoint);
      const { id, url, enabled_events: events } = endpoint;
      sandbox.tables.endpoints.set(id, { id, url, secret, events, thin: false });
      sandbox.onChange();
      // The secret is told once.
      return { ...endpoint, secret };
    },
  ),
  route('GET', '/v1/webhook_endpoints', pageFields, (sandbox, parameters) =>
    pageOf(sandbox.tables.webhookEndpoints.values(), '/v1/webhook_endpoints', parameters),
  ),
  route('DELETE', '/v1/webhook_endpoints/:id', {}, (sandbox, _parameters, [id]) => {
    rowOf(sandbox.tables.webhookEndpoints, 'webhook endpoint', id);
    sandbox.tables.webhookEndpoints.delete(id);
    sandbox.tables.endpoints.delete(id);
    sandbox.onChange();
    return { id, object: 'webhook_endpoint', deleted: true };
  }),
];

/** `customer.subscription.*` stands for all of them. */
function matches(pattern: string, type: string): boolean {
  return pattern.endsWith('*') ? type.startsWith(pattern.slice(0, -1)) : pattern === type;
}
