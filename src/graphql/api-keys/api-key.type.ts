import { ArgsType, Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { ApiKeyProvider, ApiKeyType } from '../../api-keys/api-key.entity.ts';
import type { ApiKey as DomainKey, ApiKeyStatus } from '../../api-keys/api-key.ts';
import { apiKeyId } from '../../kernel/public-ids.ts';
import type { BillingMode } from '../../ledger/rules/attribution.ts';
import { connectionOf } from '../types/connection.type.ts';
import { ApiKeyProviderEnum, ApiKeyStatusEnum, ApiKeyTypeEnum, BillingModeEnum } from '../types/enums.ts';
import { Node } from '../types/node.type.ts';
import { PageArgs } from '../types/page.args.ts';
import { CreditsScalar, DateTimeScalar } from '../types/scalars.ts';

@ObjectType({
  implements: Node,
  description:
    'A key of a billing entity. PLATFORM: a bearer of use, for it alone. CUSTOM: its own key of a model provider. Its secret is never part of it.',
})
export class ApiKey {
  /** Not fields: together the public id. */
  readonly billingEntityId!: string;
  readonly id!: string;

  @Field(() => ID, { name: 'id', description: 'Opaque and stable.' })
  get publicId(): string {
    return apiKeyId(this.billingEntityId, this.id);
  }

  @Field(() => String, { simple: true, description: 'Its name, for people.' })
  readonly name!: string;

  @Field(() => ApiKeyTypeEnum, { simple: true, description: 'The kind of key.' })
  readonly type!: ApiKeyType;

  @Field(() => ApiKeyProviderEnum, { simple: true, description: 'The provider whose models it is for.' })
  readonly provider!: ApiKeyProvider;

  @Field(() => BillingModeEnum, {
    simple: true,
    description:
      'FULL: tokens and compute are charged. COMPUTE_ONLY: tokens are recorded, only compute is charged. A change applies to new use.',
  })
  readonly billingMode!: BillingMode;

  @Field(() => String, {
    simple: true,
    description: 'Enough to recognise the key, never to use it: its prefix and last four characters.',
  })
  readonly hint!: string;

  @Field(() => ApiKeyStatusEnum, { simple: true, description: 'The status, which says if it can be used now.' })
  readonly status!: ApiKeyStatus;

  @Field(() => CreditsScalar, {
    simple: true,
    nullable: true,
    description: 'Most credits that it may use in a period of each payer, holds included; null: no limit of its own.',
  })
  readonly creditLimit!: bigint | null;

  @Field(() => String, { simple: true, description: 'The actor that made it, as the ledger names them.' })
  readonly createdBy!: string;

  @Field(() => DateTimeScalar, { simple: true, description: 'When it was made.' })
  readonly createdAt!: Date;

  @Field(() => DateTimeScalar, {
    simple: true,
    nullable: true,
    description: 'When it was last used, to a few minutes; null: never.',
  })
  readonly lastUsedAt!: Date | null;

  @Field(() => DateTimeScalar, { simple: true, nullable: true, description: 'When it ends by itself; null: never.' })
  readonly expiresAt!: Date | null;

  @Field(() => DateTimeScalar, { simple: true, nullable: true, description: 'When it was revoked; null: it is not.' })
  readonly revokedAt!: Date | null;
}

export const ApiKeyConnection = connectionOf('ApiKey', () => ApiKey, 'API keys, newest first');

@ArgsType()
export class ApiKeysArgs extends PageArgs {
  @Field(() => Boolean, { defaultValue: false, description: 'Revoked ones too.' })
  readonly includeRevoked!: boolean;
}

@ObjectType({ simpleResolvers: true, description: 'A key, and its secret if it is shown.' })
export class ApiKeySecretPayload {
  @Field(() => ApiKey, { description: 'The key.' })
  readonly apiKey!: DomainKey;

  @Field(() => String, {
    nullable: true,
    description: 'The secret of a PLATFORM key, shown this once; null for CUSTOM keys.',
  })
  readonly secret!: string | null;
}

@ObjectType({
  simpleResolvers: true,
  description: 'A customer’s own provider key, for a service to call the provider with.',
})
export class ProviderSecret {
  @Field(() => ApiKey, { description: 'The key: name it as `apiKeyId` of the use.' })
  readonly apiKey!: DomainKey;

  @Field(() => String, { description: 'The provider’s key. Keep it in memory, and nowhere else.' })
  readonly secret!: string;

  @Field(() => DateTimeScalar, { description: 'Ask again after this.' })
  readonly cacheUntil!: Date;
}

@InputType({ description: 'A new key.' })
export class CreateApiKeyInput {
  @Field(() => ID, { description: 'The billing entity that it will belong to.' })
  readonly billingEntityId!: string;

  @Field(() => String, { description: '1 to 100 characters, for people.' })
  readonly name!: string;

  @Field(() => ApiKeyTypeEnum, { description: 'The kind of key.' })
  readonly type!: ApiKeyType;

  @Field(() => ApiKeyProviderEnum, { description: 'The provider whose models it is for.' })
  readonly provider!: ApiKeyProvider;

  @Field(() => BillingModeEnum, {
    nullable: true,
    description: 'FULL for PLATFORM keys. CUSTOM keys default to COMPUTE_ONLY.',
  })
  readonly billingMode?: BillingMode | null;

  @Field(() => String, {
    nullable: true,
    description:
      'The customer’s own provider key (sk-… of OPENAI, sk-ant-… of ANTHROPIC); CUSTOM keys only, which need it. Stored encrypted, never shown again.',
  })
  readonly secret?: string | null;

  @Field(() => CreditsScalar, {
    nullable: true,
    description: 'Most credits a period of each payer, 0 or more; absent or null: no limit.',
  })
  readonly creditLimit?: bigint | null;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'The end, in the future; absent or null: never.',
  })
  readonly expiresAt?: Date | null;
}

