import { Arg, Extensions, ID, Resolver, Root, Subscription } from 'type-graphql';
import { requirePrincipal } from '../billing-entities/access.ts';
import type { Balance } from '../credits/balance.ts';
import { requireVisible } from './authorization.ts';
import { CreditBalance } from './balance.type.ts';
import type { RequestContext } from './context.ts';

@Resolver()
export class BalanceResolver {
  // Whoever may see a balance sees the same: it is executed and serialised once for all subscribers.
  @Extensions({ sameForAll: true })
  @Subscription(() => CreditBalance, {
    description:
      'The balance as it is, at once; then each change, newest state only: at most ten events a second, and always the last.',
    async subscribe({ args, context }) {
      const known = context as RequestContext;
      const { billingEntityId } = await requireVisible(
        known,
        requirePrincipal(known.principal),
        (args as { billingEntityId: string }).billingEntityId,
      );
      return known.services.live.balances(billingEntityId);
    },
  })
  balanceUpdated(
    @Root() balance: Balance,
    @Arg('billingEntityId', () => ID, { description: 'Whose balance.' }) _billingEntityId: string,
  ): Balance {
    return balance;
  }
}
