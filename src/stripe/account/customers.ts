/** The customers that billing entities are at Stripe: one each, made before anything is bought. */
import type { Database } from '../../db/database.ts';
import { orMissing, type StripeClient } from './client.ts';

/** A billing entity that pays. */
export interface Payer {
  readonly billingEntityId: string;
  readonly externalId: string;
  readonly name: string;
}

interface Options {
  readonly stripe: StripeClient;
  readonly database: Database;
}

const NAMESPACE = 'STRIPE_CUSTOMER';
const PAGE = 500;
/** The metadata key of a customer that names its billing entity, so that it is found again if our own row was lost. */
const ENTITY_MARK = 'billing_entity_id';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export class Customers {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /** The entity's customer; null: none was made yet. */
  async of(billingEntityId: string): Promise<string | null> {
    const { rows } = await this.#options.database.query<{ customer_id: string }>({
      name: 'stripe-customer-of',
      text: 'select customer_id from stripe_customer where billing_entity_id = $1',
      values: [billingEntityId],
    });
    return rows[0]?.customer_id ?? null;
  }

  /** All customers, in the order of their entities' ids. They are read a page at a time. */
  async *all(): AsyncGenerator<{ billingEntityId: string; customerId: string }, void, undefined> {
    for (let after = '00000000-0000-0000-0000-000000000000'; ;) {
      const { rows } = await this.#options.database.query<{ billing_entity_id: string; customer_id: string }>(
        `select billing_entity_id, customer_id from stripe_customer
         where billing_entity_id > $1 order by billing_entity_id limit $2`,
        [after, PAGE],
      );
      for (const row of rows) yield { billingEntityId: row.billing_entity_id, customerId: row.customer_id };
      if (rows.length < PAGE) return;
      after = (rows.at(-1) as { billing_entity_id: string }).billing_entity_id;
    }
  }

  /**
   * The entity's customer, made now if there is none. The idempotency key is the entity's, and the parameters never change,
   * so that Stripe makes one customer however often the call is repeated.
   * @throws Refusal PAYMENT_PROVIDER_ERROR, UNAVAILABLE
   */
  async ensure({ billingEntityId, externalId, name }: Payer): Promise<string> {
    const known = await this.of(billingEntityId);
    if (known !== null) return known;
    const { stripe } = this.#options;
    for (let key = `tollgate-customer-${billingEntityId}`; ;) {
      const { id } = await stripe.call('customer', (sdk) =>
        sdk.customers.create(
          { description: externalId, metadata: { [ENTITY_MARK]: billingEntityId } },
          { idempotencyKey: key },
        ),
      );
      // The name goes in a call of its own, because names change. It goes before our row, so that no customer stays without.
      if (await this.rename(id, name)) return this.#note(billingEntityId, id);
      // Somebody has deleted the customer since, and Stripe only repeats its answer under the old key.
      key = `tollgate-customer-${billingEntityId}-after-${id}`;
    }
  }

  /** Whether somebody deleted the customer at Stripe. @throws Refusal PAYMENT_PROVIDER_ERROR */
  async isDeleted(customerId: string): Promise<boolean> {
    const { stripe } = this.#options;
    const customer = await orMissing(stripe.call('customer', (sdk) => sdk.customers.retrieve(customerId)));
    return customer?.deleted === true;
  }

  /**
   * Forgets a customer that was deleted at Stripe, after our state has followed: an entity that pays again becomes another
   * customer. The directory keeps the old one, because its money may still go back.
   */
  async forget(customerId: string): Promise<void> {
    await this.#options.database.query(
      'delete from stripe_customer where customer_id = $1 and billing_entity_id = $2',
      [customerId, await this.ownerOf(customerId)],
    );
  }

  /** The entity whose customer it is, or was; null: there is none here. */
  async ownerOf(customerId: string): Promise<string | null> {
    const { rows } = await this.#options.database.query<{ billing_entity_id: string }>({
      name: 'stripe-customer-find',
      text: 'select billing_entity_id from entity_key where namespace = $1 and key = $2',
      values: [NAMESPACE, customerId],
    });
    return rows[0]?.billing_entity_id ?? null;
  }

  /**
   * The entity whose customer it is; null: there is none here. A customer that names an entity without a customer becomes that
   * entity's: the answer was lost when it was made, and Stripe has forgotten the idempotency key since.
   * @throws Refusal PAYMENT_PROVIDER_ERROR
   */
  async entityOf(customerId: string): Promise<string | null> {
    const known = await this.ownerOf(customerId);
    if (known !== null && (await this.of(known)) === customerId) return known;
    const { stripe } = this.#options;
    const customer = await orMissing(stripe.call('customer', (sdk) => sdk.customers.retrieve(customerId)));
    const entityId = customer === null || customer.deleted === true ? undefined : customer.metadata[ENTITY_MARK];
    if (entityId === undefined || !UUID.test(entityId)) return null;
    const { rows } = await this.#options.database.query('select from billing_entity where billing_entity_id = $1', [
      entityId,
    ]);
    if (rows.length === 0) return null;
    return (await this.#note(entityId, customerId)) === customerId ? entityId : null;
  }

  /** Renames a customer. @returns false: Stripe does not have it any more. @throws Refusal PAYMENT_PROVIDER_ERROR */
  async rename(customerId: string, name: string): Promise<boolean> {
    const { stripe } = this.#options;
    return (await orMissing(stripe.call('customer', (sdk) => sdk.customers.update(customerId, { name })))) !== null;
  }

  /** Notes the entity's customer. The first one that is noted stays, and only that one leads back to the entity. */
  async #note(billingEntityId: string, customerId: string): Promise<string> {
    const { database } = this.#options;
    await database.query(
      `insert into stripe_customer (billing_entity_id, customer_id) values ($1, $2)
       on conflict (billing_entity_id) do nothing`,
      [billingEntityId, customerId],
    );
    const noted = (await this.of(billingEntityId)) as string;
    await database.query(
      `insert into entity_key (namespace, key, billing_entity_id) values ($1, $2, $3)
       on conflict (namespace, key) do nothing`,
      [NAMESPACE, noted, billingEntityId],
    );
    return noted;
  }
}
