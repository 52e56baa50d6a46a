import { Extensions, Field, ID, ObjectType } from 'type-graphql';
import { recordId } from '../../kernel/public-ids.ts';
import type { UsageRecord as DomainRecord } from '../../ledger/rules/entries.ts';
import type { Draw } from '../../ledger/rules/grants.ts';
import { type Carry, carryToDecimal } from '../../ledger/rules/pricing.ts';
import { aListOf } from '../execution/price.ts';
import { connectionOf } from '../types/connection.type.ts';
import { BillingModeEnum, UsageResourceEnum } from '../types/enums.ts';
import { Node } from '../types/node.type.ts';
import { CreditsScalar, DateTimeScalar, JsonObjectScalar, SafeIntScalar } from '../types/scalars.ts';

@ObjectType({ implements: Node, description: 'One line of use, as recorded and charged. Never changed afterwards.' })
export class UsageRecord {
  /** Not fields: together the public id. */
  readonly billingEntityId!: string;
  readonly sequence!: bigint;
  readonly line!: number;

  @Field(() => ID, { name: 'id', description: 'Opaque and stable.' })
  get publicId(): string {
    return recordId(this.billingEntityId, this.sequence, this.line);
  }

  @Field(() => BillingModeEnum, { simple: true, description: 'The billing mode, which says what was charged.' })
  readonly billingMode!: DomainRecord['billingMode'];

  @Field(() => UsageResourceEnum, { simple: true, description: 'The resource.' })
  readonly resource!: DomainRecord['resource'];

  @Field(() => String, {
    simple: true,
    nullable: true,
    description: 'What did the work, such as a model’s name; null: it was not named.',
  })
  readonly model!: string | null;

  @Field(() => SafeIntScalar, {
    simple: true,
    description: 'The quantity, in units of the resource: tokens or milliseconds.',
  })
  readonly quantity!: bigint;

  @Field(() => CreditsScalar, {
    simple: true,
    description: 'Credits charged for this record; 0 where the billing mode exempts it, or while fractions add up.',
  })
  readonly credits!: bigint;

  @Field(() => CreditsScalar, { simple: true, description: 'The part of the credits that was overage.' })
  readonly overage!: bigint;

  @Field(() => CreditsScalar, {
    simple: true,
    description: 'The part of the credits beyond every limit, which became owed: admitted work is always charged.',
  })
  readonly owed!: bigint;

  @Field(() => String, { simple: true, nullable: true, description: 'The feature that it was used for.' })
  readonly feature!: string | null;

  /** Exact fractions; shown as decimals. */
  readonly carriedBefore!: Carry;
  readonly carriedAfter!: Carry;

  @Field(() => String, { name: 'carriedBefore', description: 'Fraction of a credit carried in, 0 ≤ x < 1, a decimal.' })
  get carriedIn(): string {
    return carryToDecimal(this.carriedBefore);
  }

  @Field(() => String, { name: 'carriedAfter', description: 'Fraction of a credit carried out, 0 ≤ x < 1, a decimal.' })
  get carriedOut(): string {
    return carryToDecimal(this.carriedAfter);
  }

  @Field(() => JsonObjectScalar, { simple: true, nullable: true, description: 'The caller’s own data.' })
  readonly metadata!: Record<string, unknown> | null;

  @Field(() => DateTimeScalar, { simple: true, description: 'When the use happened, which orders history.' })
  readonly occurredAt!: Date;

  @Field(() => DateTimeScalar, {
    simple: true,
    description: 'When it was recorded and charged, which decides the period that pays.',
  })
  readonly recordedAt!: Date;
}

@ObjectType({ description: 'Credits drawn from one grant.' })
export class CreditDraw implements Draw {
  /** Not fields: which grant. */
  readonly billingEntityId!: string;
  readonly grantId!: string;

  @Field(() => CreditsScalar, { simple: true, description: 'Credits drawn.' })
  readonly credits!: bigint;
}

@ObjectType({ simpleResolvers: true, description: 'The records since the last event.' })
export class UsageRecordedEvent {
  @Extensions({ price: aListOf(20) })
  @Field(() => [UsageRecord], { description: 'Newest first, at most 20.' })
  readonly records!: readonly DomainRecord[];

  @Field(() => SafeIntScalar, {
    description: 'The number of records since the last event, or since the cursor, that are not shown.',
  })
  readonly skipped!: bigint;

  @Field(() => Boolean, {
    description:
      'true: more was recorded than `records` and `skipped` tell, or it is not known: read `usage` anew. Only after a cursor that is too old to count from, or that was made before the subscriber’s rights changed.',
  })
  readonly hasGap!: boolean;

  @Field(() => String, {
    description: 'The place after everything that was told so far, for `after` of a later subscription. Opaque.',
  })
  readonly cursor!: string;
}

export const UsageRecordConnection = connectionOf('UsageRecord', () => UsageRecord, 'usage records, newest use first');
