import { Field, ID, InputType } from 'type-graphql';
import { Refusal } from '../../kernel/refusal.ts';
import type { Export, ExportKind } from '../../usage/export-links.ts';
import { LedgerFilter, toLedgerFilter } from '../credits/ledger-entry.inputs.ts';
import { ExportKindEnum } from '../types/enums.ts';
import { toUsageFilter, UsageFilter } from '../usage/usage-filter.inputs.ts';

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

/** What is asked for, with nothing left open. @throws Refusal BAD_USER_INPUT for a filter of the other kind */
export function toExport({ kind, usageFilter, ledgerFilter }: CreateExportInput): Export {
  if (kind === 'USAGE') {
    if (ledgerFilter != null) throw new Refusal('BAD_USER_INPUT', 'ledgerFilter is for LEDGER');
    return { kind, filter: toUsageFilter(usageFilter) };
  }
  if (usageFilter != null) throw new Refusal('BAD_USER_INPUT', 'usageFilter is for USAGE');
  return { kind, filter: toLedgerFilter(ledgerFilter) };
}
