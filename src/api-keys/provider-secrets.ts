/** Customers' own provider keys, handed to the platform's services, which call the provider with them. */
import type { Logger } from 'pino';
import { actorOf, noOrganization } from '../billing-entities/access.ts';
import type { BillingEntities } from '../billing-entities/billing-entities.ts';
import type { BillingEntity } from '../billing-entities/billing-entity.entity.ts';
import { findMembership } from '../billing-entities/membership.repository.ts';
import type { Principal } from '../billing-entities/principal.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Database } from '../db/database.ts';
import type { Rows } from '../db/rows.ts';
import { apiKeyId, parseApiKeyId } from '../kernel/public-ids.ts';
import { Refusal } from '../kernel/refusal.ts';
import { type ApiKey, type ApiKeyStatus, secretBinding, shownOf, toApiKey } from './api-key.ts';
import type { ApiKeyProvider, StoredApiKey } from './api-key.entity.ts';
import { findNewestSealed, findSealed, type SealedApiKey } from './api-key.repository.ts';
import type { Audit } from '../billing-entities/audit-log.ts';
import { type KeyRing, type Sealed, UnreadableSecretError, unseal } from '../secrets/envelope.ts';
import type { KeyUse } from './key-use.ts';
import type { ApiKeyRef } from '../ledger/rules/attribution.ts';

interface Options {
  readonly rows: Rows;
  readonly database: Database;
  readonly entities: BillingEntities;
  readonly clock: Clock;
  readonly encryptionKeys: KeyRing;
  readonly audit: Audit;
  readonly use: KeyUse;
  readonly log: Logger;
}

/** For whose use the provider is called. null: not named. */
export interface SecretRequest {
  readonly provider: ApiKeyProvider;
  readonly userExternalId: string | null;
  readonly organizationExternalId: string | null;
  /** Public id of the key that is wanted; null: whichever applies. */
  readonly apiKeyId: string | null;
  /** CONFLICT instead of null where there was a key that would apply, and it has ended. */
  readonly failClosed: boolean;
}

export interface ProviderSecret {
  readonly apiKey: ApiKey;
  readonly secret: string;
  /** When to ask again. */
  readonly cacheUntil: Date;
}

const CACHE_MS = 300_000;

