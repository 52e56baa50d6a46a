import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Ctx, Extensions, Info, Mutation, Query, Resolver } from 'type-graphql';
import { requirePrincipal } from '../../billing-entities/access.ts';
import { type ConsumeInput, type ConsumeResult, MAX_ITEMS, type UsageRejected } from '../../metering/consumption.ts';
import { partyOf } from '../billing-entities/party.ts';
import { aBatch, COMMAND, withWork } from '../execution/price.ts';
import type { RequestContext } from '../request/context.ts';
import { CheckUsageInput, ConsumeCreditsInput, ConsumeCreditsResult, UsageDecision } from './consumption.type.ts';
import { lostOf } from './metadata-losses.ts';

@Resolver()
export class ConsumptionResolver {
  @Extensions({ price: withWork(COMMAND) })
  @Mutation(() => ConsumeCreditsResult, {
    description: 'Charges use to its payer, once per idempotency key, all lines or none.',
  })
  async consumeCredits(
    @Arg('input', () => ConsumeCreditsInput, { description: 'The use, and its user.' }) input: ConsumeCreditsInput,
    @Ctx() { principal, services, sent }: RequestContext,
    @Info() { operation }: GraphQLResolveInfo,
  ): Promise<object> {
    const use = toConsumeInput(input, lostOf(input.metadata, { sent, operation }));
    return toUnion(await services.consumption.consume(requirePrincipal(principal), use));
  }

  @Extensions({ price: aBatch({ argument: 'inputs', most: MAX_ITEMS }) })
  @Mutation(() => [ConsumeCreditsResult], {
    description:
      '1 to 1000 independent consumptions; each has its own answer, in the order given. Malformed types and unknown enum values refuse the whole document before any item runs.',
  })
  async consumeCreditsBatch(
    @Arg('inputs', () => [ConsumeCreditsInput], { description: 'The consumptions.' })
    inputs: ConsumeCreditsInput[],
    @Ctx() { principal, services, sent }: RequestContext,
    @Info() { operation }: GraphQLResolveInfo,
  ): Promise<object[]> {
    const uses = inputs.map((input) => toConsumeInput(input, lostOf(input.metadata, { sent, operation })));
    const results = await services.consumption.consumeBatch(requirePrincipal(principal), uses);
    return results.map(toUnion);
  }

  @Extensions({ price: withWork(COMMAND) })
  @Query(() => UsageDecision, { description: 'Says if this use would be admitted now. Charges nothing.' })
  async checkUsage(
    @Arg('input', () => CheckUsageInput, { description: 'The use, and its user.' }) input: CheckUsageInput,
    @Ctx() context: RequestContext,
  ): Promise<object> {
    const decision = await context.services.consumption.check(requirePrincipal(context.principal), {
      lines: input.lines,
      userExternalId: input.userExternalId ?? null,
      organizationExternalId: input.organizationExternalId ?? null,
      apiKeyId: input.apiKeyId ?? null,
      feature: input.feature ?? null,
    });
    // Most callers want the decision alone.
    return { ...decision, billingEntity: () => partyOf(decision.billingEntityId, context) };
  }
}

function toConsumeInput(input: ConsumeCreditsInput, lostInMetadata: string | undefined): ConsumeInput {
  return {
    idempotencyKey: input.idempotencyKey,
    lines: input.lines,
    userExternalId: input.userExternalId ?? null,
    organizationExternalId: input.organizationExternalId ?? null,
    apiKeyId: input.apiKeyId ?? null,
    feature: input.feature ?? null,
    reservationId: input.reservationId ?? null,
    occurredAt: input.occurredAt ?? null,
    metadata: input.metadata ?? null,
    lostInMetadata,
  };
}

const MEMBERS = { success: 'ConsumeCreditsSuccess', refused: 'UsageRefused', rejected: 'UsageRejected' } as const;

function toUnion(result: ConsumeResult | UsageRejected): object {
  return { ...result, __typename: MEMBERS[result.kind] };
}
