import { Arg, Ctx, ID, Mutation, Resolver } from 'type-graphql';
import { requireOperator, requirePrincipal } from '../billing-entities/access.ts';
import type { CreditsChange } from '../credits/administration.ts';
import {
  AdjustCreditsInput,
  CreditsPayload,
  GrantCreditsInput,
  TransferCreditsInput,
  TransferCreditsResult,
} from './administration.type.ts';
import { requireVisible } from './authorization.ts';
import type { RequestContext } from './context.ts';
import { parseRecordId } from '../ids.ts';

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

  @Mutation(() => CreditsPayload, {
    description:
      'Gives back what a usage record charged, once: to the grants that were drawn, or to one like it where that has lapsed. Refunded before: CONFLICT. Operators only.',
  })
  async refundUsage(
    @Arg('recordId', () => ID, { description: 'The usage record’s id.' }) recordId: string,
    @Arg('idempotencyKey', () => String, { description: '1 to 200 characters, unique per payer over all commands.' })
    idempotencyKey: string,
    @Arg('reason', () => String, { description: 'Why: 1 to 1000 characters.' }) reason: string,
    @Ctx() context: RequestContext,
  ): Promise<CreditsChange> {
    const { billingEntityId } = parseRecordId(recordId);
    await requireVisible(context, requirePrincipal(context.principal), billingEntityId);
    const operator = requireOperator(context.principal);
    return context.services.administration.refund(operator, { idempotencyKey, recordId, reason });
  }

  @Mutation(() => TransferCreditsResult, {
    description:
      'Moves credits to another account; they keep their expiry and priority. Credits of a trial or a promotion stay where they are. Operators only.',
  })
  async transferCredits(
    @Arg('input', () => TransferCreditsInput, { description: 'From whom to whom, and how much.' })
    input: TransferCreditsInput,
    @Ctx() context: RequestContext,
  ): Promise<object> {
    const principal = requirePrincipal(context.principal);
    const [from, to] = await Promise.all([
      requireVisible(context, principal, input.fromBillingEntityId),
      requireVisible(context, principal, input.toBillingEntityId),
    ]);
    const operator = requireOperator(context.principal);
    const result = await context.services.transfers.transfer(operator, {
      idempotencyKey: input.idempotencyKey,
      fromBillingEntityId: from.billingEntityId,
      toBillingEntityId: to.billingEntityId,
      amount: input.amount,
      reason: input.reason ?? null,
    });
    return { ...result, __typename: result.kind === 'success' ? 'TransferCreditsSuccess' : 'InsufficientCredits' };
  }
}
