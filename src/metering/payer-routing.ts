/** Routing: finds the payer of use from the caller and from whom they name. */
import { BoundedCache } from '../kernel/bounded-cache.ts';
import { parseApiKeyId } from '../kernel/public-ids.ts';
import { Refusal } from '../kernel/refusal.ts';
import { noOrganization, ownEntity } from '../billing-entities/access.ts';
import type { BillingEntities } from '../billing-entities/billing-entities.ts';
import type { BillingEntity } from '../billing-entities/billing-entity.entity.ts';
import type { Principal } from '../billing-entities/principal.ts';

/** The user, the organization and the API key of use, as the caller names them. null: not named. */
export interface Attribution {
  readonly userExternalId: string | null;
  readonly organizationExternalId: string | null;
  /** Public id of the API key that the work ran on. */
  readonly apiKeyId: string | null;
}

export interface Route {
  /** The billing entity that pays. */
  readonly payerId: string;
  /** The user; null: the use is nobody's own. */
  readonly userId: string | null;
  /** The organization; null: none. */
  readonly organizationId: string | null;
  /** External id by which the caller named the organization; null: it was implied. */
  readonly namedOrganization: string | null;
  readonly apiKey: { readonly billingEntityId: string; readonly id: string } | null;
  /** Other accounts that the use would be charged to if the organization had the other visibility. */
  readonly otherPayers: readonly string[];
  /** A refusal of whom the caller names; null: none. The ledger answers with it only after it has looked for the same key (rule 20). */
  readonly refusal: Refusal | null;
}

/** Tells if answers may say how the payer's account stands. */
export type PayerIs = 'shown' | 'hidden';

/** Somebody whom an attribution names, and the refusal if that is wrong. */
interface Named<T> {
  readonly value: T;
  readonly refusal: Refusal | null;
}

/** Some twenty thousand entities, in each of three memories. */
const REMEMBERED_BYTES = 4 * 1_048_576;
/** Stands for somebody who is named and not known. No reservation and no charge can be theirs. */
const UNKNOWN = '00000000-0000-0000-0000-000000000000';

export class Routing {
  readonly #entities: BillingEntities;
  /** Organizations by external id, as last read. The ledger reads again, and answers use that was routed by an old one with WrongPayer. */
  readonly #organizations = new BoundedCache<string>({ bytes: REMEMBERED_BYTES });
  readonly #types = new BoundedCache<BillingEntity['type']>({ bytes: REMEMBERED_BYTES });
  /** As it was when last looked at; likewise. */
  readonly #visibilities = new BoundedCache<NonNullable<BillingEntity['visibility']>>({ bytes: REMEMBERED_BYTES });

  constructor(entities: BillingEntities) {
    this.#entities = entities;
  }

