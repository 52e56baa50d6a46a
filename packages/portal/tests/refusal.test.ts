import { explainRefusal, type UsageRefusal } from '../src/account/refusal.ts';
import type { UsageRefusalReason } from '../src/gql/graphql.ts';

const AGAIN = '2026-03-31T00:00:00Z';
const owner = (permissions: readonly string[]) => ({ accountName: 'Acme', permissions });

function refused(reason: UsageRefusalReason, change: Partial<UsageRefusal> = {}): UsageRefusal {
  return { reason, required: 1_000, available: 400, resetsAt: AGAIN, balance: { owed: 0 }, ...change };
}

/** What each reason says, who lifts it, and where. A reason that the API gains fails the types here. */
const REASONS: Record<UsageRefusalReason, { limit: string | null; operation: string; page: string | null }> = {
  API_KEY_LIMIT_REACHED: { limit: 'the key’s limit', operation: 'apiKeys.update', page: 'api-keys' },
  ENTITY_SUSPENDED: { limit: null, operation: 'entity.suspend', page: null },
  FEATURE_NOT_IN_PLAN: { limit: null, operation: 'plan.change', page: 'subscription' },
  INSUFFICIENT_CREDITS: { limit: 'the balance', operation: 'credits.purchase', page: 'subscription' },
  MEMBER_LIMIT_REACHED: { limit: 'the member’s limit', operation: 'members.set', page: 'members' },
  MEMBER_SUSPENDED: { limit: null, operation: 'members.set', page: 'members' },
  OVERAGE_CAP_REACHED: { limit: 'the cap', operation: 'overage.set', page: 'subscription' },
  PAYMENT_PAST_DUE: { limit: null, operation: 'plan.change', page: 'subscription' },
};
const reasons = Object.entries(REASONS).map(([reason, expected]) => ({
  reason: reason as UsageRefusalReason,
  ...expected,
}));

describe.each(reasons)('a refusal for $reason', ({ reason, limit, operation, page }) => {
  test('says what it needed, which limit it was and what that leaves, or what stands against all use', () => {
    const { title, sentences } = explainRefusal(refused(reason), owner([]));
    expect(title).not.toBe('');
    expect(sentences.at(-1)).toBe('Nothing was charged.');
    if (limit === null) expect(sentences.join(' ')).not.toContain('1,000');
    else expect(sentences[0]).toBe(`The use needs 1,000 credits, and ${limit} leaves 400 credits.`);
    expect(sentences.length).toBe(2);
  });

  test('leads whoever can lift it to the page, and tells all others who can', () => {
    const mine = explainRefusal(refused(reason), owner([operation]));
    expect(mine.action?.page ?? null).toBe(page);
    expect(mine.help).toMatch(/^You can /);
    const others = explainRefusal(refused(reason), owner(['credits.consume']));
    expect(others.action).toBeNull();
    expect(others.help).toMatch(/Acme|Tollgate/);
  });
});

test('a refusal says when the limit begins anew, and that waiting does not help where it does not', () => {
  expect(explainRefusal(refused('MEMBER_LIMIT_REACHED'), owner([])).resetsAt).toBe(AGAIN);
  expect(explainRefusal(refused('INSUFFICIENT_CREDITS', { resetsAt: null }), owner([])).resetsAt).toBeNull();
});

test('what is owed is named, since the next credits pay it first', () => {
  const { sentences } = explainRefusal(refused('INSUFFICIENT_CREDITS', { balance: { owed: 20 } }), owner([]));
  expect(sentences).toContain('20 credits are owed: the next credits that come pay them first.');
});

test('one credit is one credit', () => {
  const { sentences } = explainRefusal(refused('OVERAGE_CAP_REACHED', { required: 1, available: 0 }), owner([]));
  expect(sentences[0]).toBe('The use needs 1 credit, and the cap leaves 0 credits.');
});

test('a reason that the API has gained since is a refusal all the same', () => {
  const explained = explainRefusal(refused('OF_TOMORROW' as UsageRefusalReason), owner(['plan.change']));
  expect(explained).toMatchObject({ title: 'The use was refused', action: null, resetsAt: AGAIN });
  expect(explained.help).not.toBe('');
});
