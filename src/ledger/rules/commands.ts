/** Commands: everything that can be asked of an account. */
import type { OveragePolicy } from './account.ts';
import type { AlertPreference } from './alert-preferences.ts';
import type { Effects } from './effects.ts';
import type { DeliveredReport, Delivery, Idempotency, RecordKey } from './entries.ts';
import type { GrantSource } from './grants.ts';
import type { Refused, Rejected, WrongPayer } from './refusals.ts';
import type { ProviderSubscription } from './subscription.ts';
import type { UsageLine, Use } from './usage-context.ts';

/** The cause of a change, and the key that makes it happen once. */
export interface Cause {
  /** As the ledger names them: `user:…`, `service:…`, `operator:…` or `system`. */
  readonly actor: string;
  /** null: the command has no key, so that it is never answered again. */
  readonly idempotency: Idempotency | null;
}

/** The sender of a command, as far as the ledger has to know them. Their rights are decided elsewhere, and asked for here. */
export interface Sender {
  /** The billing entity that they are, or act for; null: none. */
  readonly entityId: string | null;
  /** true: a person, whose membership of an organization lets them see more. */
  readonly isPerson: boolean;
  /** Tells if they may see the balance of this account, with the membership that they have there. */
  readonly sees: (billingEntityId: string, membership: SenderMembership | null) => boolean;
}

export interface SenderMembership {
  readonly role: 'OWNER' | 'ADMIN' | 'BILLING' | 'MEMBER';
  readonly status: 'ACTIVE' | 'SUSPENDED' | 'INVITED';
}

interface CommandBase extends Cause {
  /** The account that the command is about. Its key is kept there. */
  readonly billingEntityId: string;
  /** Decides whose earlier effects the key may meet (rule 20). Absent: the system, which sees no account. */
  readonly sender?: Sender;
  /** A rejection that was found before the ledger was asked. The key is looked up first: an earlier effect is the answer all the same. */
  readonly refusal?: Rejected | null;
  /** true: somebody did it by hand. The audit log of every account that it changes says so, in the same transaction. */
  readonly audited?: boolean;
}

/** New use, charged to the account that pays by what the sender knows of the organization. */
interface UseCommand extends CommandBase, Use {
  /** Other accounts that the same key could have been charged to. An effect that it had there is the answer (rule 20). */
  readonly otherPayers: readonly string[];
}

export interface ConsumeCommand extends UseCommand {
  readonly kind: 'consume';
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** null: now. */
  readonly occurredAt: Date | null;
}

export interface ReserveCommand extends UseCommand {
  readonly kind: 'reserve';
  readonly reservationId: string;
  readonly ttlMs: number;
}

/** A command about one reservation of the account. */
interface ReservationCommand extends CommandBase {
  readonly reservationId: string;
  /** true for a SERVICE and an OPERATOR. All others handle only what they reserved themselves (rule 16). */
  readonly anyReservation: boolean;
  /** true: the sender may read reservations of others, so that touching one is FORBIDDEN to them and not NOT_FOUND. */
  readonly seesAll?: boolean;
}

/** Charges what admitted work really used, and ends its reservation (rule 16). */
export interface SettleCommand extends ReservationCommand {
  readonly kind: 'settle';
  readonly lines: readonly UsageLine[];
  /** As the caller named them; undefined: not named. Anything but the reservation's own is a CONFLICT. */
  readonly userId: string | undefined;
  readonly organizationId: string | undefined;
  readonly apiKeyId: string | undefined;
  readonly feature: string | undefined;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly occurredAt: Date | null;
}

export interface ExtendCommand extends ReservationCommand {
  readonly kind: 'extend';
  readonly idempotency: null;
  readonly ttlMs: number;
}

export interface ReleaseCommand extends ReservationCommand {
  readonly kind: 'release';
  readonly idempotency: null;
}

export interface GrantCommand extends CommandBase {
  readonly kind: 'grant';
  readonly grantId: string;
  readonly source: GrantSource;
  readonly amount: bigint;
  readonly priority: number;
  /** null: now. */
  readonly effectiveAt: Date | null;
  readonly expiresAt: Date | null;
  readonly reason: string | null;
}

/** The free trial's grant. An account gets it once in its life, however often it is asked for (rule 4). */
export interface TrialCommand extends Omit<GrantCommand, 'kind' | 'idempotency'> {
  readonly kind: 'trial';
  readonly idempotency: null;
}

export interface AdjustCommand extends CommandBase {
  readonly kind: 'adjust';
  /** Id of the ADJUSTMENT grant that a positive amount becomes. */
  readonly grantId: string;
  /** Whole credits, not 0. A negative amount is taken away. */
  readonly amount: bigint;
  readonly reason: string;
}

/** Gives back the charge of one usage record, or a part of it (rule 22). */
export interface RefundCommand extends CommandBase {
  readonly kind: 'refund';
  readonly record: RecordKey;
  /** Whole credits, above 0. Absent or null: all that is left of the record's charge. */
  readonly credits?: bigint | null;
  readonly reason: string;
}

/** Moves credits to another account (rule 23). */
export interface TransferCommand extends CommandBase {
  readonly kind: 'transfer';
  readonly toBillingEntityId: string;
  readonly amount: bigint;
  /** true: moves back only credits that come from the receiving account and are not held; false: all that may leave the account. */
  readonly isReturn: boolean;
  readonly reason: string | null;
}

