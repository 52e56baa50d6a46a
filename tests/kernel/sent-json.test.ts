import { isKept, SentJson } from '../../src/kernel/sent-json.ts';

/** Far more than is needed on a busy machine, and far less than work that grows with the square of its input takes. */
const MOST_MS = 30_000;

describe('a number', () => {
  it('is kept when reading and showing it gives the same value', () => {
    let state = 42;
    const random = (below: number): number => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) % below;
    const digits = (count: number): string => Array.from({ length: count }, () => random(10)).join('');
    for (let round = 0; round < 5_000; round += 1) {
      // At most 15 digits are always told apart, and a double never shows more than 17.
      const few = `0.${'0'.repeat(random(5))}${digits(1 + random(14))}1`;
      expect([few, isKept(few)]).toEqual([few, true]);
      const many = `0.9${digits(18)}1`;
      expect([many, isKept(many)]).toEqual([many, false]);
      const whole = digits(1 + random(25)).replace(/^0+(?=\d)/, '');
      expect([whole, isKept(whole)]).toEqual([whole, BigInt(whole) <= BigInt(Number.MAX_SAFE_INTEGER)]);
    }
  });

  it('of millions of digits is judged in time', () => {
    const zeros = '0'.repeat(4_000_000);
    const startedMs = performance.now();
    expect(isKept(`0.1${zeros}1`)).toBe(false);
    expect(isKept(`0.1${zeros}`)).toBe(true);
    expect(isKept(`0.${zeros}1e4000001`)).toBe(true);
    expect(isKept(`1${zeros}e-4000000`)).toBe(true);
    expect(performance.now() - startedMs).toBeLessThan(MOST_MS);
  });
});

/** Text that is JSON, as it was read. */
const sentAs = (text: string): SentJson => SentJson.read(text) as SentJson;

describe('text', () => {
  it('that is read as it was sent has lost nothing', () => {
    const sent = sentAs(' { "a" : [ 1 , "\\"b\\\\" , { } , [ ] , null , true ] , "c" : { "a" : -2.5E+1 } } ');
    expect(sent.lossIn(sent.value as object)).toBeNull();
    expect(sent.endsInNull).toBe(false);
  });

  it('says where, from any part of it', () => {
    const sent = sentAs('{"a":[0,{"b":{"\\u0063":[1e400]}}],"d":{"e":1}}');
    const { a, d } = sent.value as { a: [number, { b: { c: number[] } }]; d: object };
    expect(sent.lossIn(sent.value as object)).toEqual({ loss: 'number', path: ['a', 1, 'b', 'c', 0] });
    expect(sent.lossIn(a[1].b)).toEqual({ loss: 'number', path: ['c', 0] });
    expect(sent.lossInMember(a[1], 'b')).toEqual({ loss: 'number', path: ['c', 0] });
    expect(sent.lossIn(d)).toBeNull();
    expect(sent.lossInMember(d, 'e')).toBeNull();
  });

  it('tells what was replaced from what is kept, also where names mean something to the language', () => {
    const sent = sentAs('{"a":{"__proto__":{"x":-0}},"a":{"toString":-0},"b":{"constructor":[]}}');
    const { a, b } = sent.value as { a: object; b: object };
    expect(sent.lossIn(sent.value as object)).toEqual({ loss: 'twice', path: ['a'] });
    expect(sent.lossIn(a)).toEqual({ loss: 'twice', path: [] });
    expect(sent.lossIn(b)).toBeNull();
    expect(sent.lossIn(Object.prototype)).toBeNull();
  });

  it.each([
    ['nested', (count: number) => `${'{"a":[1e400,'.repeat(count)}0${']}'.repeat(count)}`],
    ['wide', (count: number) => `[${Array.from({ length: count }, () => '{"a":-0,"a":-0}').join(',')}]`],
    [
      'nested in what another replaced',
      (count: number) => `{"a":${'['.repeat(count)}${'-0,'.repeat(count)}0${']'.repeat(count)},"a":1}`,
    ],
    ['escaped', (count: number) => JSON.stringify({ a: '\\"'.repeat(count), b: '\\'.repeat(count) })],
  ])('that is %s as no client needs it is searched in time', (_, make) => {
    const sent = sentAs(make(300_000));
    const startedMs = performance.now();
    sent.lossIn(sent.value as object);
    expect(performance.now() - startedMs).toBeLessThan(MOST_MS);
  });
});
