/** What can be asked of an account, and what asking comes to. */
import type { Rate } from '../../plans/rates.ts';
import type { Account, OveragePolicy } from './account.ts';
import type { Refusal, RefusalCode } from '../../kernel/refusal.ts';
import type { GrantSource } from './grants.ts';
import type { UseCounter } from './spend-limits.ts';
import type { ProviderSubscription } from './subscription.ts';
import type { BillingMode, UsedBy } from './attribution.ts';
import type { Effects } from './effects.ts';
import type { Idempotency, RecordKey, UsageRecord } from './entries.ts';

/** So much of a resource, at the rate that holds now. */
export interface UsageLine {
  readonly quantity: bigint;
  readonly rate: Rate;
}

/** Who caused a change, and what makes it happen once. */
export interface Cause {
  /** For the ledger: `user:…`, `service:…`, `operator:…` or `system`. */
  readonly actor: string;
  readonly idempotency: Idempotency | null;
}

/** Who sends a command, as far as the ledger has to know them. What they may see is decided elsewhere, and asked here. */
export interface Sender {
  /** The billing entity that they are, or act for; null: none. */
  readonly entityId: string | null;
  /** Whether their membership of an organization lets them see more: a person's does. */
  readonly isPerson: boolean;
  /** Whether they see the balance of this account, with the membership that they have there. */
  readonly sees: (billingEntityId: string, membership: SenderMembership | null) => boolean;
}

export interface SenderMembership {
  readonly role: 'OWNER' | 'ADMIN' | 'BILLING' | 'MEMBER';
  readonly status: 'ACTIVE' | 'SUSPENDED' | 'INVITED';
}

interface CommandBase extends Cause {
  /** The account that it is about; its key stands there. */
  readonly billingEntityId: string;
  /** Who asks, which decides whose effects their key meets (rule 20). Absent: the system, which sees no account. */
  readonly sender?: Sender;
  /** Why it is refused, as was found on the way here. The key goes first: an effect that it had before is the answer all the same. */
  readonly refusal?: Rejected | null;
  /** Somebody did it by hand: the audit logs of the accounts that it touches say so, in the same transaction. */
  readonly audited?: boolean;
}

/** Who uses what, under which terms. */
export interface Use extends UsedBy {
  readonly lines: readonly UsageLine[];
  /** Of use on no key; a key brings its own (rule 19). */
  readonly billingMode: BillingMode;
  /** Refused unless the payer's plan grants it. */
  readonly feature: string | null;
  /** What the caller called the organization; null or absent: it was implied. */
  readonly namedOrganization?: string | null;
}

/** Use, and the account that it is to be charged to. */
export interface ChargedUse extends Use {
  readonly billingEntityId: string;
}

/** What holds, when it is decided, of those whom use names besides the payer. */
export interface UsageContext {
  /** The user or the organization is suspended (rule 18). */
  readonly suspended: boolean;
  /** Who pays in the organization that is named; null: there is none. */
  readonly visibility: OrganizationVisibility | null;
  /** The external id of that organization; absent or null: there is none. */
  readonly organizationExternalId?: string | null;
  /** Of the user in the organization whose pool pays; null: none. */
  readonly membership: (Limited & { readonly status: 'ACTIVE' | 'SUSPENDED' }) | null;
  /** Of the key that is named; null: there is none. */
  readonly apiKey:
    | (Limited & { readonly status: 'ACTIVE' | 'EXPIRED' | 'REVOKED'; readonly billingMode: BillingMode })
    | null;
}

/** Most credits in a period of the payer, and what counts against them. */
interface Limited {
  /** null: no limit. */
  readonly creditLimit: bigint | null;
  /** undefined: nothing was ever counted. */
  readonly counter: UseCounter | undefined;
}

/** PRIVATE: the organization's pool pays. PUBLIC: each user pays alone. */
export type OrganizationVisibility = 'PRIVATE' | 'PUBLIC';

/** Of use that names nobody besides the payer. */
export const NO_CONTEXT: UsageContext = { suspended: false, visibility: null, membership: null, apiKey: null };

