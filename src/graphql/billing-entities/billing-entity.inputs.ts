import { ArgsType, Field, ID, InputType } from 'type-graphql';
import type { LedgerFilter as DomainLedgerFilter } from '../../ledger/statements.ts';
import type { ReservationStatus } from '../../ledger/rules/reservations.ts';
import type { UsageFilter as DomainUsageFilter } from '../../usage/usage-history.ts';
import type { SummaryRequest } from '../../usage/usage-summary.ts';
import type { UseFilter } from '../../usage/use-filter.ts';
import {
  BillingEntityTypeEnum,
  BillingModeEnum,
  LedgerEntryKindEnum,
  ReservationStatusEnum,
  UsageDimensionEnum,
  UsageIntervalEnum,
  UsageResourceEnum,
} from '../enums.ts';
import { PageArgs } from '../page.args.ts';
import { DateTimeScalar } from '../scalars.ts';

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

  @Field(() => [ID], { nullable: true, description: 'Used on these keys.' })
  readonly apiKeyIds?: string[] | null;

  @Field(() => [String], { nullable: true, description: 'Used in these organizations.' })
  readonly organizationExternalIds?: string[] | null;
}

@InputType({ description: 'Which use is summed up; conditions hold together.' })
export class UsageSummaryFilter {
  @Field(() => [UsageResourceEnum], { nullable: true, description: 'Of these resources.' })
  readonly resources?: NonNullable<UseFilter['resources']> | null;

  @Field(() => [String], { nullable: true, description: 'Used by these persons.' })
  readonly userExternalIds?: string[] | null;

  @Field(() => [BillingModeEnum], { nullable: true, description: 'Charged in these modes.' })
  readonly billingModes?: NonNullable<UseFilter['billingModes']> | null;

  @Field(() => [String], { nullable: true, description: 'Used for these features.' })
  readonly features?: string[] | null;

  @Field(() => [ID], { nullable: true, description: 'Used on these keys.' })
  readonly apiKeyIds?: string[] | null;
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
  readonly statuses!: ReservationStatus[];
}

@ArgsType()
export class ApiKeysArgs extends PageArgs {
  @Field(() => Boolean, { defaultValue: false, description: 'Revoked ones too.' })
  readonly includeRevoked!: boolean;
}

@ArgsType()
export class UsageArgs extends PageArgs {
  @Field(() => UsageFilter, { nullable: true, description: 'Which records; absent: all.' })
  readonly filter?: UsageFilter | null;
}

@ArgsType()
export class UsageSummaryArgs {
  @Field(() => DateTimeScalar, { description: 'Occurred at or after this; an hour that it lies in counts whole.' })
  readonly from!: Date;

  @Field(() => DateTimeScalar, { description: 'Occurred before this; an hour that it lies in counts whole.' })
  readonly to!: Date;

  @Field(() => UsageIntervalEnum, { description: 'How long each bucket is.' })
  readonly interval!: SummaryRequest['interval'];

  @Field(() => [UsageDimensionEnum], { defaultValue: [], description: 'What is told apart besides time.' })
  readonly groupBy!: SummaryRequest['groupBy'][number][];

  @Field(() => UsageSummaryFilter, { nullable: true, description: 'Which use; absent: all.' })
  readonly filter?: UsageSummaryFilter | null;

  @Field(() => String, {
    defaultValue: 'UTC',
    description: 'Where days and months begin: a name of the IANA database, of a place whole hours from UTC.',
  })
  readonly timeZone!: string;
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
  const organizationExternalIds = filter?.organizationExternalIds ?? null;
  return { from: filter?.from ?? null, to: filter?.to ?? null, ...toUseFilter(filter), organizationExternalIds };
}

/** The request with nothing left open. */
export function toSummaryRequest({ filter, ...rest }: UsageSummaryArgs): SummaryRequest {
  return { ...rest, filter: toUseFilter(filter) };
}

function toUseFilter(filter: UsageFilter | UsageSummaryFilter | null | undefined): UseFilter {
  return {
    resources: filter?.resources ?? null,
    userExternalIds: filter?.userExternalIds ?? null,
    billingModes: filter?.billingModes ?? null,
    features: filter?.features ?? null,
    apiKeyIds: filter?.apiKeyIds ?? null,
    organizationExternalIds: null,
  };
}
