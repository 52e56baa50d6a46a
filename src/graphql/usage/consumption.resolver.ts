import { Arg, Ctx, Extensions, Mutation, Query, Resolver } from 'type-graphql';
import { requirePrincipal } from '../../billing-entities/access.ts';
import { type ConsumeInput, type ConsumeResult, MAX_ITEMS, type UsageRejected } from '../../metering/consumption.ts';
import { partyOf } from '../billing-entities/party.ts';
import { aBatch, COMMAND, withWork } from '../execution/price.ts';
import type { RequestContext } from '../request/context.ts';
import { CheckUsageInput, ConsumeCreditsInput, ConsumeCreditsResult, UsageDecision } from './consumption.type.ts';

@Resolver()
export class ConsumptionResolver {
  @Extensions({ price: withWork(COMMAND) })
  @Mutation(() => ConsumeCreditsResult, {
    description: 'Charges use to whoever pays, once per key, all lines or none.',
  })
  async consumeCredits(
    @Arg('input', () => ConsumeCreditsInput, { description: 'Who used what.' }) input: ConsumeCreditsInput,
    @Ctx() { principal, services }: RequestContext,
  ): Promise<object> {
    return toUnion(await services.consumption.consume(requirePrincipal(principal), toConsumeInput(input)));
  }

  @Extensions({ price: aBatch({ argument: 'inputs', most: MAX_ITEMS }) })
  @Mutation(() => [ConsumeCreditsResult], {
    description:
      '1 to 1000 independent consumptions; each has its own answer, in the order given. Malformed types and unknown enum values refuse the whole document before any item runs.',
  })
  async consumeCreditsBatch(
    @Arg('inputs', () => [ConsumeCreditsInput], { description: 'Who used what, item by item.' })
    inputs: ConsumeCreditsInput[],
    @Ctx() { principal, services }: RequestContext,
  ): Promise<object[]> {
    const results = await services.consumption.consumeBatch(requirePrincipal(principal), inputs.map(toConsumeInput));
    return results.map(toUnion);
  }

  @Extensions({ price: withWork(COMMAND) })
  @Query(() => UsageDecision, { description: 'Would this use be admitted now? Charges nothing.' })
  async checkUsage(
    @Arg('input', () => CheckUsageInput, { description: 'Who would use what.' }) input: CheckUsageInput,
    @Ctx() context: RequestContext,
  ): Promise<UsageDecision> {
    const decision = await context.loaders.reads.consumption.check(requirePrincipal(context.principal), {
      lines: input.lines,
      userExternalId: input.userExternalId ?? null,
      organizationExternalId: input.organizationExternalId ?? null,
      apiKeyId: input.apiKeyId ?? null,
      feature: input.feature ?? null,
    });
    return { ...decision, billingEntity: await partyOf(decision.billingEntityId, context) };
  }
}

function toConsumeInput(input: ConsumeCreditsInput): ConsumeInput {
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
  };
}

const MEMBERS = { success: 'ConsumeCreditsSuccess', refused: 'UsageRefused', rejected: 'UsageRejected' } as const;

function toUnion(result: ConsumeResult | UsageRejected): object {
  return { ...result, __typename: MEMBERS[result.kind] };
}
