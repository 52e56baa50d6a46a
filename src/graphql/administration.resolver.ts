import { Arg, Ctx, Mutation, Resolver } from 'type-graphql';
import { requireOperator, requirePrincipal } from '../billing-entities/access.ts';
import type { CreditsChange } from '../credits/administration.ts';
import { AdjustCreditsInput, CreditsPayload, GrantCreditsInput } from './administration.type.ts';
import { requireVisible } from './authorization.ts';
import type { RequestContext } from './context.ts';

@Resolver()
export class AdministrationResolver {
  @Mutation(() => CreditsPayload, { description: 'Gives credits. Operators only.' })
  async grantCredits(
    @Arg('input', () => GrantCreditsInput, { description: 'To whom and how much.' }) input: GrantCreditsInput,
    @Ctx() context: RequestContext,
  ): Promise<CreditsChange> {
    const { billingEntityId } = await requireVisible(
      context,
      requirePrincipal(context.principal),
      input.billingEntityId,
    );
    const operator = requireOperator(context.principal);
    const { idempotencyKey, amount, source, priority, reason, effectiveAt = null, expiresAt = null } = input;
    const grant = { idempotencyKey, billingEntityId, amount, source, priority, effectiveAt, expiresAt, reason };
    return context.services.administration.grant(operator, grant);
  }

  @Mutation(() => CreditsPayload, { description: 'Corrects a balance. Operators only.' })
  async adjustCredits(
    @Arg('input', () => AdjustCreditsInput, { description: 'Whose and by how much.' }) input: AdjustCreditsInput,
    @Ctx() context: RequestContext,
  ): Promise<CreditsChange> {
    const { billingEntityId } = await requireVisible(
      context,
      requirePrincipal(context.principal),
      input.billingEntityId,
    );
    const operator = requireOperator(context.principal);
    const { idempotencyKey, amount, reason } = input;
    return context.services.administration.adjust(operator, { idempotencyKey, billingEntityId, amount, reason });
  }
}
