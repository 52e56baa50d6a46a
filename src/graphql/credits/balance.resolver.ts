import { Arg, Extensions, ID, Resolver, Root, Subscription } from 'type-graphql';
import type { Balance } from '../../ledger/rules/balance.ts';
import { requireWatchable } from '../request/authorization.ts';
import { CreditBalance } from './balance.type.ts';

@Resolver()
export class BalanceResolver {
  // A balance looks the same to everybody who may see it: it is executed and serialised once for all subscribers.
  @Extensions({ sameForAll: true })
  @Subscription(() => CreditBalance, {
    description:
      'The balance now, then each change. At most ten events a second, each with the newest state; the last state is always sent.',
    async subscribe(request) {
      const { entity, context } = await requireWatchable(request, { needs: 'credits.read' });
      return context.services.live.balances(entity.billingEntityId);
    },
  })
  balanceUpdated(
    @Root() balance: Balance,
    @Arg('billingEntityId', () => ID, { description: 'The billing entity to watch.' }) _billingEntityId: string,
  ): Balance {
    return balance;
  }
}
