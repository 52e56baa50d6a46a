import { Extensions, Query, Resolver } from 'type-graphql';
import { PLANS } from '../../plans/plans.ts';
import { COST_PER_CREDIT_USD, type Rate, RATES } from '../../plans/rates.ts';
import { CreditRate, Plan } from './plan.type.ts';
import { aListOf } from '../execution/price.ts';

/** A rate with what its credits cost. */
export function toCreditRate(rate: Rate): CreditRate {
  return { ...rate, costPerCredit: COST_PER_CREDIT_USD };
}

@Resolver()
export class PlanResolver {
  @Extensions({ price: aListOf(2) })
  @Query(() => [Plan], { description: 'Every plan there is, cheapest first. Anybody may ask.' })
  plans(): readonly Plan[] {
    return PLANS;
  }

  @Extensions({ price: aListOf(2) })
  @Query(() => [CreditRate], { description: 'What each resource costs now. Anybody may ask.' })
  creditRates(): readonly CreditRate[] {
    return Object.values(RATES).map(toCreditRate);
  }
}