export class ProviderSecrets {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * The secret that use of this payer and user runs on: the key that is named, else the payer's newest active one, else
   * the user's; null when there is none. With `failClosed` only who never had one is answered null: a service that takes
   * null for «use the platform's own» would charge customers whose key has ended without their noticing.
   * Each answer stands in the audit log of the key's owner before it is given.
   * @throws Refusal FORBIDDEN, BAD_USER_INPUT, NOT_FOUND; CONFLICT for a key that cannot be used, with its status as
   * `keyStatus` where it has ended
   */
  async read(principal: Principal, request: SecretRequest): Promise<ProviderSecret | null> {
    if (principal.kind !== 'SERVICE') throw new Refusal('FORBIDDEN', 'only services may do this');
    const { payer, user } = await this.#owners(request);
    const now = this.#options.clock.now();
    const owners = [...new Set([payer, user].filter((owner) => owner !== null).map((owner) => owner.billingEntityId))];
    const row =
      request.apiKeyId === null
        ? await this.#applying(owners, request, now)
        : await this.#named(owners, request.apiKeyId, request.provider);
    if (row === null) return null;
    const apiKey = toApiKey(shownOf(row), now);
    if (apiKey.status !== 'ACTIVE') throw keyHasEnded(apiKey.status);
    const secret = await this.#open(principal, row);
    await this.#audit(principal, row, 'apiKey.secret.read', {
      user: user?.externalId ?? null,
      organization: request.organizationExternalId,
    });
    this.#options.use.note(apiKey);
    const cacheUntil = new Date(Math.min(now.getTime() + CACHE_MS, apiKey.expiresAt?.getTime() ?? Infinity));
    return { apiKey, secret, cacheUntil };
  }

  /** The payer and the user; null where they have never been seen. @throws Refusal BAD_USER_INPUT, NOT_FOUND, CONFLICT */
  async #owners(request: SecretRequest): Promise<{ payer: BillingEntity | null; user: BillingEntity | null }> {
    const { entities } = this.#options;
    const { userExternalId, organizationExternalId } = request;
    const [user, organization] = await Promise.all([
      userExternalId === null ? null : entities.byExternalId('USER', userExternalId),
      organizationExternalId === null ? null : entities.byExternalId('ORGANIZATION', organizationExternalId),
    ]);
    if (organizationExternalId !== null && organization === null) throw noOrganization();
    const isPool = organization?.visibility === 'PRIVATE';
    if (userExternalId === null && !isPool) {
      throw new Refusal('BAD_USER_INPUT', 'userExternalId is needed: nobody else would pay');
    }
    for (const entity of [user, organization]) {
      if (entity?.suspendedAt) throw new Refusal('CONFLICT', 'the user or the organization is suspended');
    }
    if (isPool && userExternalId !== null) await this.#requireMember(organization, user);
    return { payer: isPool ? organization : user, user };
  }

  /** @throws Refusal NOT_FOUND, CONFLICT */
  async #requireMember(organization: BillingEntity, user: BillingEntity | null): Promise<void> {
    if (user === null) throw noOrganization();
    const key = { organizationId: organization.billingEntityId, userId: user.billingEntityId };
    const membership = await this.#options.rows.read((em) => findMembership(em, key));
    if (membership === null || membership.status === 'INVITED') throw noOrganization();
    if (membership.status === 'SUSPENDED') throw new Refusal('CONFLICT', 'the membership is suspended');
  }

  /** The newest key that is active; where there is none and the request fails closed, the newest that there ever was. */
  async #applying(
    owners: readonly string[],
    { provider, failClosed }: SecretRequest,
    now: Date,
  ): Promise<SealedApiKey | null> {
    const active = await this.#newest(owners, { provider, activeAt: now });
    if (active !== null || !failClosed) return active;
    // A key that was made since the look before is active, and is given.
    return this.#newest(owners, { provider, activeAt: null });
  }

  /** The first owner's newest key; else the next owner's. */
  async #newest(
    owners: readonly string[],
    wanted: { readonly provider: ApiKeyProvider; readonly activeAt: Date | null },
  ): Promise<SealedApiKey | null> {
    for (const billingEntityId of owners) {
      const key = await this.#options.rows.read((em) => findNewestSealed(em, { billingEntityId, ...wanted }));
      if (key !== null) return key;
    }
    return null;
  }

  /** @throws Refusal NOT_FOUND for a key of anybody else; BAD_USER_INPUT for one of another kind */
  async #named(owners: readonly string[], publicId: string, provider: ApiKeyProvider): Promise<SealedApiKey> {
    const ref = parseApiKeyId(publicId);
    const row = await this.#options.rows.read((em) => findSealed(em, ref));
    if (row === null || !owners.includes(ref.billingEntityId)) throw new Refusal('NOT_FOUND', 'there is no such key');
    if (row.type !== 'CUSTOM') throw new Refusal('BAD_USER_INPUT', 'a PLATFORM key has no provider’s secret');
    if (row.provider !== provider) throw new Refusal('BAD_USER_INPUT', `the key is of ${row.provider}`);
    return row;
  }

  /** @throws Refusal CONFLICT for a secret that does not open, which stands in the audit log then */
  async #open(principal: Principal, row: SealedApiKey): Promise<string> {
    try {
      return unseal(this.#options.encryptionKeys, secretBinding(row), sealedOf(row));
    } catch (error) {
      if (!(error instanceof UnreadableSecretError)) throw error;
      this.#options.log.error(
        { key: apiKeyId(row.billingEntityId, row.id), why: error.message },
        'a secret is unreadable',
      );
      await this.#audit(principal, row, 'apiKey.secret.unreadable', { why: error.message });
      throw new Refusal('CONFLICT', 'the secret that is kept cannot be opened: rotate the key', { cause: error });
    }
  }

  #audit(
    principal: Principal,
    { billingEntityId, id }: ApiKeyRef,
    action: string,
    after: Record<string, unknown>,
  ): Promise<void> {
    const { audit, database } = this.#options;
    const subject = apiKeyId(billingEntityId, id);
    return audit(
      { billingEntityId, actor: actorOf(principal), action, subject, before: null, after, reason: null },
      database,
    );
  }
}

/** Callers can tell it from every other CONFLICT by `keyStatus`. */
function keyHasEnded(keyStatus: Exclude<ApiKeyStatus, 'ACTIVE'>): Refusal {
  return new Refusal('CONFLICT', `the key is ${keyStatus.toLowerCase()}`, { details: { keyStatus } });
}

/** The columns that open the secret of a CUSTOM key. */
export function sealedOf({ keyEncryptionKey, wrappedDataKey, ciphertext }: Sealing): Sealed {
  if (keyEncryptionKey === null || wrappedDataKey === null || ciphertext === null) {
    throw new Error('a CUSTOM key has no ciphertext');
  }
  return { keyEncryptionKey, wrappedDataKey, ciphertext };
}

type Sealing = Pick<StoredApiKey, 'keyEncryptionKey' | 'wrappedDataKey' | 'ciphertext'>;