/** New use, at the expense of whoever pays by what the caller knows of the organization. */
interface UseCommand extends CommandBase, Use {
  /** Other accounts that the same key could have been charged to: an effect that it had there is the answer (rule 20). */
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

/** Names one of the account's holds. */
interface ReservationCommand extends CommandBase {
  readonly reservationId: string;
  /** SERVICE and OPERATOR: any hold; others only what they reserved themselves (rule 16). */
  readonly anyReservation: boolean;
  /** Whether others' holds exist for the caller, who may not touch them. */
  readonly seesAll?: boolean;
}

/** Charges what admitted work really used. */
export interface SettleCommand extends ReservationCommand {
  readonly kind: 'settle';
  readonly lines: readonly UsageLine[];
  /** What the caller named; undefined: nothing, so the hold's own. Anything but the hold's is a CONFLICT. */
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

/** A grant that an account gets once in its life, whoever asks how often (rule 4). */
export interface TrialCommand extends Omit<GrantCommand, 'kind' | 'idempotency'> {
  readonly kind: 'trial';
  readonly idempotency: null;
}

export interface AdjustCommand extends CommandBase {
  readonly kind: 'adjust';
  /** Of the ADJUSTMENT grant that a positive amount becomes. */
  readonly grantId: string;
  readonly amount: bigint;
  readonly reason: string;
}

/** Gives back what one record charged (rule 22). */
export interface RefundCommand extends CommandBase {
  readonly kind: 'refund';
  readonly record: RecordKey;
  readonly reason: string;
}

/** Moves credits to another account (rule 23). */
export interface TransferCommand extends CommandBase {
  readonly kind: 'transfer';
  readonly toBillingEntityId: string;
  readonly amount: bigint;
  /** Only credits that came out of this account and that no hold keeps; null: whatever may leave. */
  readonly onlyOfRootIn: string | null;
  readonly reason: string | null;
}

/** Takes back what a refunded or disputed payment had bought (rule 24). */
export interface ClawbackCommand extends CommandBase {
  readonly kind: 'clawback';
  readonly grantId: string;
  /** Credits to have been clawed back of this grant in all, those of earlier times included. */
  readonly target: bigint;
  /** Other accounts into which its credits were transferred. */
  readonly elsewhere: readonly string[];
  readonly reason: string;
}

/**
 * Gives back exactly what was clawed back of a grant, as a grant like it, with its expiry or, where that is past, the
 * current period's end (rules 24 and 25). It can be clawed back again; of what was not, nothing is given back.
 */
export interface ReinstateCommand extends CommandBase {
  readonly kind: 'reinstate';
  readonly idempotency: null;
  /** Of the grant that was clawed back, not of one that was given back before. */
  readonly grantId: string;
  readonly reason: string;
}

/**
 * Credits that were paid for besides the base of a period (rules 24 and 26): a PURCHASE never expires, what more units
 * bring (SUBSCRIPTION) does with the current period. Once per key, so the key names invoice and line.
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
 * Makes the account follow its subscription as the provider has it (rules 13, 25 and 26). It may be said any number of
 * times, late and out of order: what is so already changes nothing.
 */
export interface SubscriptionCommand extends CommandBase {
  readonly kind: 'subscription';
  readonly idempotency: null;
  /** null: there is none any more. */
  readonly providerSubscription: ProviderSubscription | null;
  /**
   * Units whose base price for the wanted period has been paid; 0: none. They bring the period's base credits, if those
   * were not given yet; and until some are paid a subscription does not begin.
   */
  readonly paidUnits: number;
}

/** Freezes overage that no report has yet into one (rule 28); nothing where there is none. */
export interface ReportOverageCommand extends CommandBase {
  readonly kind: 'reportOverage';
  readonly idempotency: null;
  readonly reportId: string;
}

/** Says whether and how far use may go beyond what is available (rule 14). */
export interface PolicyCommand extends CommandBase {
  readonly kind: 'policy';
  readonly idempotency: null;
  readonly overagePolicy: OveragePolicy;
}

/** Applies what is due and nothing else. */
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
  | PolicyCommand
  | AdvanceCommand;

/** What is known of a record that is to be refunded. */
export interface RefundEvidence {
  readonly record: UsageRecord;
  /** Start of the period in which it was recorded. */
  readonly periodStart: Date;
  readonly refunded: boolean;
}

/** What a command finds under the locks. */
export interface LedgerView {
  /** The accounts that it touches, with everything due applied. */
  readonly account: (billingEntityId: string) => Account | undefined;
  readonly refundEvidence: (billingEntityId: string, record: RecordKey) => RefundEvidence | undefined;
  /** Accounts that credits of this root have been transferred to out of this one. */
  readonly recipients: (billingEntityId: string, rootGrantId: string) => readonly string[];
  /** What holds of those whom use names besides the payer. */
  readonly usageContext: (use: ChargedUse) => UsageContext;
  readonly newId: NewId;
}

/** Makes the id of a further grant or report: a new one, and of a name always the same. */
export type NewId = (name?: string) => string;

export type RefusalReason =
  | 'INSUFFICIENT_CREDITS'
  | 'OVERAGE_CAP_REACHED'
  | 'MEMBER_LIMIT_REACHED'
  | 'API_KEY_LIMIT_REACHED'
  | 'FEATURE_NOT_IN_PLAN'
  | 'ENTITY_SUSPENDED'
  | 'MEMBER_SUSPENDED'
  | 'PAYMENT_PAST_DUE';
export type LimitScope = 'BALANCE' | 'OVERAGE_CAP' | 'MEMBER' | 'API_KEY' | 'PLAN';

/** Nothing was charged and nothing was recorded; the caller can act on it. */
export interface Refused {
  readonly kind: 'refused';
  readonly reason: RefusalReason;
  readonly scope: LimitScope;
  readonly required: bigint;
  /** Headroom of the limit that refused. */
  readonly available: bigint;
}

/** The command was wrong in itself at this moment; nothing happened. */
export interface Rejected {
  readonly kind: 'rejected';
  readonly code: 'BAD_USER_INPUT' | 'CONFLICT' | 'FORBIDDEN' | 'NOT_FOUND' | 'IDEMPOTENCY_KEY_REUSED';
  readonly message: string;
}

/** Somebody else pays: the organization's visibility, or which one is called so, is not what the caller knew. Nothing happened. */
export interface WrongPayer {
  readonly kind: 'wrongPayer';
}

export type Decision = Effects | Refused | Rejected | WrongPayer;

export function rejected(code: Rejected['code'], message: string): Rejected {
  return { kind: 'rejected', code, message };
}

/** A refusal that was found before the ledger was asked, as the ledger answers it. */
export function toRejected({ code, message }: Refusal): Rejected {
  if (!isRejection(code)) throw new Error(`the ledger answers nothing with ${code}`);
  return rejected(code, message);
}

function isRejection(code: RefusalCode): code is Rejected['code'] {
  return ['BAD_USER_INPUT', 'CONFLICT', 'FORBIDDEN', 'NOT_FOUND', 'IDEMPOTENCY_KEY_REUSED'].includes(code);
}

/** Every account that a command touches, its own first. */
export function touchedBy(command: Command): readonly string[] {
  if (command.kind === 'transfer') return [command.billingEntityId, command.toBillingEntityId];
  if (command.kind === 'clawback') return [command.billingEntityId, ...command.elsewhere];
  return [command.billingEntityId];
}

/** Of an account that is not there: answered as what the command names would be, were it not there in one that is. */
export function noAccount({ kind }: Command): Rejected {
  const isOfHold = kind === 'settle' || kind === 'extend' || kind === 'release';
  return rejected('NOT_FOUND', `there is no such ${isOfHold ? 'reservation' : 'billing entity'}`);
}

/** Every account under which a command's key may have had its effect, its own first (rule 20). */
export function accountsOfKey(command: Command): readonly string[] {
  const { billingEntityId, kind } = command;
  return kind === 'consume' || kind === 'reserve' ? [billingEntityId, ...command.otherPayers] : [billingEntityId];
}
