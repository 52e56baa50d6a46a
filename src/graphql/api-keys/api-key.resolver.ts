import { Arg, Args, Ctx, FieldResolver, ID, Mutation, Resolver, Root } from 'type-graphql';
import type { ApiKey as DomainKey } from '../../api-keys/api-key.ts';
import type { IssuedKey } from '../../api-keys/api-keys.ts';
import type { ProviderSecret as DomainSecret } from '../../api-keys/provider-secrets.ts';
import { requirePrincipal } from '../../billing-entities/access.ts';
import type { Operation } from '../../billing-entities/authorization.ts';
import type { BillingEntity as Row } from '../../billing-entities/billing-entity.entity.ts';
import type { Principal } from '../../billing-entities/principal.ts';
import type { Page } from '../../kernel/pagination.ts';
import { parseApiKeyId } from '../../kernel/public-ids.ts';
import type { ApiKeyRef } from '../../ledger/rules/attribution.ts';
import { BillingEntity } from '../billing-entities/billing-entity.type.ts';
import { partyOf } from '../billing-entities/party.ts';
import { Party } from '../billing-entities/party.type.ts';
import { nullIfNotFound, nullUnless, requireAllowed } from '../request/authorization.ts';
import type { RequestContext } from '../request/context.ts';
import { pageKeyOf } from '../types/page.args.ts';
import { CreditsScalar } from '../types/scalars.ts';
import {
  ApiKey,
  ApiKeyConnection,
  ApiKeysArgs,
  ApiKeySecretPayload,
  CreateApiKeyInput,
  ProviderSecret,
  ProviderSecretInput,
  RotateApiKeyInput,
  UpdateApiKeyInput,
} from './api-key.type.ts';

@Resolver(() => ApiKey)
export class ApiKeyResolver {
  @Mutation(() => ApiKeySecretPayload, {
    description:
      'Makes a key. The secret of a PLATFORM key is in this answer, and never again. CONFLICT: the entity has 1000 that are not revoked. Administrators of the entity.',
  })
  async createApiKey(
    @Arg('input', () => CreateApiKeyInput, { description: 'The key, and its owner.' }) input: CreateApiKeyInput,
    @Ctx() context: RequestContext,
  ): Promise<IssuedKey> {
    const { billingEntityId } = await requireAllowed(context, input.billingEntityId, 'apiKeys.create');
    return context.services.apiKeys.create(requirePrincipal(context.principal), billingEntityId, {
      name: input.name,
      type: input.type,
      provider: input.provider,
      billingMode: input.billingMode ?? null,
      secret: input.secret ?? null,
      creditLimit: input.creditLimit ?? null,
      expiresAt: input.expiresAt ?? null,
    });
  }

  @Mutation(() => ApiKey, {
    description: 'Changes the given fields of a key. CONFLICT: the key is revoked. Administrators of its entity.',
  })
  async updateApiKey(
    @Arg('input', () => UpdateApiKeyInput, { description: 'The key, and the fields that change.' })
    { id, ...input }: UpdateApiKeyInput,
    @Ctx() context: RequestContext,
  ): Promise<DomainKey> {
    const { principal, ref } = await requireKey(context, id, 'apiKeys.update');
    return context.services.apiKeys.update(principal, ref, input);
  }

  @Mutation(() => ApiKeySecretPayload, {
    description:
      'Gives a key a new secret; the key, its limit and its use stay. A second rotation during an overlap ends the oldest secret. CONFLICT: the key is revoked. Administrators of its entity.',
  })
  async rotateApiKey(
    @Arg('input', () => RotateApiKeyInput, { description: 'The key, and its new secret.' }) input: RotateApiKeyInput,
    @Ctx() context: RequestContext,
  ): Promise<IssuedKey> {
    const { principal, ref } = await requireKey(context, input.id, 'apiKeys.rotate');
    const request = { secret: input.secret ?? null, overlapSeconds: input.overlapSeconds };
    return context.services.apiKeys.rotate(principal, ref, request);
  }

