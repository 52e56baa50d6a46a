import fc from 'fast-check';
import { addMonths, calendarMonth, monthFrom } from '../../../src/ledger/rules/periods.ts';

const at = (text: string): Date => new Date(text);
const instant = fc.date({ min: at('2020-01-01T00:00:00Z'), max: at('2040-01-01T00:00:00Z'), noInvalidDate: true });

describe('periods (rule 13)', () => {
  it('of a subscription that began on the 31st end on the last day of shorter months, and come back to the 31st', () => {
    const anchor = at('2027-01-31T10:20:30.000Z');
    expect([0, 1, 2, 3, 12, 13].map((months) => addMonths(anchor, months).toISOString())).toEqual([
      '2027-01-31T10:20:30.000Z',
      '2027-02-28T10:20:30.000Z',
      '2027-03-31T10:20:30.000Z',
      '2027-04-30T10:20:30.000Z',
      '2028-01-31T10:20:30.000Z',
      '2028-02-29T10:20:30.000Z',
    ]);
    expect(monthFrom(anchor, at('2027-03-01T00:00:00Z'))).toEqual({
      start: at('2027-02-28T10:20:30.000Z'),
      end: at('2027-03-31T10:20:30.000Z'),
    });
  });

  it('begin at their first millisecond and end before their last', () => {
    const anchor = at('2026-03-10T12:00:00.000Z');
    const second = { start: at('2026-04-10T12:00:00.000Z'), end: at('2026-05-10T12:00:00.000Z') };
    expect(monthFrom(anchor, at('2026-04-10T11:59:59.999Z')).end).toEqual(second.start);
    expect(monthFrom(anchor, second.start)).toEqual(second);
    expect(monthFrom(anchor, at('2026-05-10T11:59:59.999Z'))).toEqual(second);
  });

  it('hold every instant exactly once, whatever the anchor, before it too', () => {
    fc.assert(
      fc.property(instant, instant, (anchor, now) => {
        const { start, end } = monthFrom(anchor, now);
        expect(start <= now && now < end).toBe(true);
        expect(monthFrom(anchor, end).start).toEqual(end);
        expect(monthFrom(anchor, new Date(start.getTime() - 1)).end).toEqual(start);
        const days = (end.getTime() - start.getTime()) / 86_400_000;
        expect(days >= 28 && days <= 31).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('keep the anchor’s day and time wherever the month has that day', () => {
    fc.assert(
      fc.property(instant, fc.integer({ min: -200, max: 200 }), (anchor, months) => {
        const moved = addMonths(anchor, months);
        const month = anchor.getUTCFullYear() * 12 + anchor.getUTCMonth() + months;
        expect(moved.getUTCFullYear() * 12 + moved.getUTCMonth()).toBe(month);
        expect(moved.getTime() % 86_400_000).toBe(anchor.getTime() % 86_400_000);
        const isLastDay = new Date(moved.getTime() + 86_400_000).getUTCDate() === 1;
        expect(
          moved.getUTCDate() === anchor.getUTCDate() || (isLastDay && moved.getUTCDate() < anchor.getUTCDate()),
        ).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('of an anchor on the first of a month are calendar months', () => {
    fc.assert(
      fc.property(instant, (now) => {
        expect(monthFrom(at('2026-03-01T00:00:00Z'), now)).toEqual(calendarMonth(now));
      }),
    );
  });
});
