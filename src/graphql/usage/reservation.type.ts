import { ArgsType, createUnionType, Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import { reservationId } from '../../kernel/public-ids.ts';
import type { Balance } from '../../ledger/rules/balance.ts';
import {
  type Reservation as DomainReservation,
  type ReservationStatus,
  reservedBy,
} from '../../ledger/rules/reservations.ts';
import { CreditBalance } from '../credits/balance.type.ts';
import { connectionOf } from '../types/connection.type.ts';
import { ReservationStatusEnum } from '../types/enums.ts';
import { Node } from '../types/node.type.ts';
import { PageArgs } from '../types/page.args.ts';
import { CreditsScalar, DateTimeScalar } from '../types/scalars.ts';
import { UsageLineInput, UsageRefused } from './consumption.type.ts';

@InputType({ description: 'A reservation for running work.' })
export class ReserveCreditsInput {
  @Field(() => String, {
    description:
      '1 to 200 characters, unique per payer over all commands: the reservation is made once, and a retry gets it again.',
  })
  readonly idempotencyKey!: string;

  @Field(() => [UsageLineInput], {
    description: '1 to 10 lines. An estimate; the charge at settlement follows what was really used.',
  })
  readonly lines!: UsageLineInput[];

  @Field(() => String, {
    nullable: true,
    description:
      'The user. Services must name the user; a user’s own token implies it. An organization’s API key may leave it out.',
  })
  readonly userExternalId?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      'The organization it will be used in. NOT_FOUND: it is unknown, or private and the user is no member. An API key’s own organization is implied.',
  })
  readonly organizationExternalId?: string | null;

  @Field(() => ID, {
    nullable: true,
    description:
      'The key that the work runs on; it decides the billing mode. FULL when absent; CONFLICT when revoked or expired.',
  })
  readonly apiKeyId?: string | null;

  @Field(() => String, { nullable: true, description: 'Refused unless the payer’s plan grants this feature.' })
  readonly feature?: string | null;

  @Field(() => Int, { defaultValue: 600, description: 'Seconds until it expires: 10 to 86400.' })
  readonly ttlSeconds!: number;
}

@ObjectType({
  implements: Node,
  description: 'Credits that are kept for running work until it is settled, released, or out of time.',
})
export class Reservation {
  /** Not fields: the entity is part of the public id. */
  readonly billingEntityId!: string;
  readonly id!: string;
  readonly covered!: bigint;
  readonly overage!: bigint;

  @Field(() => ID, { name: 'id', description: 'Opaque and stable.' })
  get publicId(): string {
    return reservationId(this.billingEntityId, this.id);
  }

  @Field(() => ReservationStatusEnum, { simple: true, description: 'The status.' })
  readonly status!: DomainReservation['status'];

  @Field(() => CreditsScalar, {
    description: 'Credits reserved: ceil(units × rate) of its lines. Overage that it may come to is part of it.',
  })
  get credits(): bigint {
    return reservedBy(this);
  }

  @Field(() => String, { simple: true, nullable: true, description: 'The feature that it is for.' })
  readonly feature!: string | null;

  @Field(() => DateTimeScalar, { simple: true, description: 'When it expires, or would have expired.' })
  readonly expiresAt!: Date;

  @Field(() => DateTimeScalar, { simple: true, description: 'When it was made.' })
  readonly createdAt!: Date;
}

export const ReservationConnection = connectionOf('Reservation', () => Reservation, 'reservations, newest first');

@ArgsType()
export class ReservationsArgs extends PageArgs {
  @Field(() => [ReservationStatusEnum], { defaultValue: ['HELD'], description: 'These statuses.' })
  readonly statuses!: ReservationStatus[];
}

@ObjectType({ simpleResolvers: true, description: 'The credits are reserved.' })
class ReserveCreditsSuccess {
  @Field(() => Reservation, {
    description: 'The reservation, as it is now; on a replay to a caller who does not see the payer, as it was made.',
  })
  readonly reservation!: DomainReservation;

  @Field(() => CreditBalance, {
    description:
      'After this change; on a replay: the balance now, or the balance of then, for a caller who does not see the payer.',
  })
  readonly balance!: Balance;

  @Field(() => Boolean, { description: 'True when this answer was given before for the same key.' })
  readonly replayed!: boolean;
}

/** Members say their own type in `__typename`. */
export const ReserveCreditsResult = createUnionType({
  name: 'ReserveCreditsResult',
  description: 'The result of reserving. May gain members: keep a default branch.',
  types: () => [ReserveCreditsSuccess, UsageRefused] as const,
});
