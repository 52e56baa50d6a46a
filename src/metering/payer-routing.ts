/** Who pays for use: found from who asks and whom they name. */
import { LRUCache } from 'lru-cache';
import { parseApiKeyId } from '../kernel/public-ids.ts';
import { Refusal } from '../kernel/refusal.ts';
import { noOrganization, ownEntity } from '../billing-entities/access.ts';
import type { BillingEntities } from '../billing-entities/billing-entities.ts';
import type { BillingEntity } from '../billing-entities/billing-entity.entity.ts';
import type { Principal } from '../billing-entities/principal.ts';

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
  readonly otherPayers: readonly string[];
  /** What is wrong with whom the caller names. It comes to light only after their key was looked for, like all that is wrong (rule 20). */
  readonly refusal: Refusal | null;
}

/** Whom an attribution names; what is wrong with it. */
interface Named<T> {
  readonly value: T;
  readonly refusal: Refusal | null;
}

const REMEMBERED = 50_000;
/** Whoever is named and not known: nobody that a reservation, or use that a key has charged, could be of. */
const UNKNOWN = '00000000-0000-0000-0000-000000000000';

export class Routing {
  readonly #entities: BillingEntities;
  /** Whom an external id named when last looked at; the ledger looks again, and answers use that was routed by an old one with WrongPayer. */
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
   * others may use it is for the ledger to say, after it has looked for the same key. So that a used key tells nobody
   * apart who is unknown and who is not theirs to see, what is unknown is routed, too: to an account that the caller has.
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
    // Made only where it is needed: a refusal looks at its stack, which every consumption would pay for.
    const nobody = (refusal = noUser()): Named<string> => ({ value: UNKNOWN, refusal });
    switch (principal.kind) {
      case 'USER':
        if (userExternalId !== null && userExternalId !== principal.subject) return nobody();
        return named(principal.billingEntityId);
      case 'API_KEY': {
        if (userExternalId === null) return named(actsForOrganization ? null : principal.billingEntityId);
        // A key makes nobody known: whom it names has been here before.
        const user = await this.#entities.byExternalId('USER', userExternalId);
        // Of whom its organization cannot name, the key learns nothing, nor whether they are known.
        if (user === null) return nobody(actsForOrganization ? noOrganization() : noUser());
        if (!actsForOrganization && user.billingEntityId !== principal.billingEntityId) return nobody();
        return named(user.billingEntityId);
      }
      case 'SERVICE':
      case 'OPERATOR': {
        if (userExternalId === null) {
          throw new Refusal('BAD_USER_INPUT', 'userExternalId is needed: this token is nobody’s own');
        }
        const user = { externalId: userExternalId, name: null, withTrial: true };
        if (where.refusal === null) return named(await this.#entities.ensureUser(user));
        // Nobody is made known by a mistake.
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

/** The key that the work ran on; a key that is the bearer reports its own. */
function keyOf(principal: Principal, { apiKeyId }: Attribution): Named<Route['apiKey']> {
  const key = apiKeyId === null ? null : parseApiKeyId(apiKeyId);
  if (principal.kind !== 'API_KEY') return named(key);
  if (key !== null && key.id !== principal.apiKeyId) {
    return { value: key, refusal: new Refusal('CONFLICT', 'an API key reports the use of itself alone') };
  }
  return named({ billingEntityId: principal.billingEntityId, id: principal.apiKeyId });
}

function noUser(): Refusal {
  return new Refusal('NOT_FOUND', 'there is no such user');
}

function named<T>(value: T): Named<T> {
  return { value, refusal: null };
}
