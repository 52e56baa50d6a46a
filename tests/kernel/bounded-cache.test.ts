import { BoundedCache } from '../../src/kernel/bounded-cache.ts';
import { measured } from '../support/heap.ts';

const KIB = 1_024;

it('forgets what was used longest ago where all together hold too many bytes', () => {
  const cache = new BoundedCache<string>({ bytes: 4 * KIB, sizeOf: () => KIB - 200 });
  for (const key of ['a', 'b', 'c']) cache.set(key, key);
  // Using it counts, and asking if it is there does not.
  expect(cache.get('a')).toBe('a');
  expect(cache.has('b')).toBe(true);
  for (const key of ['d', 'e']) cache.set(key, key);
  expect(['a', 'b', 'c', 'd', 'e'].filter((key) => cache.has(key))).toEqual(['a', 'c', 'd', 'e']);
  expect(cache.bytes).toBeLessThanOrEqual(4 * KIB);
});

it('forgets the oldest of any number of plain values, and holds no more bytes than it may', () => {
  const cache = new BoundedCache<{ id: string; name: string }>({ bytes: 100 * KIB });
  for (let index = 0; index < 2_000; index += 1) cache.set(`key-${index}`, { id: `id-${index}`, name: 'x'.repeat(50) });
  expect(cache.bytes).toBeLessThanOrEqual(100 * KIB);
  expect(cache.get('key-1999')?.id).toBe('id-1999');
  expect(cache.get('key-0')).toBeUndefined();
});

it('keeps nothing that is larger than all of it, and then forgets nobody else', () => {
  const cache = new BoundedCache<string>({ bytes: KIB });
  cache.set('small', 'x');
  cache.set('large', 'x'.repeat(KIB));
  expect(cache.get('large')).toBeUndefined();
  expect(cache.get('small')).toBe('x');
});

it('counts the bytes of a value anew when it is replaced', () => {
  const cache = new BoundedCache<string>({ bytes: 10 * KIB });
  cache.set('key', 'x'.repeat(2_000));
  const before = cache.bytes;
  cache.set('key', 'x');
  expect(before - cache.bytes).toBe(2 * 1_999);
  cache.delete('key');
  expect(cache.bytes).toBe(0);
});

it('counts no fewer bytes than a value holds, and holds nothing while it is empty, however much it may hold', async () => {
  const { held, counted, ofAnEmptyCache } = await measured<Record<'held' | 'counted' | 'ofAnEmptyCache', number>>(
    'tests/kernel/heap-of-caches.ts',
  );
  expect(held).toBeGreaterThan(0);
  expect(counted).toBeGreaterThanOrEqual(held * 0.95);
  expect(counted).toBeLessThan(held * 2.5);
  expect(ofAnEmptyCache).toBeLessThan(10 * KIB);
});
