import { buildSchema } from 'graphql';
import { loadConfig } from '../../../src/config/config.ts';
import { Operations } from '../../../src/graphql/execution/operations.ts';
import { createLog } from '../../../src/kernel/log.ts';
import { heapAfter } from '../../support/heap.ts';

const MIB = 1_048_576;
const { limits } = loadConfig({}, 'local');
const schema = buildSchema('type Query { me: Query, sum(of: [Int!]): Int }');

/** Documents that are all different, each of many tokens in few bytes. */
const KINDS: Readonly<Record<string, (index: number) => string>> = {
  'of many fields': (index) => `{ me { ${'sum '.repeat(60)} } } # ${index}`,
  'of many values': (index) => `{ sum(of: [${'1 '.repeat(3_900)}]) } # ${index}`,
  'that are wrong in their many fields': (index) => `{ me { ${'a '.repeat(15)} } } # ${index}`,
  'that are wrong in one field of many values': (index) => `{ a(of: [${'1 '.repeat(3_900)}]) } # ${index}`,
  'of too many tokens': (index) => `{ ${'a '.repeat(4_100)} } # ${index}`,
  'that cannot be read': (index) => `{ ${'a '.repeat(900)} ${index} } }`,
  'that are small': (index) => `{ me { sum } } # ${index}`,
};

it.each(Object.keys(KINDS))('documents %s are remembered within the bound', async (kind) => {
  const documentOf = KINDS[kind] as (index: number) => string;
  const bound = MIB;
  const operations = new Operations({
    schema,
    limits: { ...limits, documentCacheBytes: bound },
    log: createLog({ level: 'silent' }),
    suggestions: false,
  });
  const count = kind.includes('values') ? 40 : 1_000;
  operations.prepare({ query: documentOf(-1) });
  const held = await heapAfter(() => {
    for (let index = 0; index < count; index += 1) operations.prepare({ query: documentOf(index) });
  });
  expect(held).toBeLessThan(bound);
  // It is no less of a memory for that: what came last is known.
  const last = operations.prepare({ query: documentOf(count - 1) });
  const again = operations.prepare({ query: documentOf(count - 1) });
  expect(again.operation).toBe(last.operation);
  expect(again.errors).toBe(last.errors);
});
