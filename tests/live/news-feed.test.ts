import { NewsFeed } from '../../src/live/news-feed.ts';
import { ManualScheduler, settle } from './manual-scheduler.ts';

function setUp() {
  const scheduler = new ManualScheduler();
  let unused = 0;
  const feed = new NewsFeed({ scheduler, intervalMs: 100, onUnused: () => (unused += 1) });
  return { feed, scheduler, unused: () => unused };
}

describe('the feed of news', () => {
  it('tells at once, and then whenever there may be more, at most ten times a second', async () => {
    const { feed, scheduler } = setUp();
    const stream = feed.open();
    expect((await stream.next()).value).toEqual({ version: 0n });
    for (let turn = 0; turn < 50; turn += 1) feed.hear();
    const next = stream.next();
    let isThere = false;
    void next.then(() => (isThere = true));
    await scheduler.advance(99);
    expect(isThere).toBe(false);
    await scheduler.advance(1);
    expect((await next).value).toEqual({ version: 50n });
    const lost = stream.next();
    await feed.refresh();
    await scheduler.advance(100);
    expect((await lost).value).toEqual({ version: 51n });
  });

  it('tells nobody that somebody else began to listen, and is forgotten when nobody does', async () => {
    const { feed, scheduler, unused } = setUp();
    const [one, other] = [feed.open(), feed.open()];
    await Promise.all([one.next(), other.next()]);
    let isTold = false;
    void one.next().then(({ done }) => (isTold = done !== true));
    const late = feed.open();
    await late.next();
    await settle();
    await scheduler.advance(1_000);
    expect([isTold, feed.size]).toEqual([false, 3]);
    for (const stream of [one, other, late]) await stream.return?.();
    expect([feed.size, unused(), scheduler.planned]).toEqual([0, 1, 0]);
  });
});
