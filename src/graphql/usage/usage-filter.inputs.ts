import { ArgsType, Field, ID, InputType } from 'type-graphql';
import type { UsageFilter as DomainUsageFilter } from '../../usage/usage-history.ts';
import type { SummaryRequest } from '../../usage/usage-summary.ts';
import type { UseFilter } from '../../usage/use-filter.ts';
import { BillingModeEnum, UsageDimensionEnum, UsageIntervalEnum, UsageResourceEnum } from '../types/enums.ts';
import { PageArgs } from '../types/page.args.ts';
import { DateTimeScalar } from '../types/scalars.ts';

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
