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
  'of many values': (index) => `{ sum(of: [${'1 '.repeat(1_000)}]) } # ${index}`,
  'that are wrong in their many fields': (index) => `{ me { ${'a '.repeat(15)} } } # ${index}`,
  'that are wrong in one field of many values': (index) => `{ a(of: [${'1 '.repeat(1_000)}]) } # ${index}`,
  'of too many tokens': (index) => `{ ${'a '.repeat(4_100)} } # ${index}`,
  'that cannot be read': (index) => `{ ${'a '.repeat(900)} ${index} } }`,
  'that are small': (index) => `{ me { sum } } # ${index}`,
};

/** More than the bound, were all of them kept. */
const COUNT = 200;

it('documents are remembered within the bound, whatever they are made of', async () => {
  const bound = MIB;
  const remembering = Object.values(KINDS).map((documentOf) => ({
    documentOf,
    operations: new Operations({
      schema,
      limits: { ...limits, documentCacheBytes: bound },
      log: createLog({ level: 'silent' }),
      suggestions: false,
    }),
  }));
  const prepareFrom = (first: number, last: number): void => {
    for (const { documentOf, operations } of remembering) {
      for (let index = first; index <= last; index += 1) operations.prepare({ query: documentOf(index) });
    }
  };
  prepareFrom(0, 0);
  const held = await heapAfter(() => prepareFrom(1, COUNT));
  expect(held).toBeLessThan(remembering.length * bound);
  // Each is no less of a memory for that: what came last is known.
  for (const { documentOf, operations } of remembering) {
    const last = operations.prepare({ query: documentOf(COUNT + 1) });
    const again = operations.prepare({ query: documentOf(COUNT + 1) });
    expect(again.operation).toBe(last.operation);
    expect(again.errors).toBe(last.errors);
  }
});
