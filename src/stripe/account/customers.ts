/** The customers that billing entities are at Stripe: one each, made before anything is bought. */
import type { Rows } from '../../db/rows.ts';
import { orMissing, type StripeClient } from './client.ts';
import type { StripeCustomer } from './stripe-customer.entity.ts';
import {
  deleteCustomer,
  deleteFormerCustomer,
  findCustomer,
  findCustomers,
  findFormerCustomers,
  findOwner,
  isEntity,
  noteCustomer,
  setCustomerAside,
} from './stripe-customer.repository.ts';

/** A billing entity that pays. */
export interface Payer {
  readonly billingEntityId: string;
  readonly externalId: string;
  readonly name: string;
  /** Absent: none is known, or the customer is not to have one by us. */
  readonly email?: string | undefined;
}

interface Options {
  readonly stripe: StripeClient;
  readonly rows: Rows;
}

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
  of(billingEntityId: string): Promise<string | null> {
    return this.#options.rows.read((em) => findCustomer(em, billingEntityId));
  }

  /**
   * All customers of the entity. Those that it was before are known beside the present one, because something may still be
   * paid under them.
   */
  allOf(billingEntityId: string): Promise<{ readonly present: string | null; readonly former: readonly string[] }> {
    return this.#options.rows.read(async (em) => ({
      present: await findCustomer(em, billingEntityId),
      former: await findFormerCustomers(em, billingEntityId),
    }));
  }

  /** Ids of all customers of the entity, the present one first. */
  async idsOf(billingEntityId: string): Promise<readonly string[]> {
    const { present, former } = await this.allOf(billingEntityId);
    return present === null ? former : [present, ...former];
  }

  /** All customers, in the order of their entities' ids. They are read a page at a time. */
  async *all(): AsyncGenerator<StripeCustomer, void, undefined> {
    for (let after: string | null = null; ;) {
      const from: string | null = after;
      const page: StripeCustomer[] = await this.#options.rows.read((em) =>
        findCustomers(em, { after: from, limit: PAGE }),
      );
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) return;
      after = last.billingEntityId;
    }
  }

  /**
   * The entity's customer, made now if there is none, and if the account of Stripe's knows none that it was before. The
   * idempotency key is the entity's, and the parameters never change,
   * so that Stripe makes one customer however often the call is repeated.
   * @throws Refusal PAYMENT_PROVIDER_ERROR, UNAVAILABLE
   */
  async ensure({ billingEntityId, externalId, name, email }: Payer): Promise<string> {
    const known = (await this.of(billingEntityId)) ?? (await this.#formerOf(billingEntityId));
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
      if (await this.describe(id, { name, email })) return this.#note(billingEntityId, id);
      // Somebody has deleted the customer since, and Stripe only repeats its answer under the old key.
      key = `tollgate-customer-${billingEntityId}-after-${id}`;
    }
  }

  /** Asks Stripe what became of a customer. UNKNOWN: it is of another account. @throws Refusal PAYMENT_PROVIDER_ERROR */
  async standingOf(customerId: string): Promise<'THERE' | 'DELETED' | 'UNKNOWN'> {
    const { stripe } = this.#options;
    const customer = await orMissing(stripe.call('customer', (sdk) => sdk.customers.retrieve(customerId)));
    if (customer === null) return 'UNKNOWN';
    return customer.deleted === true ? 'DELETED' : 'THERE';
  }

  /**
   * Forgets a customer that was deleted at Stripe, after our state has followed: an entity that pays again becomes another
   * customer. The directory keeps the old one, because its money may still go back.
   */
  async forget(customerId: string): Promise<void> {
    const billingEntityId = await this.ownerOf(customerId);
    if (billingEntityId === null) return;
    await this.#options.rows.transaction(({ em }) => deleteCustomer(em, { billingEntityId, customerId }));
  }

  /**
   * Sets a customer aside that the account of Stripe's does not know, such as one that was made with a key of another account:
   * the entity becomes another customer when it pays, or the same again when its account comes back.
   */
  async setAside(customer: StripeCustomer): Promise<void> {
    await this.#options.rows.transaction(({ em }) => setCustomerAside(em, customer));
  }

  /** Makes a customer that the entity was before the present one again, if Stripe knows it. It does not know the present one. */
  async returnToFormer({ billingEntityId, customerId }: StripeCustomer): Promise<void> {
    for (const former of (await this.allOf(billingEntityId)).former) {
      if ((await this.standingOf(former)) !== 'THERE') continue;
      await this.setAside({ billingEntityId, customerId });
      await this.#formerOf(billingEntityId);
      return;
    }
  }

  /** The entity whose customer it is, or was; null: there is none here. */
  ownerOf(customerId: string): Promise<string | null> {
    return this.#options.rows.read((em) => findOwner(em, customerId));
  }

  /**
   * The entity whose customer it is; null: there is none here. A customer that names an entity without a customer becomes that
   * entity's: the answer was lost when it was made, and Stripe has forgotten the idempotency key since.
   * @throws Refusal PAYMENT_PROVIDER_ERROR
   */
  async entityOf(customerId: string): Promise<string | null> {
    const known = await this.ownerOf(customerId);
    if (known !== null) {
      const { present, former } = await this.allOf(known);
      if (present === customerId || former.includes(customerId)) return known;
    }
    const { stripe } = this.#options;
    const customer = await orMissing(stripe.call('customer', (sdk) => sdk.customers.retrieve(customerId)));
    const entityId = customer === null || customer.deleted === true ? undefined : customer.metadata[ENTITY_MARK];
    if (entityId === undefined || !UUID.test(entityId)) return null;
    if (!(await this.#options.rows.read((em) => isEntity(em, entityId)))) return null;
    return (await this.#note(entityId, customerId)) === customerId ? entityId : null;
  }

  /**
   * Tells Stripe who a customer is. An e-mail address that it has already stays, since its payer may have given it there.
   * @param who.name undefined: the name stays as it is
   * @returns false: Stripe does not have the customer any more
   * @throws Refusal PAYMENT_PROVIDER_ERROR
   */
  async describe(
    customerId: string,
    { name, email }: { readonly name: string | undefined; readonly email: string | undefined },
  ): Promise<boolean> {
    const { stripe } = this.#options;
    const customer = await orMissing(
      stripe.call('customer', (sdk) =>
        name === undefined ? sdk.customers.retrieve(customerId) : sdk.customers.update(customerId, { name }),
      ),
    );
    if (customer === null || customer.deleted === true) return false;
    if (email !== undefined && customer.email === null) {
      await stripe.call('customer', (sdk) => sdk.customers.update(customerId, { email }));
    }
    return true;
  }

  /** A customer that the entity was before and that Stripe knows: it is the entity's again. null: there is none. */
  async #formerOf(billingEntityId: string): Promise<string | null> {
    const { rows } = this.#options;
    for (const customerId of (await this.allOf(billingEntityId)).former) {
      if ((await this.standingOf(customerId)) !== 'THERE') continue;
      return rows.transaction(async ({ em }) => {
        await deleteFormerCustomer(em, { billingEntityId, customerId });
        return noteCustomer(em, { billingEntityId, customerId });
      });
    }
    return null;
  }

  #note(billingEntityId: string, customerId: string): Promise<string> {
    return this.#options.rows.transaction(({ em }) => noteCustomer(em, { billingEntityId, customerId }));
  }
}