  /**
   * Finds the payer. Without an organization the user pays; in a PRIVATE one its pool; in a PUBLIC one the user. Services
   * and operators name the user. A user's own token implies its user, and an API key the one that it acts for. The ledger
   * decides if they may use the account, after it has looked for the same key. Unknown names are routed as well, to an
   * account of the caller's own: a key that was used before must not tell unknown names from names that are not theirs to see.
   * @throws Refusal BAD_USER_INPUT; NOT_FOUND for a key that cannot be one, and where a service names nobody that is known
   */
  async route(principal: Principal, attribution: Attribution): Promise<Route> {
    const actsForOrganization =
      principal.kind === 'API_KEY' && (await this.#typeOf(principal.billingEntityId)) === 'ORGANIZATION';
    const organization = await this.#organizationId(principal, attribution, actsForOrganization);
    const user = await this.#userId(principal, attribution, { actsForOrganization, where: organization });
    const key = keyOf(principal, attribution);
    const [organizationId, userId] = [organization.value, user.value];
    const namedOrganization = attribution.organizationExternalId;
    const refusal = organization.refusal ?? user.refusal ?? key.refusal;
    const use = { userId, organizationId, namedOrganization, apiKey: key.value, refusal };
    if (refusal !== null) {
      const accounts = new Set([ownEntity(principal), userId, organizationId].filter((id) => id !== null));
      const [payerId, ...otherPayers] = accounts;
      return { ...use, payerId: payerId as string, otherPayers };
    }
    if (organizationId === null) return { ...use, payerId: userId as string, otherPayers: [] };
    if (userId === null) return { ...use, payerId: organizationId, otherPayers: [] };
    const isPrivate = (await this.#visibilityOf(organizationId)) === 'PRIVATE';
    const [payerId, other] = isPrivate ? [organizationId, userId] : [userId, organizationId];
    return { ...use, payerId, otherPayers: [other] };
  }

  /** Forgets the organization by which this route was found, since it has changed. */
  forget({ organizationId, namedOrganization }: Pick<Route, 'organizationId' | 'namedOrganization'>): void {
    if (organizationId !== null) this.#visibilities.delete(organizationId);
    if (namedOrganization !== null) this.#organizations.delete(namedOrganization);
  }

  /**
   * Tells if the caller may learn how the account stands that pays for their use. An organization's key may not of any other:
   * in a PUBLIC organization its members pay, each from their own account.
   */
  async payerIs(principal: Principal, payerId: string): Promise<PayerIs> {
    if (principal.kind !== 'API_KEY' || principal.billingEntityId === payerId) return 'shown';
    return (await this.#typeOf(principal.billingEntityId)) === 'ORGANIZATION' ? 'hidden' : 'shown';
  }

  /** Ids of those whom a caller names beside a reservation, which has its own; undefined: not named. */
  async named({ userExternalId, organizationExternalId, apiKeyId }: Attribution): Promise<{
    readonly userId: string | undefined;
    readonly organizationId: string | undefined;
    readonly apiKeyId: string | undefined;
  }> {
    const idOf = async (type: BillingEntity['type'], externalId: string | null): Promise<string | undefined> =>
      externalId === null
        ? undefined
        : ((await this.#entities.byExternalId(type, externalId))?.billingEntityId ?? UNKNOWN);
    return {
      userId: await idOf('USER', userExternalId),
      organizationId: await idOf('ORGANIZATION', organizationExternalId),
      apiKeyId: apiKeyId === null ? undefined : parseApiKeyId(apiKeyId).id,
    };
  }

  async #organizationId(
    principal: Principal,
    { organizationExternalId }: Attribution,
    actsForOrganization: boolean,
  ): Promise<Named<string | null>> {
    const own = actsForOrganization && principal.kind === 'API_KEY' ? principal.billingEntityId : null;
    if (organizationExternalId === null) return named(own);
    let id = this.#organizations.get(organizationExternalId);
    if (id === undefined) {
      id = (await this.#entities.byExternalId('ORGANIZATION', organizationExternalId))?.billingEntityId;
      if (id !== undefined) this.#organizations.set(organizationExternalId, id);
    }
    return id === undefined || (own !== null && id !== own) ? { value: UNKNOWN, refusal: noOrganization() } : named(id);
  }

  async #userId(
    principal: Principal,
    { userExternalId }: Attribution,
    { actsForOrganization, where }: { readonly actsForOrganization: boolean; readonly where: Named<string | null> },
  ): Promise<Named<string | null>> {
    // A refusal is made only where it is needed: it captures its stack, which every consumption would pay for.
    const nobody = (refusal = noUser()): Named<string> => ({ value: UNKNOWN, refusal });
    switch (principal.kind) {
      case 'USER':
        if (userExternalId !== null && userExternalId !== principal.subject) return nobody();
        return named(principal.billingEntityId);
      case 'API_KEY': {
        if (userExternalId === null) return named(actsForOrganization ? null : principal.billingEntityId);
        // A key creates no users: it can name only those who have been here before.
        const user = await this.#entities.byExternalId('USER', userExternalId);
        // An organization's key must not learn if somebody outside the organization is known.
        if (user === null) return nobody(actsForOrganization ? noOrganization() : noUser());
        if (!actsForOrganization && user.billingEntityId !== principal.billingEntityId) return nobody();
        return named(user.billingEntityId);
      }
      case 'SERVICE':
      case 'OPERATOR': {
        if (userExternalId === null) {
          throw new Refusal('BAD_USER_INPUT', 'userExternalId is needed: this token belongs to no user');
        }
        const user = { externalId: userExternalId, name: null, withTrial: true };
        if (where.refusal === null) return named(await this.#entities.ensureUser(user));
        // A wrong organization creates no user.
        const known = await this.#entities.byExternalId('USER', userExternalId);
        if (known === null) throw where.refusal;
        return named(known.billingEntityId);
      }
    }
  }

  async #typeOf(billingEntityId: string): Promise<BillingEntity['type']> {
    return this.#types.get(billingEntityId) ?? (await this.#look(billingEntityId)).type;
  }

  async #visibilityOf(organizationId: string): Promise<NonNullable<BillingEntity['visibility']>> {
    return this.#visibilities.get(organizationId) ?? ((await this.#look(organizationId)).visibility as 'PRIVATE');
  }

  async #look(billingEntityId: string): Promise<BillingEntity> {
    const entity = (await this.#entities.byIds([billingEntityId])).get(billingEntityId);
    if (entity === undefined) throw new Refusal('NOT_FOUND', 'there is no such billing entity');
    this.#types.set(billingEntityId, entity.type);
    if (entity.visibility !== null) this.#visibilities.set(billingEntityId, entity.visibility);
    return entity;
  }
}

/** The API key that the work ran on. A caller that is an API key reports its own use. */
function keyOf(principal: Principal, { apiKeyId }: Attribution): Named<Route['apiKey']> {
  const key = apiKeyId === null ? null : parseApiKeyId(apiKeyId);
  if (principal.kind !== 'API_KEY') return named(key);
  if (key !== null && key.id !== principal.apiKeyId) {
    return { value: key, refusal: new Refusal('CONFLICT', 'an API key can report only its own use') };
  }
  return named({ billingEntityId: principal.billingEntityId, id: principal.apiKeyId });
}

function noUser(): Refusal {
  return new Refusal('NOT_FOUND', 'there is no such user');
}

function named<T>(value: T): Named<T> {
  return { value, refusal: null };
}
