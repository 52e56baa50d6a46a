import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits until `condition` holds, asking again and again. The deadline is generous, because it is reached only by a
 * failing test: slow machines must not fail.
 */
export async function waitFor(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain for: ${what}`);
    await delay(20);
  }
}
