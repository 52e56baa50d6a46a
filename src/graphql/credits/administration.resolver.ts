import { Arg, Ctx, ID, Mutation, Resolver } from 'type-graphql';
import { requirePrincipal } from '../../billing-entities/access.ts';
import type { CreditsChange } from '../../credits/manual-changes.ts';
import { parseEntityId, parseRecordId } from '../../kernel/public-ids.ts';
import { requireAllowed } from '../request/authorization.ts';
import type { RequestContext } from '../request/context.ts';
import {
  AdjustCreditsInput,
  CreditsPayload,
  GrantCreditsInput,
  TransferCreditsInput,
  TransferCreditsResult,
} from './administration.type.ts';

@Resolver()
export class AdministrationResolver {
  @Mutation(() => CreditsPayload, { description: 'Gives credits. Operators only.' })
  async grantCredits(
    @Arg('input', () => GrantCreditsInput, { description: 'To whom and how much.' }) input: GrantCreditsInput,
    @Ctx() context: RequestContext,
  ): Promise<CreditsChange> {
    const principal = requirePrincipal(context.principal);
    const { billingEntityId } = await requireAllowed(context, input.billingEntityId, 'credits.grant');
    const { idempotencyKey, amount, source, priority, reason, effectiveAt = null, expiresAt = null } = input;
    const grant = { idempotencyKey, billingEntityId, amount, source, priority, effectiveAt, expiresAt, reason };
    return context.services.administration.grant(principal, grant);
  }

  @Mutation(() => CreditsPayload, { description: 'Corrects a balance. Operators only.' })
  async adjustCredits(
    @Arg('input', () => AdjustCreditsInput, { description: 'Whose and by how much.' }) input: AdjustCreditsInput,
    @Ctx() context: RequestContext,
  ): Promise<CreditsChange> {
    const principal = requirePrincipal(context.principal);
    const { billingEntityId } = await requireAllowed(context, input.billingEntityId, 'credits.adjust');
    const { idempotencyKey, amount, reason } = input;
    return context.services.administration.adjust(principal, { idempotencyKey, billingEntityId, amount, reason });
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
    const principal = requirePrincipal(context.principal);
    const { billingEntityId } = parseRecordId(recordId);
    await requireAllowed(context, billingEntityId, 'credits.refund');
    return context.services.administration.refund(principal, { idempotencyKey, recordId, reason });
  }

  @Mutation(() => TransferCreditsResult, {
    description:
      'Moves credits to another account; they keep their expiry and priority. Credits of a trial or a promotion stay where they are. From an organization to its members, and back what came from it and is left: its OWNER or ADMIN. From a person’s own account to an organization they belong to: that person. Anywhere: operators.',
  })
  async transferCredits(
    @Arg('input', () => TransferCreditsInput, { description: 'From whom to whom, and how much.' })
    input: TransferCreditsInput,
    @Ctx() context: RequestContext,
  ): Promise<object> {
    const principal = requirePrincipal(context.principal);
    const result = await context.services.transfers.transfer(principal, {
      idempotencyKey: input.idempotencyKey,
      fromBillingEntityId: parseEntityId(input.fromBillingEntityId),
      toBillingEntityId: parseEntityId(input.toBillingEntityId),
      amount: input.amount,
      reason: input.reason ?? null,
    });
    return { ...result, __typename: result.kind === 'success' ? 'TransferCreditsSuccess' : 'InsufficientCredits' };
  }
}