/** Takes back credits that a refunded or disputed payment had bought (rule 24). */
export interface ClawbackCommand extends CommandBase {
  readonly kind: 'clawback';
  readonly grantId: string;
  /** Cumulative: the credits of this grant that are clawed back after the command, earlier clawbacks included. */
  readonly target: bigint;
  /** Other accounts that its credits were transferred to. */
  readonly elsewhere: readonly string[];
  readonly reason: string;
}

/**
 * Gives back exactly the credits that were clawed back of a grant (rules 24 and 25). They become a grant like it, which
 * expires when it did or, if that is past, at the current period's end, and which can be clawed back again.
 */
export interface ReinstateCommand extends CommandBase {
  readonly kind: 'reinstate';
  readonly idempotency: null;
  /** Id of the grant that was clawed back, not of a grant that was given back for it. */
  readonly grantId: string;
  readonly reason: string;
}

/**
 * Gives credits that were paid for besides the base of a period (rules 24 and 26). A PURCHASE never expires. Credits of
 * more units (SUBSCRIPTION) expire with the current period. The key names invoice and line, so each line gives once.
 */
export interface CreditCommand extends CommandBase {
  readonly kind: 'credit';
  readonly idempotency: Idempotency;
  readonly grantId: string;
  readonly source: 'PURCHASE' | 'SUBSCRIPTION';
  readonly amount: bigint;
  readonly reason: string | null;
}

/**
 * Makes the account follow its subscription as the provider has it (rules 13, 25 and 26). The command may come any
 * number of times, late and out of order: an account that follows already does not change.
 */
export interface SubscriptionCommand extends CommandBase {
  readonly kind: 'subscription';
  readonly idempotency: null;
  /** null: the subscription is gone. */
  readonly providerSubscription: ProviderSubscription | null;
  /**
   * Units whose base price is paid for the provider's period; 0: none. They bring the period's base credits, unless those
   * were given before. A subscription does not start until some are paid.
   */
  readonly paidUnits: number;
  /** Base credits that were paid for, where the period is shorter than a month. Absent: the plan's for `paidUnits`. */
  readonly paidCredits?: bigint;
}

/** Freezes overage that is in no report yet into a new one (rule 28). Without such overage nothing happens. */
export interface ReportOverageCommand extends CommandBase {
  readonly kind: 'reportOverage';
  readonly idempotency: null;
  readonly reportId: string;
}

/** Notes what became of a report, unless somebody noted something else since the caller read it (rule 28). */
export interface DeliveredCommand extends CommandBase {
  readonly kind: 'delivered';
  readonly idempotency: null;
  /** The report as the caller read it. */
  readonly seen: DeliveredReport;
  readonly delivery: Delivery;
}

/** Sets the payer's overage policy (rule 14). */
export interface PolicyCommand extends CommandBase {
  readonly kind: 'policy';
  readonly idempotency: null;
  readonly overagePolicy: OveragePolicy;
}

/** Sets what the account's people want to hear of, and where (rule 29). */
export interface AlertPreferencesCommand extends CommandBase {
  readonly kind: 'alertPreferences';
  readonly idempotency: null;
  /** The whole list. Nothing of the list before stays. */
  readonly preferences: readonly AlertPreference[];
}

/** Tells that an invoice was not paid. It is raised once an invoice, however often it is told (rule 29). */
export interface PaymentFailedCommand extends CommandBase {
  readonly kind: 'paymentFailed';
  readonly idempotency: null;
  /** The payment provider's id. */
  readonly invoiceId: string;
}

/** Applies scheduled events, as every command does first, and nothing else. */
export interface AdvanceCommand extends CommandBase {
  readonly kind: 'advance';
  readonly idempotency: null;
}

export type Command =
  | ConsumeCommand
  | ReserveCommand
  | SettleCommand
  | ExtendCommand
  | ReleaseCommand
  | GrantCommand
  | TrialCommand
  | AdjustCommand
  | RefundCommand
  | TransferCommand
  | ClawbackCommand
  | ReinstateCommand
  | CreditCommand
  | SubscriptionCommand
  | ReportOverageCommand
  | DeliveredCommand
  | PolicyCommand
  | AlertPreferencesCommand
  | PaymentFailedCommand
  | AdvanceCommand;

/** The command of one kind. */
export type CommandOf<Kind extends Command['kind']> = Extract<Command, { readonly kind: Kind }>;

/** A decision on a command. Only new use can find that somebody else pays; only use and transfers meet a limit. */
export type DecisionOf<C extends Command> = Effects | Rejected | RefusalOf<C>;
export type Decision = DecisionOf<Command>;

type RefusalOf<C extends Command> = C extends { readonly kind: 'consume' | 'reserve' }
  ? Refused | WrongPayer
  : C extends { readonly kind: 'settle' | 'transfer' }
    ? Refused
    : never;

/** The accounts that a command touches, its own first. */
export function touchedBy(command: Command): readonly string[] {
  if (command.kind === 'transfer') return [command.billingEntityId, command.toBillingEntityId];
  if (command.kind === 'clawback') return [command.billingEntityId, ...command.elsewhere];
  return [command.billingEntityId];
}

/** The accounts under which a command's key may have had its effect, its own first (rule 20). */
export function accountsOfKey(command: Command): readonly string[] {
  const { billingEntityId, kind } = command;
  return kind === 'consume' || kind === 'reserve' ? [billingEntityId, ...command.otherPayers] : [billingEntityId];
}
