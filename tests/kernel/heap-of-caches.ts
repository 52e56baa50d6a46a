/** Measures what plain values hold against what is counted for them, and what empty caches hold. */
import { BoundedCache, bytesOf } from '../../src/kernel/bounded-cache.ts';
import { heapAfter } from '../support/heap.ts';

// As texts come in from outside: put together, they would hold their parts besides.
const text = (written: string): string => Buffer.from(written).toString();
const value = (index: number): unknown => ({
  id: text(`id-${index}-${'ü€'.repeat(20)}`),
  at: new Date(index),
  list: [text(`one-${index}-${'x'.repeat(30)}`), null, { deep: true, amount: BigInt(index) }],
});

const values: unknown[] = [];
const held = await heapAfter(() => {
  for (let index = 0; index < 5_000; index += 1) values.push(value(index));
});
const counted = values.reduce((sum: number, each) => sum + bytesOf(each), 0);

const caches: BoundedCache<string>[] = [];
const empty = await heapAfter(() => {
  for (let index = 0; index < 100; index += 1) caches.push(new BoundedCache({ bytes: 1 << 26 }));
});

process.stdout.write(JSON.stringify({ held, counted, ofAnEmptyCache: empty / caches.length }));
