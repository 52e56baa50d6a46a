import { Arg, Ctx, ID, Mutation, Resolver } from 'type-graphql';
import { requirePrincipal } from '../../billing-entities/access.ts';
import type { CreditsChange } from '../../credits/manual-changes.ts';
import { parseEntityId, parseRecordId } from '../../kernel/public-ids.ts';
import { requireAllowed } from '../request/authorization.ts';
import type { RequestContext } from '../request/context.ts';
import { CreditsScalar } from '../types/scalars.ts';
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
    @Arg('input', () => GrantCreditsInput, { description: 'The account, and the credits.' }) input: GrantCreditsInput,
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
    @Arg('input', () => AdjustCreditsInput, { description: 'The account, and the change.' }) input: AdjustCreditsInput,
    @Ctx() context: RequestContext,
  ): Promise<CreditsChange> {
    const principal = requirePrincipal(context.principal);
    const { billingEntityId } = await requireAllowed(context, input.billingEntityId, 'credits.adjust');
    const { idempotencyKey, amount, reason } = input;
    return context.services.administration.adjust(principal, { idempotencyKey, billingEntityId, amount, reason });
  }

  @Mutation(() => CreditsPayload, {
    description:
      'Gives back the credits of a usage record, all or a part, in the reverse of how they were taken: what was owed, then overage, then the grants, the last drawn first. They go to the grants that were drawn, or to a new one like it where a grant has expired. Parts never come to more than the charge. CONFLICT: that much is not left of it. BAD_USER_INPUT: credits of 0 or less. Operators only.',
  })
  async refundUsage(
    @Arg('recordId', () => ID, { description: 'The usage record’s id.' }) recordId: string,
    @Arg('idempotencyKey', () => String, { description: '1 to 200 characters, unique per payer over all commands.' })
    idempotencyKey: string,
    @Arg('reason', () => String, { description: 'The reason: 1 to 1000 characters.' }) reason: string,
    @Arg('credits', () => CreditsScalar, {
      nullable: true,
      description: 'Credits to give back, above 0. Absent or null: all that is left of the record’s charge.',
    })
    credits: bigint | null = null,
    @Ctx() context: RequestContext,
  ): Promise<CreditsChange> {
    const principal = requirePrincipal(context.principal);
    const { billingEntityId } = parseRecordId(recordId);
    await requireAllowed(context, billingEntityId, 'credits.refund');
    return context.services.administration.refund(principal, {
      idempotencyKey,
      recordId,
      reason,
      credits,
    });
  }

  @Mutation(() => TransferCreditsResult, {
    description:
      'Moves credits to another account; they keep their expiry and priority. Credits of a trial or a promotion stay where they are. OWNER and ADMIN move credits from their organization to its members, and take back what is left of them. A person moves their own credits to an organization that they belong to. Operators move any.',
  })
  async transferCredits(
    @Arg('input', () => TransferCreditsInput, { description: 'Both accounts, and the credits.' })
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
