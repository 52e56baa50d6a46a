/** Nobody pays while the seller has paused collection: no credits come ahead, and support reads why (rule 25). */
import { Till } from '../../support/till.ts';
import { reconcile } from '../overage/outages.ts';
import { DAY_MS, FIRST_END, HOUR_MS, START } from './periods.ts';

const SECOND_END = Date.parse('2027-03-31T00:00:00.000Z');

let till: Till;

/** Moving the clock renews everybody: each test has a Till of its own. */
beforeEach(async () => {
  till = await Till.open();
});

afterEach(() => till.close());

test.each(['void', 'mark_uncollectible', 'keep_as_draft'] as const)(
  'credits stop with the period and come again when somebody pays (%s)',
  async (behavior) => {
    const ada = await till.subscribed();
    await till.allowOverage(ada);
    const { id } = await till.stripeSubscriptionOf(ada);
    const pause = (pause_collection: { behavior: typeof behavior } | ''): Promise<unknown> =>
      till.stripe.call('subscription', (sdk) => sdk.subscriptions.update(id, { pause_collection }));
    const kinds = async (): Promise<string[]> =>
      ((await till.shown(ada)).subscription?.waiting ?? []).map(({ kind }) => kind);
    await till.moveTo(START + DAY_MS);
    await pause({ behavior });
    await till.settled();
    expect(await kinds()).toEqual(['COLLECTION_PAUSED']);
    expect((await reconcile(till)).remaining).toEqual([
      expect.stringMatching(
        `^${await till.customerOf(ada)}: Collection of ${id} is paused at Stripe, .* resume collection`,
      ),
    ]);
    // What was paid stays usable.
    expect(await till.available(ada)).toBe(500_000);
    await till.moveTo(FIRST_END);
    await till.moveTo(FIRST_END + 2 * HOUR_MS);
    expect(await till.available(ada)).toBe(0);
    expect(await till.use(ada, 10)).not.toMatchObject({ __typename: 'ConsumeCreditsSuccess' });
    await till.moveTo(SECOND_END - DAY_MS);
    await pause('');
    await till.settled();
    expect(await kinds()).not.toContain('COLLECTION_PAUSED');
    await till.moveTo(SECOND_END);
    await till.moveTo(SECOND_END + 2 * HOUR_MS);
    expect(await till.available(ada)).toBe(500_000);
    expect(await kinds()).toEqual([]);
    expect((await till.chargesOf(ada)).map(({ amount }) => amount)).toEqual([2_000, 2_000]);
    await till.expectProven(ada);
  },
);
