import { measured } from '../../support/heap.ts';

interface Result {
  readonly kind: string;
  readonly held: number;
  /** The document that came last is still known. */
  readonly knowsTheLast: boolean;
}

it('documents are remembered within the bound, whatever they are made of', async () => {
  const { bound, results } = await measured<{ readonly bound: number; readonly results: readonly Result[] }>(
    'tests/graphql/execution/heap-of-documents.ts',
  );
  expect(results).toHaveLength(7);
  // Code that is compiled meanwhile, and what the libraries keep, is on the heap as well.
  expect(results.filter(({ held }) => held > 1.5 * bound)).toEqual([]);
  expect(results.reduce((sum, { held }) => sum + held, 0)).toBeLessThan(results.length * bound);
  // Each is no less of a memory for that: what came last is known.
  expect(results.filter(({ knowsTheLast }) => !knowsTheLast)).toEqual([]);
});
