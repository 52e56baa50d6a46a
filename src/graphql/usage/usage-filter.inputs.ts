import { ArgsType, Field, ID, InputType } from 'type-graphql';
import type { UsageFilter as DomainUsageFilter } from '../../usage/usage-history.ts';
import type { SummaryRequest } from '../../usage/usage-summary.ts';
import type { UseFilter } from '../../usage/use-filter.ts';
import { BillingModeEnum, UsageDimensionEnum, UsageIntervalEnum, UsageResourceEnum } from '../types/enums.ts';
import { PageArgs } from '../types/page.args.ts';
import { DateTimeScalar } from '../types/scalars.ts';

@InputType({ description: 'A filter of usage records; every condition must hold.' })
export class UsageFilter {
  @Field(() => DateTimeScalar, { nullable: true, description: 'Occurred at or after this.' })
  readonly from?: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Occurred before this.' })
  readonly to?: Date | null;

  @Field(() => [UsageResourceEnum], { nullable: true, description: 'These resources.' })
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

  @Field(() => [String], { nullable: true, description: 'Done by these models. Use without a model fits none.' })
  readonly models?: string[] | null;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'Recorded at or after this: money follows the instant of recording, so a bill is reconciled by it.',
  })
  readonly recordedFrom?: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Recorded before this.' })
  readonly recordedTo?: Date | null;
}

@InputType({ description: 'A filter of use to sum up; every condition must hold.' })
export class UsageSummaryFilter {
  @Field(() => [UsageResourceEnum], { nullable: true, description: 'These resources.' })
  readonly resources?: NonNullable<UseFilter['resources']> | null;

  @Field(() => [String], { nullable: true, description: 'Used by these persons.' })
  readonly userExternalIds?: string[] | null;

  @Field(() => [BillingModeEnum], { nullable: true, description: 'Charged in these modes.' })
  readonly billingModes?: NonNullable<UseFilter['billingModes']> | null;

  @Field(() => [String], { nullable: true, description: 'Used for these features.' })
  readonly features?: string[] | null;

  @Field(() => [ID], { nullable: true, description: 'Used on these keys.' })
  readonly apiKeyIds?: string[] | null;

  @Field(() => [String], { nullable: true, description: 'Used in these organizations.' })
  readonly organizationExternalIds?: string[] | null;

  @Field(() => [String], {
    nullable: true,
    description:
      'Done by these models, as far as their use is summed up by name. Use without a model fits none, and so does that of further models, which lists and exports tell by name.',
  })
  readonly models?: string[] | null;
}

@ArgsType()
export class UsageArgs extends PageArgs {
  @Field(() => UsageFilter, { nullable: true, description: 'The records to show; absent: all.' })
  readonly filter?: UsageFilter | null;
}

@ArgsType()
export class UsageSummaryArgs {
  @Field(() => DateTimeScalar, {
    description: 'Occurred at or after this; the quarter hour (UTC) that it lies in counts whole.',
  })
  readonly from!: Date;

  @Field(() => DateTimeScalar, {
    description: 'Occurred before this; the quarter hour (UTC) that it lies in counts whole.',
  })
  readonly to!: Date;

  @Field(() => UsageIntervalEnum, { description: 'The length of each bucket.' })
  readonly interval!: SummaryRequest['interval'];

  @Field(() => [UsageDimensionEnum], {
    defaultValue: [],
    description: 'Dimensions besides time: each bucket has one value of each.',
  })
  readonly groupBy!: SummaryRequest['groupBy'][number][];

  @Field(() => UsageSummaryFilter, { nullable: true, description: 'The use to sum up; absent: all.' })
  readonly filter?: UsageSummaryFilter | null;

  @Field(() => String, {
    defaultValue: 'UTC',
    description:
      'The time zone of days and months: a name of the IANA database. HOUR: one of whole hours from UTC, else BAD_USER_INPUT. TOTAL depends on none.',
  })
  readonly timeZone!: string;
}

/** The filter in the domain’s form, where null means no condition. */
export function toUsageFilter(filter: UsageFilter | null | undefined): DomainUsageFilter {
  return {
    ...toUseFilter(filter),
    from: filter?.from ?? null,
    to: filter?.to ?? null,
    recordedFrom: filter?.recordedFrom ?? null,
    recordedTo: filter?.recordedTo ?? null,
  };
}

/** The request in the domain’s form. */
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
    organizationExternalIds: filter?.organizationExternalIds ?? null,
    models: filter?.models ?? null,
  };
}
