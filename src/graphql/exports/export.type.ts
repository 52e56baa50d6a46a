import { Field, ID, InputType, ObjectType } from 'type-graphql';
import type { Export, ExportKind } from '../../usage/export-links.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { LedgerFilter, toLedgerFilter, toUsageFilter, UsageFilter } from '../billing-entities/billing-entity.inputs.ts';
import { ExportKindEnum } from '../enums.ts';
import { DateTimeScalar } from '../scalars.ts';

@InputType({ description: 'What a file shall hold.' })
export class CreateExportInput {
  @Field(() => ID, { description: 'Whose.' })
  readonly billingEntityId!: string;

  @Field(() => ExportKindEnum, { description: 'Usage records or ledger entries.' })
  readonly kind!: ExportKind;

  @Field(() => UsageFilter, {
    nullable: true,
    description: 'USAGE: which records; absent: all. With another kind: BAD_USER_INPUT.',
  })
  readonly usageFilter?: UsageFilter | null;

  @Field(() => LedgerFilter, {
    nullable: true,
    description: 'LEDGER: which entries; absent: all. With another kind: BAD_USER_INPUT.',
  })
  readonly ledgerFilter?: LedgerFilter | null;
}

@ObjectType({ simpleResolvers: true, description: 'An address to open in a browser.' })
export class HostedSession {
  @Field(() => String, { description: 'The address. Whoever has it may use it: keep it as secret as a token.' })
  readonly url!: string;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When it stops working; null: not known here.' })
  readonly expiresAt!: Date | null;
}

/** What is asked for, with nothing left open. @throws Refusal BAD_USER_INPUT for a filter of the other kind */
export function toExport({ kind, usageFilter, ledgerFilter }: CreateExportInput): Export {
  if (kind === 'USAGE') {
    if (ledgerFilter != null) throw new Refusal('BAD_USER_INPUT', 'ledgerFilter is for LEDGER');
    return { kind, filter: toUsageFilter(usageFilter) };
  }
  if (usageFilter != null) throw new Refusal('BAD_USER_INPUT', 'usageFilter is for USAGE');
  return { kind, filter: toLedgerFilter(ledgerFilter) };
}
