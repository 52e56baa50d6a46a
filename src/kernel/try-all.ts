import { Refusal } from './refusal.ts';

/**
 * Does these one after another; one that fails does not stop those behind it. A failure because another system is away
 * would come back for each, so it ends the run.
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
