import fc from 'fast-check';
import { SessionEnds } from '../../src/http/session-ends.ts';
import { createLog } from '../../src/kernel/log.ts';
import { ManualScheduler, settle } from '../live/manual-scheduler.ts';
import { EndedSessionsInMemory } from '../support/edges.ts';

const expiresAt = new Date('2100-01-01');

function setUp() {
  const store = new EndedSessionsInMemory();
  const scheduler = new ManualScheduler();
  const ends = new SessionEnds({ store, scheduler, log: createLog({ level: 'silent' }) });
  return { store, scheduler, ends };
}

describe('the ends of sessions', () => {
  it('are asked for once by requests that come together, then for all sessions in use together, and not at all when none is', async () => {
    const { store, scheduler, ends } = setUp();
    const many = Array.from({ length: 100 }, () => ends.isEnded('a'));
    expect(await Promise.all([...many, ends.isEnded('b')])).toEqual(Array(101).fill(false));
    expect(store.asked).toEqual([['a'], ['b']]);
    for (let round = 0; round < 10; round += 1) {
      await scheduler.advance(400);
      for (let index = 0; index < 100; index += 1) expect(ends.isEnded('a')).toBe(false);
      expect(ends.isEnded('b')).toBe(false);
    }
    expect(store.asked.slice(2)).toEqual(Array.from({ length: 10 }, () => ['a', 'b']));
    await scheduler.advance(31_000);
    const asked = store.asked.length;
    expect(scheduler.planned).toBe(0);
    await scheduler.advance(60_000);
    expect(store.asked).toHaveLength(asked);
    expect(await ends.isEnded('a')).toBe(false);
    expect(store.asked).toHaveLength(asked + 1);
  });

  it('are known within a second wherever else a session was ended, however it is used meanwhile', async () => {
    const gap = fc.oneof(fc.integer({ min: 0, max: 1_500 }), fc.integer({ min: 0, max: 35_000 }));
    const gaps = fc.array(gap, { minLength: 2, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(gaps, fc.nat(), fc.boolean(), async (uses, at, holds) => {
        const { store, scheduler, ends } = setUp();
        let closed = 0;
        if (holds) ends.whenEnded('a', () => (closed += 1));
        const endsBefore = at % uses.length;
        let endedAtMs = Number.POSITIVE_INFINITY;
        for (const [index, gapMs] of uses.entries()) {
          await scheduler.advance(gapMs);
          if (index === endsBefore) {
            store.ids.add('a');
            endedAtMs = scheduler.nowMs();
          }
          const isEnded = await ends.isEnded('a');
          if (scheduler.nowMs() < endedAtMs) expect(isEnded).toBe(false);
          if (scheduler.nowMs() >= endedAtMs + 1_000) expect(isEnded).toBe(true);
        }
        await scheduler.advance(1_000);
        expect(closed).toBe(holds ? 1 : 0);
        ends.stop();
      }),
      { numRuns: 100 },
    );
  });

  it('are known at once where the session was ended, also to those who ask at the time', async () => {
    const { store, ends } = setUp();
    let told = 0;
    ends.whenEnded('a', () => (told += 1));
    const takeBack = ends.whenEnded('a', () => (told += 100));
    takeBack();
    const held = Promise.withResolvers<void>();
    const answering = store.endedAmong.bind(store);
    store.endedAmong = async (ids) => {
      const answer = await answering(ids);
      await held.promise;
      return answer;
    };
    const asking = ends.isEnded('a');
    await settle();
    await ends.end({ id: 'a', expiresAt });
    held.resolve();
    expect([await asking, ends.isEnded('a'), told]).toEqual([true, true, 1]);
    ends.whenEnded('a', () => (told += 1));
    expect(told).toBe(2);
    expect(store.asked).toEqual([['a']]);
    ends.stop();
  });

  it('grow old while the store is away: then nobody is believed, and nobody is signed out', async () => {
    const { store, scheduler, ends } = setUp();
    let told = 0;
    ends.whenEnded('a', () => (told += 1));
    expect(await ends.isEnded('a')).toBe(false);
    store.isAway = true;
    await scheduler.advance(999);
    expect(await ends.isEnded('a')).toBe(false);
    await scheduler.advance(1);
    await expect(ends.isEnded('a')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(ends.end({ id: 'b', expiresAt })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    store.isAway = false;
    expect(await ends.isEnded('a')).toBe(false);
    expect(await ends.isEnded('b')).toBe(false);
    await scheduler.advance(2_000);
    expect(ends.isEnded('a')).toBe(false);
    expect(told).toBe(0);
    ends.stop();
  });

  it('are asked for as long as somebody stands on the session, and never again after it was stopped', async () => {
    const { store, scheduler, ends } = setUp();
    const release = ends.whenEnded('a', () => undefined);
    await scheduler.advance(120_000);
    expect(store.asked.length).toBe(300);
    release();
    await scheduler.advance(400);
    expect(scheduler.planned).toBe(0);
    ends.whenEnded('a', () => undefined);
    ends.stop();
    await settle();
    expect(scheduler.planned).toBe(0);
    expect(await ends.isEnded('c')).toBe(false);
    expect(scheduler.planned).toBe(0);
  });
});
