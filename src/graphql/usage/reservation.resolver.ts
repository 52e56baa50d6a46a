import { Arg, Ctx, Extensions, FieldResolver, ID, Int, Mutation, Resolver, Root } from 'type-graphql';
import type { ApiKey as DomainKey } from '../../api-keys/api-key.ts';
import { requirePrincipal } from '../../billing-entities/access.ts';
import type { Reservation as DomainReservation } from '../../ledger/rules/reservations.ts';
import { keyOfUse } from '../api-keys/api-key.access.ts';
import { ApiKey } from '../api-keys/api-key.type.ts';
import { partyOf } from '../billing-entities/party.ts';
import { Party } from '../billing-entities/party.type.ts';
import { COMMAND, withWork } from '../execution/price.ts';
import type { RequestContext } from '../request/context.ts';
import { Reservation, ReserveCreditsInput, ReserveCreditsResult } from './reservation.type.ts';

@Resolver(() => Reservation)
export class ReservationResolver {
  @Extensions({ price: withWork(COMMAND) })
  @Mutation(() => ReserveCreditsResult, {
    description: 'Keeps credits for running work, once per key; succeeds exactly where consuming as much would.',
  })
  async reserveCredits(
    @Arg('input', () => ReserveCreditsInput, { description: 'Who may come to use what.' }) input: ReserveCreditsInput,
    @Ctx() { principal, services }: RequestContext,
  ): Promise<object> {
    const result = await services.reservations.reserve(requirePrincipal(principal), {
      idempotencyKey: input.idempotencyKey,
      lines: input.lines,
      userExternalId: input.userExternalId ?? null,
      organizationExternalId: input.organizationExternalId ?? null,
      apiKeyId: input.apiKeyId ?? null,
      feature: input.feature ?? null,
      ttlSeconds: input.ttlSeconds,
    });
    return { ...result, __typename: result.kind === 'success' ? 'ReserveCreditsSuccess' : 'UsageRefused' };
  }

  @Mutation(() => Reservation, {
    description:
      'Moves the end of a reservation: counts from now; only while HELD, else CONFLICT. Whoever reserved, services and operators.',
  })
  extendReservation(
    @Arg('id', () => ID, { description: 'The reservation’s id.' }) id: string,
    @Arg('ttlSeconds', () => Int, { description: 'Seconds from now until it lapses by itself: 10 to 86400.' })
    ttlSeconds: number,
    @Ctx() { principal, services }: RequestContext,
  ): Promise<DomainReservation> {
    return services.reservations.extend(requirePrincipal(principal), id, ttlSeconds);
  }

  @Mutation(() => Reservation, {
    description:
      'Lets a reservation go. Releasing again answers the same; settled: CONFLICT. Whoever reserved, services and operators.',
  })
  releaseReservation(
    @Arg('id', () => ID, { description: 'The reservation’s id.' }) id: string,
    @Ctx() { principal, services }: RequestContext,
  ): Promise<DomainReservation> {
    return services.reservations.release(requirePrincipal(principal), id);
  }

  @FieldResolver(() => Party, { description: 'Who pays.' })
  billingEntity(@Root() reservation: DomainReservation, @Ctx() context: RequestContext): Promise<Party> {
    return partyOf(reservation.billingEntityId, context);
  }

  @FieldResolver(() => Party, { nullable: true, description: 'Who uses it, if a person does.' })
  user(@Root() reservation: DomainReservation, @Ctx() context: RequestContext): Promise<Party> | null {
    return reservation.userId === null ? null : partyOf(reservation.userId, context);
  }

  @FieldResolver(() => ApiKey, {
    nullable: true,
    description: 'The key that it is for. null: none, or one that the caller may not read.',
  })
  apiKey(@Root() reservation: DomainReservation, @Ctx() context: RequestContext): Promise<DomainKey | null> {
    return keyOfUse(reservation.apiKey, context);
  }
}
