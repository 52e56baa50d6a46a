import fc from 'fast-check';
import { isDelivered, nextAttemptAt, reasonToDisable, RETRY_DELAYS_MS } from '../../../src/alerts/webhooks/schedule.ts';

const NOON = new Date('2026-03-10T12:00:00.000Z');
const HOUR_MS = 3_600_000;

/** How long a round takes whose attempts all fail at once. */
function roundMs(random: () => number): number {
  let now = NOON;
  for (let step = 1; ; step += 1) {
    const next = nextAttemptAt({ step, now, random: random() });
    if (next === null) return now.getTime() - NOON.getTime();
    now = next;
  }
}

it('a round of attempts takes a day and a little more, whatever the jitter', () => {
  expect(RETRY_DELAYS_MS.length + 1).toBe(8);
  fc.assert(
    fc.property(fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (stream) => {
      const took = roundMs(() => stream.next().value as number);
      return took > 24 * HOUR_MS && took < 30 * HOUR_MS;
    }),
  );
});

it('each pause is longer than the one before', () => {
  expect(RETRY_DELAYS_MS.every((delay, index) => index === 0 || delay > (RETRY_DELAYS_MS[index - 1] as number))).toBe(
    true,
  );
});

it('2xx delivers, and nothing else does', () => {
  for (let status = 100; status < 600; status += 1) {
    expect(isDelivered({ kind: 'answered', status })).toBe(status >= 200 && status < 300);
  }
  expect(isDelivered({ kind: 'failed', error: 'no connection' })).toBe(false);
});

it('an endpoint is disabled by 410 at once, and otherwise by a last attempt after a day without success', () => {
  const failed = { kind: 'answered', status: 500 } as const;
  const since = (hours: number): Date => new Date(NOON.getTime() - hours * HOUR_MS);
  const disables = (isLast: boolean, hours: number, status = 500): boolean =>
    reasonToDisable({ result: { ...failed, status }, isLast, failingSince: since(hours), now: NOON }) !== null;
  expect([disables(true, 24), disables(true, 23.99), disables(false, 1000)]).toEqual([true, false, false]);
  expect(disables(false, 0, 410)).toBe(true);
});
