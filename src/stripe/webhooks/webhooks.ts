/** Checks that a delivery was sent by Stripe. */
import { Stripe } from 'stripe';
import type { Clock } from '../../kernel/clock.ts';
import type { StripeClient } from '../account/client.ts';
import type { StripeEvent } from './stripe-event.entity.ts';

/** The greatest difference between the time of a signature and ours, in either direction. */
const TOLERANCE_S = 300;

/** A delivery is turned away. The message is for the person who set the endpoint up. */
export class WebhookRejection extends Error {
  override readonly name = 'WebhookRejection';
}

/** The kind of delivery that a route takes: events of v1, or thin events of v2. */
export type WebhookKind = 'snapshot' | 'thin';

export class WebhookVerifier {
  readonly #signatures: StripeClient['signatures'];
  readonly #secrets: readonly string[];
  readonly #clock: Clock;

  /** @param options.secrets any of them may have signed: each endpoint has its own, and a secret may be in replacement */
  constructor(options: { stripe: StripeClient; secrets: readonly string[]; clock: Clock }) {
    this.#signatures = options.stripe.signatures;
    this.#secrets = options.secrets;
    this.#clock = options.clock;
  }

  /**
   * The event in a body. The body must be the very bytes that arrived: the same JSON written anew has another signature.
   * @throws WebhookRejection when it is not signed by one of our secrets at about this time, or is of the other kind
   */
  verify(kind: WebhookKind, body: Buffer, signature: string | undefined): StripeEvent {
    if (signature === undefined) throw new WebhookRejection('there is no Stripe-Signature');
    const now = this.#clock.now().getTime();
    const ageS = now / 1000 - signedAt(signature);
    // The SDK refuses only old signatures, and only after it has hashed the body.
    if (ageS < -TOLERANCE_S) throw new WebhookRejection('the time of the signature lies in the future');
    if (ageS > TOLERANCE_S + 1) throw new WebhookRejection('the signature is too old');
    for (const secret of this.#secrets) {
      try {
        return kind === 'thin'
          ? thinEvent(this.#signatures.parseEventNotification(body, signature, secret, TOLERANCE_S, undefined, now))
          : snapshotEvent(
              this.#signatures.webhooks.constructEvent(body, signature, secret, TOLERANCE_S, undefined, now),
            );
      } catch (error) {
        // Another secret may have signed it. Any other error comes after the signature was found to be good.
        if (!(error instanceof Stripe.errors.StripeSignatureVerificationError)) {
          throw new WebhookRejection(`this is not a ${kind} event`, { cause: error });
        }
      }
    }
    throw new WebhookRejection('no secret of ours made this signature, or it is too old');
  }
}

/** The time that is signed. Of several times the last one counts, as in the SDK. */
function signedAt(signature: string): number {
  const times = signature.split(',').filter((part) => part.startsWith('t='));
  return Number.parseInt(times.at(-1)?.slice(2) ?? '', 10);
}

/** Reads an event of v1. The SDK's types are not trusted: a type of event that Stripe invents tomorrow may lack any field. */
export function snapshotEvent(event: Stripe.Event): StripeEvent {
  const { id, object, type, created, data } = event as unknown as Json;
  if (object !== 'event' || typeof id !== 'string' || typeof type !== 'string' || typeof created !== 'number') {
    throw new TypeError('no event of v1');
  }
  const subject = jsonOf(jsonOf(data)['object']);
  const objectId = textOf(subject['id']);
  // What has left its customer, such as a card that was detached, names the customer among what it was before.
  const before = jsonOf(jsonOf(data)['previous_attributes']);
  const customerId =
    subject['object'] === 'customer' ? objectId : (referenceOf(subject['customer']) ?? referenceOf(before['customer']));
  return { id, type, thin: false, objectId, customerId, createdAt: new Date(created * 1000) };
}

function thinEvent(notification: Stripe.V2.Core.EventNotification): StripeEvent {
  const { id, object, type, created, related_object: related } = notification as unknown as Json;
  const createdAt = new Date(String(created));
  if (
    object !== 'v2.core.event' ||
    typeof id !== 'string' ||
    typeof type !== 'string' ||
    Number.isNaN(createdAt.getTime())
  ) {
    throw new TypeError('no event of v2');
  }
  const subject = jsonOf(related);
  const objectId = textOf(subject['id']);
  return { id, type, thin: true, objectId, customerId: subject['type'] === 'customer' ? objectId : null, createdAt };
}

type Json = Readonly<Record<string, unknown>>;

function jsonOf(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** The id of a reference, which may be an object in the place of its id. */
function referenceOf(value: unknown): string | null {
  return textOf(value) ?? textOf(jsonOf(value)['id']);
}
