import { Extensions, Query, Resolver } from 'type-graphql';
import { PLANS } from '../../plans/plans.ts';
import { RATES } from '../../plans/rates.ts';
import { aListOf } from '../execution/price.ts';
import { CreditRate, Plan, toCreditRate } from './plan.type.ts';

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
