import { Refusal } from './refusal.ts';

/**
 * Does these one after another, also those that come after one that fails: none is in another's way. What somebody who is
 * away makes fail would fail for all, so that ends it.
 * @throws the first failure, at the end
 */
export async function tryAll(works: Iterable<() => Promise<unknown>>): Promise<void> {
  const failures: unknown[] = [];
  for (const work of works) {
    try {
      await work();
    } catch (error) {
      failures.push(error);
      if (error instanceof Refusal && error.retryable) break;
    }
  }
  if (failures.length > 0) throw failures[0];
}