@InputType({ description: 'Changes of a key; an absent field stays as it is.' })
export class UpdateApiKeyInput {
  @Field(() => ID, { description: 'The key’s id.' })
  readonly id!: string;

  @Field(() => String, { nullable: true, description: '1 to 100 characters; null: BAD_USER_INPUT.' })
  readonly name?: string | null;

  @Field(() => CreditsScalar, {
    nullable: true,
    description: 'Most credits a period of each payer, 0 or more; null: no limit.',
  })
  readonly creditLimit?: bigint | null;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'The new end, in the future; null: never. It makes an expired key valid again.',
  })
  readonly expiresAt?: Date | null;

  @Field(() => BillingModeEnum, {
    nullable: true,
    description: 'CUSTOM keys only, for use from now on; null: BAD_USER_INPUT.',
  })
  readonly billingMode?: BillingMode | null;
}

@InputType({ description: 'A new secret for a key.' })
export class RotateApiKeyInput {
  @Field(() => ID, { description: 'The key’s id.' })
  readonly id!: string;

  @Field(() => String, { nullable: true, description: 'CUSTOM keys, which need it: the provider’s new key.' })
  readonly secret?: string | null;

  @Field(() => Int, {
    defaultValue: 0,
    description:
      'PLATFORM keys: the old secret keeps working for so many seconds, 0 to 604800. Of CUSTOM keys nothing is kept; what services fetched before they may use until its cacheUntil.',
  })
  readonly overlapSeconds!: number;
}

@InputType({ description: 'For whose use a provider will be called.' })
export class ProviderSecretInput {
  @Field(() => ApiKeyProviderEnum, { description: 'The provider.' })
  readonly provider!: ApiKeyProvider;

  @Field(() => String, { nullable: true, description: 'The user; required unless a private organization pays.' })
  readonly userExternalId?: string | null;

  @Field(() => String, { nullable: true, description: 'The organization it is used in; unknown: NOT_FOUND.' })
  readonly organizationExternalId?: string | null;

  @Field(() => ID, {
    nullable: true,
    description:
      'The key that is wanted, of the payer or the user. Absent: the newest active CUSTOM key of the payer, else of the user.',
  })
  readonly apiKeyId?: string | null;

  @Field(() => Boolean, {
    defaultValue: false,
    description:
      'true: where the newest CUSTOM key that would apply has expired or was revoked, the answer is CONFLICT with `extensions.keyStatus` instead of null. null then means that there never was one.',
  })
  readonly failClosed!: boolean;
}