  @Mutation(() => ApiKey, {
    description:
      'Ends a key from the answer on; sockets that it opened close within a second. A second call has the same answer. Administrators of its entity.',
  })
  async revokeApiKey(
    @Arg('id', () => ID, { description: 'The key’s id.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<DomainKey> {
    const { principal, ref } = await requireKey(context, id, 'apiKeys.revoke');
    return context.services.apiKeys.revoke(principal, ref);
  }

  @Mutation(() => ProviderSecret, {
    nullable: true,
    description:
      'The customer’s own provider key for this use. SERVICE only; audited. null: no CUSTOM key applies, use the platform’s own. CONFLICT: the key is expired or revoked (`extensions.keyStatus` says which) or unreadable, or the use would be refused.',
  })
  providerSecret(
    @Arg('input', () => ProviderSecretInput, { description: 'The use that the key is for.' })
    input: ProviderSecretInput,
    @Ctx() { principal, services }: RequestContext,
  ): Promise<DomainSecret | null> {
    return services.providerSecrets.read(requirePrincipal(principal), {
      provider: input.provider,
      userExternalId: input.userExternalId ?? null,
      organizationExternalId: input.organizationExternalId ?? null,
      apiKeyId: input.apiKeyId ?? null,
      failClosed: input.failClosed,
    });
  }

  @FieldResolver(() => Party, { description: 'The billing entity that the key belongs to.' })
  billingEntity(@Root() apiKey: DomainKey, @Ctx() context: RequestContext): Promise<Party> {
    return partyOf(apiKey.billingEntityId, context);
  }

  @FieldResolver(() => CreditsScalar, {
    description:
      'Credits charged for its use, overage included: in the current period of each account that paid, whether or not its owner belongs there still.',
  })
  usedThisPeriod(@Root() { billingEntityId, id }: DomainKey, @Ctx() { loaders }: RequestContext): Promise<bigint> {
    return loaders.usedByApiKey.load({ billingEntityId, id });
  }
}

@Resolver(() => BillingEntity)
export class ApiKeysOfEntityResolver {
  @FieldResolver(() => ApiKeyConnection, {
    nullable: true,
    description: 'Its keys, newest first. null: the caller may not read them.',
  })
  apiKeys(
    @Root() entity: Row,
    @Args(() => ApiKeysArgs) args: ApiKeysArgs,
    @Ctx() context: RequestContext,
  ): Promise<Page<DomainKey> | null> {
    return nullUnless(context, { entity, operation: 'apiKeys.read' }, () =>
      context.loaders.pages.apiKeys.load(pageKeyOf(entity, args, { includeRevoked: args.includeRevoked })),
    );
  }

  @FieldResolver(() => ApiKey, {
    nullable: true,
    description: 'One of its keys; null when there is none of this id for the caller.',
  })
  async apiKey(
    @Root() entity: Row,
    @Arg('id', () => ID, { description: 'The key’s id.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<DomainKey | null> {
    return nullUnless(context, { entity, operation: 'apiKeys.read' }, () => nullIfNotFound(keyOf(entity, id, context)));
  }
}

async function keyOf({ billingEntityId }: Row, id: string, { loaders }: RequestContext): Promise<DomainKey | null> {
  const ref = parseApiKeyId(id);
  return ref.billingEntityId === billingEntityId ? loaders.apiKey.load(ref) : null;
}

/** The caller and the key, if the caller may do this to it. @throws Refusal UNAUTHENTICATED, NOT_FOUND, FORBIDDEN */
async function requireKey(
  context: RequestContext,
  id: string,
  operation: Operation,
): Promise<{ principal: Principal; ref: ApiKeyRef }> {
  const principal = requirePrincipal(context.principal);
  const ref = parseApiKeyId(id);
  await requireAllowed(context, ref.billingEntityId, operation);
  return { principal, ref };
}
