import { Extensions, Field, ID, ObjectType } from 'type-graphql';
import { entryId } from '../../kernel/public-ids.ts';
import type { Entry, EntryKind } from '../../ledger/rules/entries.ts';
import { plainValues } from '../execution/price.ts';
import { connectionOf } from '../types/connection.type.ts';
import { LedgerEntryKindEnum } from '../types/enums.ts';
import { Node } from '../types/node.type.ts';
import { CreditsScalar, DateTimeScalar, SafeIntScalar } from '../types/scalars.ts';

@ObjectType({
  implements: Node,
  description: 'One line of the append-only ledger. Read by callers who may read all of the billing entity.',
})
export class LedgerEntry {
  /** Not fields: the entity is part of the public id, the grant is a field of its own. */
  readonly billingEntityId!: string;
  readonly grantId!: string | null;
  readonly reservationId!: string | null;
  readonly counterpartyId!: string | null;
  readonly refunded!: Entry['refunded'];

  @Field(() => ID, { name: 'id', description: 'Opaque and stable.' })
  get publicId(): string {
    return entryId(this.billingEntityId, this.sequence);
  }

  @Field(() => SafeIntScalar, { simple: true, description: '1, 2, 3 … without gaps within one billing entity.' })
  readonly sequence!: bigint;

  @Field(() => LedgerEntryKindEnum, { simple: true, description: 'The kind of change.' })
  readonly kind!: EntryKind;

  @Field(() => CreditsScalar, { simple: true, description: 'Change of available: negative when credits leave it.' })
  readonly amount!: bigint;

  @Field(() => CreditsScalar, { description: 'Available before the entry.' })
  get availableBefore(): bigint {
    return this.availableAfter - this.amount;
  }

  @Field(() => CreditsScalar, { simple: true, description: 'Available after the entry.' })
  readonly availableAfter!: bigint;

  @Field(() => CreditsScalar, { simple: true, description: 'Change of held.' })
  readonly heldChange!: bigint;

  @Field(() => CreditsScalar, { simple: true, description: 'Change of overage.' })
  readonly overageChange!: bigint;

  @Field(() => CreditsScalar, { simple: true, description: 'Change of owed.' })
  readonly owedChange!: bigint;

  @Field(() => String, {
    simple: true,
    description: 'The actor: `user:…`, `service:…`, `operator:…` with their subject, or `system`.',
  })
  readonly actor!: string;

  @Field(() => String, { simple: true, nullable: true, description: 'The reason, if one was given.' })
  readonly reason!: string | null;

  @Field(() => DateTimeScalar, { simple: true, description: 'When it was committed.' })
  readonly createdAt!: Date;
}

export const LedgerEntryConnection = connectionOf('LedgerEntry', () => LedgerEntry, 'ledger entries, newest first');

@ObjectType({
  simpleResolvers: true,
  description: 'An account recomputed from its ledger and compared with what is stored.',
})
export class LedgerVerification {
  @Field(() => Boolean, { description: 'True when nothing differs.' })
  readonly consistent!: boolean;

  @Field(() => SafeIntScalar, { description: 'Entries that were read.' })
  readonly entriesChecked!: bigint;

  @Field(() => SafeIntScalar, { description: 'Sequence of the last entry that was read.' })
  readonly throughSequence!: bigint;

  @Field(() => SafeIntScalar, { description: 'Differences found.' })
  readonly problemCount!: bigint;

  @Extensions({ price: plainValues })
  @Field(() => [String], { description: 'The first 100, each naming the row.' })
  readonly problems!: readonly string[];
}
