/** Explains a refusal: which limit it was, how much that leaves, when it begins anew, who can raise it, and where. Pure. */
import type { UsageRefusalReason } from '../gql/graphql.ts';
import { text } from '../text.ts';
import type { RefusalWords } from '../text/refusals.ts';
import { count } from '../ui/format.ts';

/** A refusal as the API tells it. */
export interface UsageRefusal {
  readonly reason: UsageRefusalReason;
  readonly required: number;
  readonly available: number;
  readonly resetsAt: string | null;
  readonly balance: { readonly owed: number };
}

/** The reader of it: what they may do to the account that refused. */
export interface RefusalReader {
  readonly accountName: string;
  readonly permissions: readonly string[];
}

/** The page where the limit is raised. `open` is what the page opens at once. */
export interface RefusalRemedy {
  readonly page: 'subscription' | 'api-keys' | 'members';
  readonly open?: 'credits' | 'overage';
}

export interface ExplainedRefusal {
  readonly title: string;
  /** Sentences, in their order. */
  readonly sentences: readonly string[];
  /** When the limit begins anew; null: waiting does not help. */
  readonly resetsAt: string | null;
  /** The advice: what to do, or who can do it. */
  readonly help: string;
  /** The button, if it is up to the reader. */
  readonly action: (RefusalRemedy & { readonly label: string }) | null;
}

/** The operation that lifts each refusal, as `viewerPermissions` names it, and the page where it is done. */
const REMEDIES: Record<UsageRefusalReason, { readonly operation: string; readonly remedy: RefusalRemedy | null }> = {
  API_KEY_LIMIT_REACHED: { operation: 'apiKeys.update', remedy: { page: 'api-keys' } },
  ENTITY_SUSPENDED: { operation: 'entity.suspend', remedy: null },
  FEATURE_NOT_IN_PLAN: { operation: 'plan.change', remedy: { page: 'subscription' } },
  INSUFFICIENT_CREDITS: { operation: 'credits.purchase', remedy: { page: 'subscription', open: 'credits' } },
  MEMBER_LIMIT_REACHED: { operation: 'members.set', remedy: { page: 'members' } },
  MEMBER_SUSPENDED: { operation: 'members.set', remedy: { page: 'members' } },
  OVERAGE_CAP_REACHED: { operation: 'overage.set', remedy: { page: 'subscription', open: 'overage' } },
  PAYMENT_PAST_DUE: { operation: 'plan.change', remedy: { page: 'subscription' } },
};

export function explainRefusal(refusal: UsageRefusal, reader: RefusalReader): ExplainedRefusal {
  const { reason, required, available, resetsAt, balance } = refusal;
  // A page that stays open may be told a reason that the API has gained since.
  const known: Partial<Record<string, RefusalWords>> = text.refusals.reasons;
  const words: RefusalWords = known[reason] ?? text.refusals.unknown;
  const remedies: Partial<Record<string, (typeof REMEDIES)[UsageRefusalReason]>> = REMEDIES;
  const { operation, remedy } = remedies[reason] ?? { operation: '', remedy: null };
  const canHelp = reader.permissions.includes(operation);
  const sentences = [
    words.limit !== undefined && text.refusals.needs(credits(required), words.limit, credits(available)),
    words.plain,
    reason === 'INSUFFICIENT_CREDITS' && balance.owed > 0 && text.refusals.owes(credits(balance.owed)),
    text.refusals.untouched,
  ];
  return {
    title: words.title,
    sentences: sentences.filter((sentence) => typeof sentence === 'string'),
    resetsAt,
    help: canHelp ? words.you : words.others(reader.accountName),
    action: canHelp && remedy !== null && words.action !== undefined ? { ...remedy, label: words.action } : null,
  };
}

function credits(n: number): string {
  return text.credits(count(n), n);
}
