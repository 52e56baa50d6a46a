/** Who pays for use: found from who asks and whom they name. */
import { LRUCache } from 'lru-cache';
import { parseApiKeyId } from '../ids.ts';
import { Refusal } from '../refusal.ts';
import type { BillingEntities } from './billing-entities.ts';
import type { BillingEntity } from './billing-entity.entity.ts';
import type { Principal } from './principal.ts';

/** Who used it, where and on which key, as the caller names them. null: not named. */
export interface Attribution {
  readonly userExternalId: string | null;
  readonly organizationExternalId: string | null;
  /** Public id of the key that the work ran on. */
  readonly apiKeyId: string | null;
}

export interface Route {
  /** The billing entity that pays. */
  readonly payerId: string;
  /** Who uses it, if a person does. */
  readonly userId: string | null;
  /** Where, if in an organization. */
  readonly organizationId: string | null;
  /** What the caller called it; null: they did not name it. */
  readonly namedOrganization: string | null;
  readonly apiKey: { readonly billingEntityId: string; readonly id: string } | null;
  /** Other accounts that it would be charged to if the organization were of the other visibility. */
  readonly alsoUnder: readonly string[];
}

const REMEMBERED = 50_000;
/** Whoever is named and not known is nobody that a reservation could be of. */
const UNKNOWN = '00000000-0000-0000-0000-000000000000';

export class Routing {
  readonly #entities: BillingEntities;
  /** Whom an external id named when last looked at; the ledger looks again, and calls use that was routed by an old one misrouted. */
  readonly #organizations = new LRUCache<string, string>({ max: REMEMBERED });
  readonly #types = new LRUCache<string, BillingEntity['type']>({ max: REMEMBERED });
  /** As it was when last looked at; likewise. */
  readonly #visibilities = new LRUCache<string, NonNullable<BillingEntity['visibility']>>({ max: REMEMBERED });

  constructor(entities: BillingEntities) {
    this.#entities = entities;
  }

  /**
   * Who pays: without an organization the user; a PRIVATE one by its pool; in a PUBLIC one the user. Services and operators
   * name the user; a user's own token implies them, and an API key whom it acts for. Whether a member, a key and all
   * others may use it is for the ledger to say, after it has looked for the same key.
   * @throws Refusal BAD_USER_INPUT, NOT_FOUND, CONFLICT
   */
  async route(principal: Principal, attribution: Attribution): Promise<Route> {
    const actsForOrganization =
      principal.kind === 'API_KEY' && (await this.#typeOf(principal.billingEntityId)) === 'ORGANIZATION';
    const organizationId = await this.#organizationId(principal, attribution, actsForOrganization);
    const userId = await this.#userId(principal, attribution, actsForOrganization);
    const apiKey = keyOf(principal, attribution);
    const used = { userId, organizationId, namedOrganization: attribution.organizationExternalId, apiKey };
    if (organizationId === null) return { payerId: userId as string, ...used, alsoUnder: [] };
    if (userId === null) return { payerId: organizationId, ...used, alsoUnder: [] };
    const isPrivate = (await this.#visibilityOf(organizationId)) === 'PRIVATE';
    const [payerId, other] = isPrivate ? [organizationId, userId] : [userId, organizationId];
    return { payerId, ...used, alsoUnder: [other] };
  }

  /** Forgets what this route was found by: its organization has changed since. */
  forget({ organizationId, namedOrganization }: Pick<Route, 'organizationId' | 'namedOrganization'>): void {
    if (organizationId !== null) this.#visibilities.delete(organizationId);
    if (namedOrganization !== null) this.#organizations.delete(namedOrganization);
  }

  /** What a caller names beside a reservation, which has its own; undefined: nothing was named. */
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
  ): Promise<string | null> {
    const own = actsForOrganization && principal.kind === 'API_KEY' ? principal.billingEntityId : null;
    if (organizationExternalId === null) return own;
    let id = this.#organizations.get(organizationExternalId);
    if (id === undefined) {
      id = (await this.#entities.byExternalId('ORGANIZATION', organizationExternalId))?.billingEntityId;
      if (id !== undefined) this.#organizations.set(organizationExternalId, id);
    }
    if (id === undefined || (own !== null && id !== own)) {
      throw noOrganization();
    }
    return id;
  }

  async #userId(
    principal: Principal,
    { userExternalId }: Attribution,
    actsForOrganization: boolean,
  ): Promise<string | null> {
    switch (principal.kind) {
      case 'USER':
        if (userExternalId !== null && userExternalId !== principal.subject) throw noUser();
        return principal.billingEntityId;
      case 'API_KEY': {
        if (userExternalId === null) return actsForOrganization ? null : principal.billingEntityId;
        // A key makes nobody known: whom it names has been here before.
        const user = await this.#entities.byExternalId('USER', userExternalId);
        // Of whom its organization cannot name, the key learns nothing, nor whether they are known.
        if (user === null) throw actsForOrganization ? noOrganization() : noUser();
        if (!actsForOrganization && user.billingEntityId !== principal.billingEntityId) throw noUser();
        return user.billingEntityId;
      }
      case 'SERVICE':
      case 'OPERATOR':
        if (userExternalId === null) {
          throw new Refusal('BAD_USER_INPUT', 'userExternalId is needed: this token is nobody’s own');
        }
        return this.#entities.ensureUser({ externalId: userExternalId, name: null, withTrial: true });
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

/** The key that the work ran on; a key that is the bearer reports its own. */
function keyOf(principal: Principal, { apiKeyId }: Attribution): Route['apiKey'] {
  const named = apiKeyId === null ? null : parseApiKeyId(apiKeyId);
  if (principal.kind !== 'API_KEY') return named;
  if (named !== null && named.id !== principal.apiKeyId) {
    throw new Refusal('CONFLICT', 'an API key reports the use of itself alone');
  }
  return { billingEntityId: principal.billingEntityId, id: principal.apiKeyId };
}

function noOrganization(): Refusal {
  return new Refusal('NOT_FOUND', 'there is no such organization');
}

function noUser(): Refusal {
  return new Refusal('NOT_FOUND', 'there is no such user');
}
