import { ArgsType, Field, InputType } from 'type-graphql';
import type { LedgerFilter as DomainLedgerFilter } from '../../ledger/statements.ts';
import { LedgerEntryKindEnum } from '../types/enums.ts';
import { PageArgs } from '../types/page.args.ts';
import { DateTimeScalar } from '../types/scalars.ts';

@InputType({ description: 'Which entries of the ledger; conditions hold together.' })
export class LedgerFilter {
  @Field(() => [LedgerEntryKindEnum], { nullable: true, description: 'Of these kinds.' })
  readonly kinds?: string[] | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Committed at or after this.' })
  readonly from?: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Committed before this.' })
  readonly to?: Date | null;
}

@ArgsType()
export class LedgerArgs extends PageArgs {
  @Field(() => LedgerFilter, { nullable: true, description: 'Which entries; absent: all.' })
  readonly filter?: LedgerFilter | null;
}

/** The filter with nothing left open. */
export function toLedgerFilter(filter: LedgerFilter | null | undefined): DomainLedgerFilter {
  return { kinds: filter?.kinds ?? null, from: filter?.from ?? null, to: filter?.to ?? null };
}
