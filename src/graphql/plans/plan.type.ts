import { Extensions, Field, Int, ObjectType } from 'type-graphql';
import { COST_PER_CREDIT_USD, type Rate } from '../../plans/rates.ts';
import { plainValues } from '../execution/price.ts';
import { UsageResourceEnum } from '../types/enums.ts';
import { CreditsScalar, PlanCodeScalar, SafeIntScalar } from '../types/scalars.ts';

@ObjectType({ simpleResolvers: true, description: 'What a plan costs and gives. Anybody may read it.' })
export class Plan {
  @Field(() => PlanCodeScalar, { description: 'The plan’s code.' })
  readonly code!: string;

  @Field(() => String, { description: 'Its name, for people.' })
  readonly name!: string;

  @Field(() => Int, { description: 'US cents a month for one unit.' })
  readonly priceCents!: number;

  @Field(() => CreditsScalar, { description: 'Credits each period for one unit; for FREE_TRIAL, once.' })
  readonly credits!: bigint;

  @Extensions({ price: plainValues })
  @Field(() => [String], { description: 'Features that the plan grants, such as basic_chatflows.' })
  readonly features!: readonly string[];

  @Field(() => Boolean, { description: 'Whether use beyond the credits can be allowed and billed.' })
  readonly overageAllowed!: boolean;

  @Field(() => String, {
    nullable: true,
    description: 'US dollars per credit of overage, a decimal; null where there is no overage.',
  })
  readonly overageCostPerCredit!: string | null;
}

@ObjectType({
  simpleResolvers: true,
  description: 'What a resource costs: so many units cost so many credits. Anybody may read it.',
})
export class CreditRate {
  @Field(() => UsageResourceEnum, { description: 'The resource.' })
  readonly resource!: Rate['resource'];

  @Field(() => SafeIntScalar, { description: 'Units of the resource, such as 1000 tokens or 60000 ms …' })
  readonly units!: bigint;

  @Field(() => CreditsScalar, { description: '… that cost this many credits.' })
  readonly credits!: bigint;

  @Field(() => String, { description: 'US dollars per credit, a decimal: 0.00004.' })
  readonly costPerCredit!: string;
}

/** A rate with what its credits cost. */
export function toCreditRate(rate: Rate): CreditRate {
  return { ...rate, costPerCredit: COST_PER_CREDIT_USD };
}
