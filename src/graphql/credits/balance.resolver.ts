import { Arg, Extensions, ID, Resolver, Root, Subscription } from 'type-graphql';
import type { Balance } from '../../ledger/rules/balance.ts';
import { requireWatchable } from '../request/authorization.ts';
import { CreditBalance } from './balance.type.ts';

@Resolver()
export class BalanceResolver {
  // Whoever may see a balance sees the same: it is executed and serialised once for all subscribers.
  @Extensions({ sameForAll: true })
  @Subscription(() => CreditBalance, {
    description:
      'The balance as it is, at once; then each change, newest state only: at most ten events a second, and always the last.',
    async subscribe(request) {
      const { entity, context } = await requireWatchable(request, { needs: 'credits.read' });
      return context.services.live.balances(entity.billingEntityId);
    },
  })
  balanceUpdated(
    @Root() balance: Balance,
    @Arg('billingEntityId', () => ID, { description: 'Whose balance.' }) _billingEntityId: string,
  ): Balance {
    return balance;
  }
}
