import { PublicUseFeed } from '../../src/live/public-use-feed.ts';
import type { PublicUse } from '../../src/ledger/rules/public-use.ts';
import { ManualScheduler, settle } from './manual-scheduler.ts';

const of = { organizationId: 'square', apiKeyId: null };
const use = (billingEntityId: string, through: bigint, records = 1n): PublicUse => ({
  ...of,
  billingEntityId,
  after: through - records,
  through,
  records,
});

function setUp() {
  const scheduler = new ManualScheduler();
  const there: PublicUse[] = [];
  let loads = 0;
  let isUnused = false;
  const feed = new PublicUseFeed({
    of,
    scheduler,
    intervalMs: 100,
    load: () => {
      loads += 1;
      return Promise.resolve([...there]);
    },
    onUnused: () => {
      isUnused = true;
    },
  });
  return { feed, scheduler, there, loads: () => loads, isUnused: () => isUnused };
}

/** Where a stream stands after the next event. */
async function next(stream: ReturnType<PublicUseFeed['open']>, scheduler: ManualScheduler) {
  const result = stream.next();
  await settle();
  await scheduler.advance(100);
  const { value } = await result;
  return {
    version: value?.version,
    newest: value?.newest.map(({ billingEntityId, through }) => [billingEntityId, through]),
  };
}

describe('the feed of use in a public organization', () => {
  it('begins with nothing, though much was used before', async () => {
    const { feed, scheduler, there } = setUp();
    there.push(use('ann', 7n), use('ben', 3n));
    const stream = feed.open();
    expect(await next(stream, scheduler)).toEqual({ version: 0n, newest: [] });
    feed.hear(use('ann', 7n));
    feed.hear(use('ben', 5n, 2n));
    expect(await next(stream, scheduler)).toEqual({ version: 2n, newest: [['ben', 5n]] });
  });

  it('counts what it hears twice once, also while pieces of one person come out of order', async () => {
    const { feed, scheduler } = setUp();
    const stream = feed.open();
    await next(stream, scheduler);
    for (const through of [4n, 2n, 4n, 6n, 2n]) feed.hear(use('ann', through, 2n));
    expect(await next(stream, scheduler)).toEqual({
      version: 6n,
      newest: [
        ['ann', 6n],
        ['ann', 2n],
        ['ann', 4n],
      ],
    });
  });

  it('finds what was lost on the way, and nothing twice', async () => {
    const { feed, scheduler, there, loads } = setUp();
    const stream = feed.open();
    await next(stream, scheduler);
    feed.hear(use('ann', 5n, 3n));
    await next(stream, scheduler);
    // The newest first; of the piece that was heard of, the database has each entry by itself.
    there.push(use('ben', 9n), use('ann', 5n), use('ann', 4n));
    await feed.refresh();
    expect(await next(stream, scheduler)).toEqual({
      version: 4n,
      newest: [
        ['ben', 9n],
        ['ann', 5n],
      ],
    });
    const other = feed.open();
    await next(other, scheduler);
    expect(loads()).toBe(2);
  });

  it('remembers the newest 20 pieces, however many there are, and is forgotten when nobody listens', async () => {
    const { feed, scheduler, isUnused } = setUp();
    const stream = feed.open();
    await next(stream, scheduler);
    for (let at = 1n; at <= 10_000n; at += 1n) feed.hear(use('ann', at));
    const { version, newest } = await next(stream, scheduler);
    expect([version, newest?.length, newest?.[0]]).toEqual([10_000n, 20, ['ann', 10_000n]]);
    expect(isUnused()).toBe(false);
    await stream.return?.();
    expect(isUnused()).toBe(true);
  });
});
