import { Arg, Ctx, Extensions, FieldResolver, ID, Int, Mutation, Resolver, Root } from 'type-graphql';
import type { ApiKey as DomainKey } from '../../api-keys/api-key.ts';
import { requirePrincipal } from '../../billing-entities/access.ts';
import { type Reservation as DomainReservation, releasedOf, settlementOf } from '../../ledger/rules/reservations.ts';
import { keyOfUse } from '../api-keys/api-key.access.ts';
import { ApiKey } from '../api-keys/api-key.type.ts';
import { partyOf } from '../billing-entities/party.ts';
import { Party } from '../billing-entities/party.type.ts';
import { COMMAND, withWork } from '../execution/price.ts';
import type { RequestContext } from '../request/context.ts';
import { CreditsScalar } from '../types/scalars.ts';
import { Reservation, ReserveCreditsInput, ReserveCreditsResult } from './reservation.type.ts';

@Resolver(() => Reservation)
export class ReservationResolver {
  @Extensions({ price: withWork(COMMAND) })
  @Mutation(() => ReserveCreditsResult, {
    description:
      'Reserves credits for running work, once per idempotency key. Succeeds exactly when consuming as much would.',
  })
  async reserveCredits(
    @Arg('input', () => ReserveCreditsInput, { description: 'The use to reserve for, and its user.' })
    input: ReserveCreditsInput,
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
      'Moves the end of a reservation, counted from now. CONFLICT: it is not HELD. The caller who reserved, services and operators.',
  })
  extendReservation(
    @Arg('id', () => ID, { description: 'The reservation’s id.' }) id: string,
    @Arg('ttlSeconds', () => Int, { description: 'Seconds from now until it expires: 10 to 86400.' })
    ttlSeconds: number,
    @Ctx() { principal, services }: RequestContext,
  ): Promise<DomainReservation> {
    return services.reservations.extend(requirePrincipal(principal), id, ttlSeconds);
  }

  @Mutation(() => Reservation, {
    description:
      'Releases a reservation. A second call has the same answer. CONFLICT: it is settled. The caller who reserved, services and operators.',
  })
  releaseReservation(
    @Arg('id', () => ID, { description: 'The reservation’s id.' }) id: string,
    @Ctx() { principal, services }: RequestContext,
  ): Promise<DomainReservation> {
    return services.reservations.release(requirePrincipal(principal), id);
  }

  @FieldResolver(() => Party, { description: 'The payer.' })
  billingEntity(@Root() reservation: DomainReservation, @Ctx() context: RequestContext): Promise<Party> {
    return partyOf(reservation.billingEntityId, context);
  }

  @FieldResolver(() => Party, { nullable: true, description: 'The user, if a person uses it.' })
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

  @FieldResolver(() => CreditsScalar, {
    nullable: true,
    description:
      'What of the reserved credits nobody used: all of them where it was released or expired; after a settlement what its charge left, 0 where that came to more. A later refund changes nothing of it. null: it is HELD.',
  })
  async releasedCredits(
    @Root() reservation: DomainReservation,
    @Ctx() { loaders }: RequestContext,
  ): Promise<bigint | null> {
    const { billingEntityId } = reservation;
    const sequence = settlementOf(reservation);
    const records = sequence === null ? [] : await loaders.recordsOfEntry.load({ billingEntityId, sequence });
    return releasedOf(
      reservation,
      records.reduce((sum, { credits }) => sum + credits, 0n),
    );
  }
}
