import { ArgsType, Field, ID, InputType } from 'type-graphql';
import type { LedgerFilter as DomainLedgerFilter } from '../credits/history.ts';
import type { HoldStatus } from '../credits/holds.ts';
import type { UsageFilter as DomainUsageFilter } from '../usage/usage-history.ts';
import {
  BillingEntityTypeEnum,
  BillingModeEnum,
  LedgerEntryKindEnum,
  ReservationStatusEnum,
  UsageResourceEnum,
} from './enums.ts';
import { PageArgs } from './page.args.ts';
import { DateTimeScalar } from './scalars.ts';

@InputType({ description: 'Names a billing entity.' })
export class BillingEntityInput {
  @Field(() => ID, { description: 'Its id.' })
  readonly billingEntityId!: string;
}

@InputType({ description: 'Which entries of the ledger; conditions hold together.' })
export class LedgerFilter {
  @Field(() => [LedgerEntryKindEnum], { nullable: true, description: 'Of these kinds.' })
  readonly kinds?: string[] | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Committed at or after this.' })
  readonly from?: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Committed before this.' })
  readonly to?: Date | null;
}

@InputType({ description: 'Which usage records; conditions hold together.' })
export class UsageFilter {
  @Field(() => DateTimeScalar, { nullable: true, description: 'Occurred at or after this.' })
  readonly from?: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Occurred before this.' })
  readonly to?: Date | null;

  @Field(() => [UsageResourceEnum], { nullable: true, description: 'Of these resources.' })
  readonly resources?: NonNullable<DomainUsageFilter['resources']> | null;

  @Field(() => [String], { nullable: true, description: 'Used by these persons.' })
  readonly userExternalIds?: string[] | null;

  @Field(() => [BillingModeEnum], { nullable: true, description: 'Charged in these modes.' })
  readonly billingModes?: NonNullable<DomainUsageFilter['billingModes']> | null;

  @Field(() => [String], { nullable: true, description: 'Used for these features.' })
  readonly features?: string[] | null;
}

@ArgsType()
export class GrantsArgs extends PageArgs {
  @Field(() => Boolean, { defaultValue: true, description: 'Only grants in effect that have something left.' })
  readonly activeOnly!: boolean;
}

@ArgsType()
export class LedgerArgs extends PageArgs {
  @Field(() => LedgerFilter, { nullable: true, description: 'Which entries; absent: all.' })
  readonly filter?: LedgerFilter | null;
}

@ArgsType()
export class ReservationsArgs extends PageArgs {
  @Field(() => [ReservationStatusEnum], { defaultValue: ['HELD'], description: 'Of these statuses.' })
  readonly statuses!: HoldStatus[];
}

@ArgsType()
export class UsageArgs extends PageArgs {
  @Field(() => UsageFilter, { nullable: true, description: 'Which records; absent: all.' })
  readonly filter?: UsageFilter | null;
}

@ArgsType()
export class BillingEntitiesArgs extends PageArgs {
  @Field(() => String, { nullable: true, description: 'Looked for in names and external ids, whatever their case.' })
  readonly search?: string | null;

  @Field(() => BillingEntityTypeEnum, { nullable: true, description: 'Only users, or only organizations.' })
  readonly type?: 'USER' | 'ORGANIZATION' | null;
}

/** The filter with nothing left open. */
export function toLedgerFilter(filter: LedgerFilter | null | undefined): DomainLedgerFilter {
  return { kinds: filter?.kinds ?? null, from: filter?.from ?? null, to: filter?.to ?? null };
}

/** The filter with nothing left open. */
export function toUsageFilter(filter: UsageFilter | null | undefined): DomainUsageFilter {
  return {
    from: filter?.from ?? null,
    to: filter?.to ?? null,
    resources: filter?.resources ?? null,
    userExternalIds: filter?.userExternalIds ?? null,
    billingModes: filter?.billingModes ?? null,
    features: filter?.features ?? null,
  };
}
