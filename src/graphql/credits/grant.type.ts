import { ArgsType, Field, ID, Int, ObjectType } from 'type-graphql';
import { grantId } from '../../kernel/public-ids.ts';
import type { Grant } from '../../ledger/rules/grants.ts';
import { connectionOf } from '../types/connection.type.ts';
import { CreditGrantSourceEnum } from '../types/enums.ts';
import { Node } from '../types/node.type.ts';
import { PageArgs } from '../types/page.args.ts';
import { CreditsScalar, DateTimeScalar } from '../types/scalars.ts';

@ObjectType({
  implements: Node,
  description: 'Credits that were given, and their rest. Read by callers who may read all of the billing entity.',
})
export class CreditGrant implements Pick<Grant, 'billingEntityId' | 'source' | 'amount' | 'remaining'> {
  /** Not a field: part of the public id. */
  readonly billingEntityId!: string;

  @Field(() => ID, { name: 'id', description: 'Opaque and stable.' })
  get publicId(): string {
    return grantId(this.billingEntityId, this.id);
  }

  /** Not a field: unique within its billing entity alone. */
  readonly id!: string;

  @Field(() => CreditGrantSourceEnum, { simple: true, description: 'The source of the credits.' })
  readonly source!: Grant['source'];

  @Field(() => CreditsScalar, { simple: true, description: 'Credits granted.' })
  readonly amount!: bigint;

  @Field(() => CreditsScalar, { simple: true, description: 'Credits left: neither used nor expired.' })
  readonly remaining!: bigint;

  @Field(() => Int, {
    simple: true,
    description:
      'Order of drawing: lower priority number, then sooner expiry (never last), then promotional before paid, then older.',
  })
  readonly priority!: number;

  @Field(() => DateTimeScalar, { simple: true, description: 'When the credits take effect.' })
  readonly effectiveAt!: Date;

  @Field(() => DateTimeScalar, { simple: true, nullable: true, description: 'When the rest expires; null: never.' })
  readonly expiresAt!: Date | null;

  @Field(() => DateTimeScalar, {
    simple: true,
    nullable: true,
    description:
      'When the last of it was clawed back, after a refund of its payment or a lost dispute; null: it was not.',
  })
  readonly voidedAt!: Date | null;

  @Field(() => String, { simple: true, nullable: true, description: 'The reason it was given.' })
  readonly reason!: string | null;
}

export const CreditGrantConnection = connectionOf(
  'CreditGrant',
  () => CreditGrant,
  'grants in the order in which they are drawn',
);

@ArgsType()
export class GrantsArgs extends PageArgs {
  @Field(() => Boolean, { defaultValue: true, description: 'Only grants in effect that have something left.' })
  readonly activeOnly!: boolean;
}
