/** People with webhooks: two processes of an installation on a clock that stands, and receivers on this machine. */
import { Webhook } from 'standardwebhooks';
import type { WebhookDelivery } from '../../../src/alerts/webhooks/webhook.entity.ts';
import { webhookDeliveryId } from '../../../src/kernel/public-ids.ts';
import type { DomainServices, ServicesOptions } from '../../../src/services.ts';
import { Installation, type Person } from '../../support/installation.ts';
import { type Answer, type Received, Receiver } from './receiver.ts';

export interface Hooked extends Person {
  readonly receiver: Receiver;
  readonly secret: string;
}

export class WebhookWorld {
  readonly installation: Installation;
  readonly #open: Receiver[] = [];

  private constructor(installation: Installation) {
    this.installation = installation;
  }

  /** The jitter is none, so that a test knows when what is due. */
  static async open(overrides: Partial<ServicesOptions> = {}): Promise<WebhookWorld> {
    const webhooks = { allowLoopback: true, random: () => 0 };
    const world = new WebhookWorld(await Installation.open({ webhooks, ...overrides }));
    // The reference library compares timestamps with the machine's clock.
    world.installation.clock.set(new Date());
    return world;
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.map((receiver) => receiver.close()));
    await this.installation.close();
  }

  async receiver(answer?: Answer): Promise<Receiver> {
    const receiver = await Receiver.open(answer);
    this.#open.push(receiver);
    return receiver;
  }

  /** A person whose events go to a receiver of their own. */
  async hooked(answer?: Answer): Promise<Hooked> {
    const receiver = await this.receiver(answer);
    const person = await this.installation.person(100n);
    // The way in which they came by their credits raises alerts, which find no endpoint if they are sent on now.
    await this.services.alertDispatch.run();
    const { secret } = await this.services.webhookEndpoints.set(person.principal, person.id, receiver.url);
    return { ...person, receiver, secret: secret as string };
  }

  get services(): DomainServices {
    return this.installation.one;
  }

  /** Queues a test, and gives its public id. */
  async test(person: Person): Promise<string> {
    const { billingEntityId, id } = await this.services.webhookDeliveries.test(person.principal, person.id);
    return webhookDeliveryId(billingEntityId, id);
  }

  /** Sends what is due. */
  send(): Promise<void> {
    return this.services.webhookSender.run();
  }

  /** Time passes, and what is due then is sent. */
  async after(durationMs: number): Promise<void> {
    this.installation.clock.forwardMs(durationMs);
    await this.send();
  }

  /** Newest first. */
  async deliveries({ id }: Person): Promise<WebhookDelivery[]> {
    const { edges } = await this.services.webhookDeliveries.list(id, { first: 100, after: null });
    return edges.map(({ node }) => node);
  }

  async newest(person: Person): Promise<WebhookDelivery> {
    return (await this.deliveries(person))[0] as WebhookDelivery;
  }

  async actions({ id }: Person): Promise<string[]> {
    const any = { actors: null, actions: null, from: null, to: null };
    const { edges } = await this.services.auditLog.list(id, { first: 100, after: null }, any);
    return edges.map(({ node }) => node.action).filter((action) => action.startsWith('webhook.'));
  }
}

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;

/** The body of a message that the reference library verified. @throws when it is not signed by this secret */
export function verified({ body, headers }: Received, secret: string): Record<string, unknown> {
  return new Webhook(secret).verify(body, headers) as Record<string, unknown>;
}

/** True when the reference library signs the message as it was signed, whatever time it is now. */
export function isSignedBy({ body, headers }: Received, secret: string): boolean {
  const at = new Date(Number(headers['webhook-timestamp']) * 1_000);
  const signature = new Webhook(secret).sign(headers['webhook-id'] as string, at, body);
  return (headers['webhook-signature'] as string).split(' ').includes(signature);
}
