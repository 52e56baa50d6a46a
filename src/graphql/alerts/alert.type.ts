import { Extensions, Field, Float, ID, InputType, ObjectType } from 'type-graphql';
import { levelOf } from '../../alerts/raised-alert.ts';
import { alertId, alertPreferenceId } from '../../kernel/public-ids.ts';
import { Refusal } from '../../kernel/refusal.ts';
import { usedRatio } from '../../ledger/rules/account.ts';
import {
  type AlertChannel,
  type AlertPreference as DomainPreference,
  type AlertType,
  perMilleOf,
  preferenceName,
} from '../../ledger/rules/alert-preferences.ts';
import { plainValues } from '../execution/price.ts';
import { connectionOf } from '../types/connection.type.ts';
import { Node } from '../types/node.type.ts';
import { AlertChannelEnum, AlertTypeEnum } from '../types/enums.ts';
import { CreditsScalar, DateTimeScalar } from '../types/scalars.ts';

@ObjectType({
  description:
    'What a billing entity wants to hear of, and where. Read and set by the user it belongs to, by OWNER, ADMIN and BILLING, and by operators.',
})
export class AlertPreference {
  @Field(() => ID, { description: 'Opaque. The same threshold, or the same type of event, keeps it.' })
  readonly id!: string;

  @Field(() => Float, {
    simple: true,
    nullable: true,
    description: 'Share of the allowance used: 0.8 is 80 %. null: by credits left, or an event without a threshold.',
  })
  readonly level!: number | null;

  @Field(() => CreditsScalar, {
    simple: true,
    nullable: true,
    description: 'Credits left: raised when available falls below it. null: by share, or an event without a threshold.',
  })
  readonly remaining!: bigint | null;

  @Field(() => AlertTypeEnum, { simple: true, description: 'The type of alert.' })
  readonly type!: AlertType;

  @Extensions({ price: plainValues })
  @Field(() => [AlertChannelEnum], {
    simple: true,
    description: 'Where it is told. Empty: nowhere, so that it is not raised.',
  })
  readonly channels!: readonly AlertChannel[];

  @Field(() => Boolean, { simple: true, description: 'False: it is silenced.' })
  readonly enabled!: boolean;
}

/** A preference as clients see it. */
export function toAlertPreference(billingEntityId: string, preference: DomainPreference): AlertPreference {
  const { type, perMille, remaining, channels, enabled } = preference;
  const id = alertPreferenceId(billingEntityId, preferenceName(preference));
  return { id, level: levelOf(perMille), remaining, type, channels, enabled };
}

@InputType({
  description:
    'WARNING and CRITICAL name either a level or what remains, never both; other types name neither. BAD_USER_INPUT otherwise.',
})
export class AlertPreferenceInput {
  @Field(() => Float, {
    nullable: true,
    description: 'Share of the allowance used, above 0 and at most 1, with at most three decimals.',
  })
  readonly level?: number | null;

  @Field(() => CreditsScalar, { nullable: true, description: 'Credits left, above 0.' })
  readonly remaining?: bigint | null;

  @Field(() => AlertTypeEnum, { description: 'The type of alert.' })
  readonly type!: AlertType;

  @Field(() => [AlertChannelEnum], { description: 'Where it is told.' })
  readonly channels!: readonly AlertChannel[];

  @Field(() => Boolean, { defaultValue: true, description: 'False: it is silenced.' })
  readonly enabled!: boolean;
}

/**
 * The domain's spelling of a preference.
 * @throws Refusal BAD_USER_INPUT for a level that is no share above 0 and at most 1 with three decimals
 */
export function toDomainPreference(
  { type, level, remaining, channels, enabled }: AlertPreferenceInput,
  place: number,
): DomainPreference {
  const perMille = level == null ? null : perMilleOf(level);
  if (level != null && perMille === null) {
    throw Refusal.ofField(
      `preferences.${place}.level`,
      'level must be above 0 and at most 1, with at most three decimals',
    );
  }
  return { type, perMille, remaining: remaining ?? null, channels, enabled };
}

@InputType({
  description:
    'Replaces the whole list of preferences; [] silences threshold alerts. A type without threshold that is not named keeps its default, in-app and e-mail.',
})
export class SetAlertPreferencesInput {
  @Field(() => ID, { description: 'The billing entity.' })
  readonly billingEntityId!: string;

  @Field(() => [AlertPreferenceInput], { description: 'The preferences, at most 50. No threshold and no type twice.' })
  readonly preferences!: readonly AlertPreferenceInput[];

  @Field(() => [String], {
    nullable: true,
    description:
      'The addresses that alerts are mailed to, at most ten. []: those of the people who look after it. Absent, or null: unchanged. One that the caller’s token does not vouch for is asked to confirm first.',
  })
  readonly emails?: readonly string[] | null;
}

@ObjectType({
  implements: Node,
  description:
    'Raised once per threshold and crossing, and again only after it was rearmed. Read by the user it belongs to, by OWNER, ADMIN and BILLING, and by operators; a plain member reads the MEMBER_LIMIT ones about themselves.',
})
export class Alert {
  /** Not fields: what the fields are made of. */
  readonly number!: bigint;
  readonly perMille!: number | null;
  readonly used!: bigint;
  readonly allowance!: bigint;
  readonly memberId!: string | null;

  @Field(() => ID, {
    name: 'id',
    description: 'Opaque and stable.',
  })
  get publicId(): string {
    return alertId(this.billingEntityId, this.number);
  }

  @Field(() => ID, { simple: true, description: 'The billing entity that it is about.' })
  readonly billingEntityId!: string;

  @Field(() => AlertTypeEnum, {
    simple: true,
    description: 'What happened. Types may be added: keep a default branch.',
  })
  readonly type!: AlertType;

  @Field(() => Float, {
    name: 'level',
    nullable: true,
    description:
      'WARNING and CRITICAL: the share of the allowance that was come to; MEMBER_LIMIT: of the member’s limit. null: by credits left, or an event without a threshold.',
  })
  get levelField(): number | null {
    return levelOf(this.perMille);
  }

  @Field(() => CreditsScalar, {
    simple: true,
    nullable: true,
    description: 'The credits that available fell below; null: by share, or an event without a threshold.',
  })
  readonly remaining!: bigint | null;

  @Field(() => Float, {
    name: 'usedRatio',
    description: 'used / allowance right after the change that raised it, as CreditBalance has it.',
  })
  get usedRatioField(): number {
    return usedRatio(this.used, this.allowance);
  }

  @Field(() => CreditsScalar, { simple: true, description: 'Credits available right after the change that raised it.' })
  readonly available!: bigint;

  @Field(() => DateTimeScalar, { simple: true, description: 'When it was raised.' })
  readonly createdAt!: Date;

  @Field(() => DateTimeScalar, {
    simple: true,
    nullable: true,
    description: 'When somebody acknowledged it first; null: nobody has.',
  })
  readonly acknowledgedAt!: Date | null;
}

export const AlertConnection = connectionOf('Alert', () => Alert, 'alerts, newest first');
