/** Why use was refused, in the same words wherever it happens. */
import type { UsageRefusalReason } from '../gql/graphql.ts';

/** What is said of one reason. */
export interface RefusalWords {
  readonly title: string;
  /** The limit, as the rest of the sentence «… leaves 400 credits.»; absent: no limit in credits refused. */
  readonly limit?: string;
  /** What there is to know, where no limit in credits refused. */
  readonly plain?: string;
  /** What the reader can do about it, if it is up to them. */
  readonly you: string;
  /** Who can, if it is not. */
  readonly others: (account: string) => string;
  /** Names the button. */
  readonly action?: string;
}

const money = (what: string) => (account: string) =>
  `An owner or administrator of ${account}, or who looks after its billing, can ${what}.`;
const administrators = (what: string) => (account: string) => `An owner or administrator of ${account} can ${what}.`;

export const refusals = {
  reasons: {
    API_KEY_LIMIT_REACHED: {
      title: 'The key’s limit is reached',
      limit: 'the key’s limit',
      you: 'You can raise the key’s limit.',
      others: administrators('raise the key’s limit'),
      action: 'To the keys',
    },
    ENTITY_SUSPENDED: {
      title: 'The account is suspended',
      plain: 'All use is refused while it is.',
      you: 'You can reinstate it as an operator.',
      others: () => 'Whoever runs Tollgate can reinstate it: ask them.',
    },
    FEATURE_NOT_IN_PLAN: {
      title: 'The plan does not include this feature',
      plain: 'Credits do not help: another plan does.',
      you: 'You can change the plan.',
      others: money('change the plan'),
      action: 'See the plans',
    },
    INSUFFICIENT_CREDITS: {
      title: 'There are not enough credits',
      limit: 'the balance',
      you: 'You can buy credits.',
      others: money('buy credits'),
      action: 'Buy credits',
    },
    MEMBER_LIMIT_REACHED: {
      title: 'The member’s limit is reached',
      limit: 'the member’s limit',
      you: 'You can raise the member’s limit.',
      others: administrators('raise the member’s limit'),
      action: 'To the members',
    },
    MEMBER_SUSPENDED: {
      title: 'The membership is suspended',
      plain: 'The member cannot use the organization’s credits while it is.',
      you: 'You can lift the suspension.',
      others: administrators('lift the suspension'),
      action: 'To the members',
    },
    OVERAGE_CAP_REACHED: {
      title: 'The cap on overage is reached',
      limit: 'the cap',
      you: 'You can raise the cap, or buy credits.',
      others: money('raise the cap'),
      action: 'Raise the cap',
    },
    PAYMENT_PAST_DUE: {
      title: 'A payment is missing',
      plain: 'All use is refused until it is paid.',
      you: 'You can pay the open invoice.',
      others: money('pay the open invoice'),
      action: 'See what is to be paid',
    },
  } satisfies Record<UsageRefusalReason, RefusalWords>,
  /** A reason that the API has gained since. */
  unknown: {
    title: 'The use was refused',
    you: '',
    others: () => 'Ask whoever runs Tollgate.',
  } satisfies RefusalWords,
  needs: (required: string, limit: string, available: string) =>
    `The use needs ${required}, and ${limit} leaves ${available}.`,
  owes: (owed: string) => `${owed} are owed: the next credits that come pay them first.`,
  untouched: 'Nothing was charged.',
  resets: 'It begins anew on',
  never: 'Waiting does not help.',
} as const;
