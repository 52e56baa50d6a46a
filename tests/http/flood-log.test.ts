import { FloodLog } from '../../src/http/flood-log.ts';

describe('a flood', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it('is told of at once, then once a window with a count while it goes on, each kind by itself', () => {
    const lines: string[] = [];
    const log = new FloodLog(({ count, latest }) => void lines.push(`${count} ${JSON.stringify(latest)}`), 1000);
    for (let n = 1; n <= 50; n += 1) log.note('a', { n });
    log.note('b', { n: 'b' });
    expect(lines.splice(0)).toEqual(['1 {"n":1}', '1 {"n":2}', '1 {"n":3}', '1 {"n":"b"}']);
    jest.advanceTimersByTime(1000);
    expect(lines.splice(0)).toEqual(['47 {"n":50}']);
    for (let n = 51; n <= 60; n += 1) log.note('a', { n });
    expect(lines).toEqual([]);
    jest.advanceTimersByTime(1000);
    expect(lines.splice(0)).toEqual(['10 {"n":60}']);
    jest.advanceTimersByTime(1000);
    log.note('a', { n: 61 });
    expect(lines).toEqual(['1 {"n":61}']);
    expect(jest.getTimerCount()).toBe(1);
  });
});
