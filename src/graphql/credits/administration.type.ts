import { createUnionType, Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { Balance } from '../../ledger/rules/balance.ts';
import type { Entry } from '../../ledger/rules/entries.ts';
import { DEFAULT_PRIORITY, type Grant, type GrantSource } from '../../ledger/rules/grants.ts';
import { CreditGrantSourceEnum } from '../types/enums.ts';
import { CreditsScalar, DateTimeScalar } from '../types/scalars.ts';
import { CreditBalance } from './balance.type.ts';
import { CreditGrant } from './grant.type.ts';
import { LedgerEntry } from './ledger-entry.type.ts';

const KEY =
  '1 to 200 characters, unique per billing entity over all commands: the command takes effect once, and a retry gets the first answer.';

@InputType({ description: 'Credits given by hand.' })
export class GrantCreditsInput {
  @Field(() => String, { description: KEY })
  readonly idempotencyKey!: string;

  @Field(() => ID, { description: 'To whom.' })
  readonly billingEntityId!: string;

  @Field(() => CreditsScalar, { description: 'Credits, above 0.' })
  readonly amount!: bigint;

  @Field(() => CreditGrantSourceEnum, {
    defaultValue: 'PROMOTION',
    description: 'Where they come from. SUBSCRIPTION and TRANSFER are not given by hand: BAD_USER_INPUT.',
  })
  readonly source!: GrantSource;

  @Field(() => Int, { defaultValue: DEFAULT_PRIORITY, description: 'Lower is drawn first: 0 to 1000.' })
  readonly priority!: number;

  @Field(() => DateTimeScalar, { nullable: true, description: 'From when they count; now when absent.' })
  readonly effectiveAt?: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When what is left lapses; never when absent.' })
  readonly expiresAt?: Date | null;

  @Field(() => String, { description: 'Why: 1 to 1000 characters.' })
  readonly reason!: string;
}

@InputType({ description: 'A correction by hand.' })
export class AdjustCreditsInput {
  @Field(() => String, { description: KEY })
  readonly idempotencyKey!: string;

  @Field(() => ID, { description: 'Whose balance.' })
  readonly billingEntityId!: string;

  @Field(() => CreditsScalar, { description: 'Credits, not 0. Negative takes away; more than is available: CONFLICT.' })
  readonly amount!: bigint;

  @Field(() => String, { description: 'Why: 1 to 1000 characters.' })
  readonly reason!: string;
}

@InputType({ description: 'Credits moved from one account to another.' })
export class TransferCreditsInput {
  @Field(() => String, { description: KEY })
  readonly idempotencyKey!: string;

  @Field(() => ID, { description: 'Whose credits.' })
  readonly fromBillingEntityId!: string;

  @Field(() => ID, { description: 'To whom.' })
  readonly toBillingEntityId!: string;

  @Field(() => CreditsScalar, { description: 'Credits, above 0.' })
  readonly amount!: bigint;

  @Field(() => String, { nullable: true, description: 'Why: 1 to 1000 characters.' })
  readonly reason?: string | null;
}

@ObjectType({ simpleResolvers: true, description: 'The credits were moved.' })
class TransferCreditsSuccess {
  @Field(() => CreditBalance, {
    nullable: true,
    description: 'After this change; on a replay: the balance now. null: the caller may not read it.',
  })
  readonly from!: Balance | null;

  @Field(() => CreditBalance, {
    nullable: true,
    description: 'After this change; on a replay: the balance now. null: the caller may not read it.',
  })
  readonly to!: Balance | null;

  @Field(() => Boolean, { description: 'True when this answer was given before for the same key.' })
  readonly replayed!: boolean;
}

@ObjectType({ simpleResolvers: true, description: 'Nothing was moved.' })
class InsufficientCredits {
  @Field(() => String, { description: 'The same, for people.' })
  readonly message!: string;

  @Field(() => CreditsScalar, { description: 'Credits that were to be moved.' })
  readonly required!: bigint;

  @Field(() => CreditsScalar, {
    description: 'Credits that may be moved: available, and neither of a trial nor of a promotion.',
  })
  readonly available!: bigint;
}

/** Members say their own type in `__typename`. */
export const TransferCreditsResult = createUnionType({
  name: 'TransferCreditsResult',
  description: 'What a transfer came to. May gain members: keep a default branch.',
  types: () => [TransferCreditsSuccess, InsufficientCredits] as const,
});

@ObjectType({ simpleResolvers: true, description: 'What a change by hand did.' })
export class CreditsPayload {
  @Field(() => CreditGrant, {
    nullable: true,
    description: 'The grant that it made or gave back to; null when it took credits away.',
  })
  readonly grant!: Grant | null;

  @Field(() => LedgerEntry, { description: 'Its first entry of the ledger.' })
  readonly entry!: Entry;

  @Field(() => CreditBalance, { description: 'After this change; on a replay: the balance now.' })
  readonly balance!: Balance;

  @Field(() => Boolean, { description: 'True when this answer was given before for the same key.' })
  readonly replayed!: boolean;
}
