import fc from 'fast-check';
import { Refusal } from '../../src/kernel/refusal.ts';
import { TimeZone } from '../../src/usage/time-zone.ts';

const HOUR_MS = 3_600_000;

function daysOf(zone: string, from: string, to: string): string[] {
  const spans = new TimeZone(zone).spans('DAY', { from: new Date(from), to: new Date(to) });
  return spans.map(({ start }) => start.toISOString().slice(0, 16));
}

describe('a time zone', () => {
  it('has no midnight where clocks jump over it: the day begins an hour later', () => {
    expect(daysOf('America/Santiago', '2025-09-06T04:00Z', '2025-09-08T04:00Z')).toEqual([
      '2025-09-06T04:00',
      '2025-09-07T04:00',
      '2025-09-08T03:00',
    ]);
  });

  it('has its midnight once where clocks show it twice', () => {
    expect(daysOf('America/Havana', '2025-11-01T04:00Z', '2025-11-03T06:00Z')).toEqual([
      '2025-11-01T04:00',
      '2025-11-02T04:00',
      '2025-11-03T05:00',
    ]);
  });

  it('has days that others have and it has not', () => {
    // Samoa went over the date line: December 30, 2011 was no day there.
    expect(daysOf('Pacific/Apia', '2011-12-29T10:00Z', '2011-12-31T10:00Z')).toEqual([
      '2011-12-29T10:00',
      '2011-12-30T10:00',
    ]);
  });

  it('has spans that meet, from the first hour asked for to the last', () => {
    const instant = fc
      .integer({ min: Date.UTC(1980, 0) / HOUR_MS, max: Date.UTC(2040, 0) / HOUR_MS })
      .map((hours) => new Date(hours * HOUR_MS));
    const zone = fc.constantFrom('UTC', 'Europe/Berlin', 'America/Chicago', 'Africa/Casablanca', 'Pacific/Kiritimati');
    fc.assert(
      fc.property(zone, fc.constantFrom('DAY', 'MONTH'), instant, fc.nat({ max: 3_000 }), (name, unit, from, hours) => {
        const to = new Date(from.getTime() + (hours + 1) * HOUR_MS);
        const spans = new TimeZone(name).spans(unit, { from, to });
        expect(spans[0]?.since).toEqual(from);
        expect(spans.at(-1)?.until).toEqual(to);
        spans.forEach(({ start, since, until }, index) => {
          expect(start <= since && since < until).toBe(true);
          if (index > 0) expect([start, since]).toEqual([spans[index - 1]?.until, spans[index - 1]?.until]);
        });
      }),
    );
  });

  it.each(['', 'Nowhere', '+02:00', 'UTC+2', 'Europe/Berlin\0'])('is not %j', (name) => {
    expect(() => new TimeZone(name)).toThrow(Refusal);
  });

  it('has days that begin at halves and quarters of an hour', () => {
    expect(daysOf('Asia/Kathmandu', '2026-03-01T18:15Z', '2026-03-02T18:30Z')).toEqual([
      '2026-03-01T18:15',
      '2026-03-02T18:15',
    ]);
    // Eleven hours in summer, ten and a half in winter.
    expect(daysOf('Australia/Lord_Howe', '2026-04-03T13:00Z', '2026-04-06T13:30Z')).toEqual([
      '2026-04-03T13:00',
      '2026-04-04T13:00',
      '2026-04-05T13:30',
    ]);
  });

  it('had odd offsets long ago, which are rounded: nothing was used then', () => {
    expect(new TimeZone('Asia/Singapore').offsetMs(new Date('1905-06-01T00:00Z')) % (HOUR_MS / 4)).toBe(0);
    expect(daysOf('Africa/Monrovia', '1971-12-31T00:30Z', '1972-02-01T00:00Z')).toHaveLength(33);
  });

  it.each([
    ['Asia/Singapore', '1905-01-01', '2026-04-01', true],
    ['Asia/Pyongyang', '2016-01-01', '2026-04-01', true],
    ['Europe/Berlin', '0001-01-01', '9999-01-01', true],
    ['Etc/GMT+12', '2026-04-01', '2026-04-02', true],
    ['Asia/Kolkata', '2026-04-01', '2026-04-02', false],
    ['Asia/Kathmandu', '1905-01-01', '1906-01-01', false],
    ['Australia/Lord_Howe', '2026-01-01', '2026-01-02', false],
    ['America/St_Johns', '9998-01-01', '9999-01-01', false],
  ])('%s from %s to %s is of whole hours: %s', (name, from, to, isWhole) => {
    const ask = (): void => new TimeZone(name).requireWholeHours({ from: new Date(from), to: new Date(to) });
    if (isWhole) expect(ask).not.toThrow();
    else expect(ask).toThrow(name);
  });
});
