import { Ctx, Extensions, FieldResolver, Resolver, Root } from 'type-graphql';
import type { BillingEntity as Row } from '../../billing-entities/billing-entity.entity.ts';
import { BillingEntity } from '../billing-entities/billing-entity.type.ts';
import { plainValues } from '../execution/price.ts';
import { nullUnless } from '../request/authorization.ts';
import type { RequestContext } from '../request/context.ts';

@Resolver(() => BillingEntity)
export class AlertEmailsResolver {
  @Extensions({ price: plainValues })
  @FieldResolver(() => [String], {
    nullable: true,
    description:
      'The addresses that it chose for its alerts, at most ten, in its order, also those that are not mailed: who did not confirm yet, or unsubscribed. Empty: a person is mailed at their token’s address, an organization at those of its OWNERs, ADMINs and BILLINGs. null: the caller may not read it.',
  })
  alertEmails(@Root() entity: Row, @Ctx() context: RequestContext): Promise<string[] | null> {
    return nullUnless(context, { entity, operation: 'alertEmails.read' }, () =>
      context.loaders.alertEmails.load(entity.billingEntityId),
    );
  }
}
