import type { HandedCall } from './session.ts';
import type { Viewer } from './viewer.ts';

/** One of GraphiQL's tabs as it is first shown. Variables and headers are JSON texts. */
export interface PreparedTab {
  readonly query: string;
  readonly variables: string;
  readonly headers: string;
}

const viewerQuery = `# Who am I, and what can I spend?
query Viewer {
  viewer {
    kind
    subject
    user {
      id
      name
      plan {
        name
        features
      }
      credits {
        available
        held
        used
        allowance
        version
      }
      ledger(first: 5) {
        edges {
          node {
            sequence
            kind
            amount
            availableAfter
            createdAt
          }
        }
      }
    }
  }
}
`;

const consumeMutation = `# Uses 1000 tokens: 100 credits.
# Send it twice: one key is charged once, and the
# second answer says replayed. A new key charges again.
mutation ConsumeCredits($input: ConsumeCreditsInput!) {
  consumeCredits(input: $input) {
    ... on ConsumeCreditsSuccess {
      credits
      replayed
      records {
        resource
        quantity
        credits
      }
      balance {
        available
        used
        version
      }
    }
    ... on UsageRefused {
      reason
      message
      required
      available
    }
    ... on UsageRejected {
      code
      message
      retryable
    }
  }
}
`;

const balanceSubscription = `# The balance now, then every change.
# Start it, open the sign-in link in a second window,
# consume there, and watch the balance move here.
subscription BalanceUpdated($billingEntityId: ID!) {
  balanceUpdated(billingEntityId: $billingEntityId) {
    available
    held
    used
    allowance
    usedRatio
    version
    asOf
  }
}
`;

/** The tabs that a newcomer finds: a query, a mutation and a subscription that run as they stand. A call that was handed over comes first. */
export function prepareTabs(
  viewer: Viewer | null,
  authorization: string | null,
  call: HandedCall | null,
): PreparedTab[] {
  const headers = headersText(authorization);
  const input = {
    idempotencyKey: `graphiql-${crypto.randomUUID()}`,
    lines: [{ resource: 'AI_TOKENS', quantity: 1000 }],
    ...(viewer?.userExternalId == null ? {} : { userExternalId: viewer.userExternalId }),
  };
  return [
    ...(call === null ? [] : [{ ...call, headers }]),
    { query: viewerQuery, variables: '', headers },
    { query: consumeMutation, variables: json({ input }), headers },
    { query: balanceSubscription, variables: json({ billingEntityId: viewer?.billingEntityId ?? '' }), headers },
  ];
}

/** What the headers editor of a tab shows. */
export function headersText(authorization: string | null): string {
  return json({ Authorization: authorization ?? 'Bearer ' });
}

function json(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
