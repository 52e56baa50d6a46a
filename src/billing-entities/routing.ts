/** Who pays for use: found from who asks and whom they name. */
import { Refusal } from '../refusal.ts';
import type { BillingEntities } from './billing-entities.ts';
import type { Principal } from './principal.ts';

/** Who used it and where, as the caller names them. null: not named. */
export interface Attribution {
  readonly userExternalId: string | null;
  readonly organizationExternalId: string | null;
}

export interface Route {
  /** The billing entity that pays. */
  readonly payerId: string;
  /** Who uses it, if a person does. */
  readonly userId: string | null;
}

export class Routing {
  readonly #entities: BillingEntities;

  constructor(entities: BillingEntities) {
    this.#entities = entities;
  }

  /**
   * Who pays: the user. Services and operators name them; a user's own token implies them.
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND
   */
  async route(principal: Principal, { userExternalId, organizationExternalId }: Attribution): Promise<Route> {
    if (organizationExternalId !== null) {
      const organization = await this.#entities.byExternalId('ORGANIZATION', organizationExternalId);
      if (organization === null) throw new Refusal('NOT_FOUND', 'there is no such organization');
    }
    if (principal.kind === 'USER') {
      if (userExternalId !== null && userExternalId !== principal.subject) {
        throw new Refusal('NOT_FOUND', 'there is no such user');
      }
      return { payerId: principal.billingEntityId, userId: principal.billingEntityId };
    }
    if (principal.kind === 'API_KEY') {
      const owner = (await this.#entities.byIds([principal.billingEntityId])).get(principal.billingEntityId);
      if (owner?.type !== 'USER' || (userExternalId !== null && userExternalId !== owner.externalId)) {
        throw new Refusal('NOT_FOUND', 'there is no such user');
      }
      return { payerId: owner.billingEntityId, userId: owner.billingEntityId };
    }
    if (userExternalId === null) {
      throw new Refusal('BAD_USER_INPUT', 'userExternalId is needed: this token is nobody’s own');
    }
    const userId = await this.#entities.ensureUser({ externalId: userExternalId, name: null, withTrial: true });
    return { payerId: userId, userId };
  }

  /** The user that a caller names beside a reservation, which has its own; undefined: none was named. null: nobody known. */
  async namedUser({ userExternalId }: Attribution): Promise<string | null | undefined> {
    if (userExternalId === null) return undefined;
    return (await this.#entities.byExternalId('USER', userExternalId))?.billingEntityId ?? null;
  }
}
