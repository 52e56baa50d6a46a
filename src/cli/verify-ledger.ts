import { loadConfig } from '../config/config.ts';
import { Database } from '../db/database.ts';
import { systemClock } from '../kernel/clock.ts';
import { createLog } from '../kernel/log.ts';
import { parseEntityId } from '../kernel/public-ids.ts';
import { LedgerVerification } from '../ledger/proof/verify.ts';
import type { Invocation } from './command.ts';
import { onDatabase } from './database.ts';

/** Accounts that are recomputed at once. */
const AT_ONCE = 4;

/** Verifies accounts beside servers: it only reads, each account on one snapshot. */
export function verifyLedger({ operands, env, output, stopping }: Invocation): Promise<number> {
  const log = createLog({ level: 'warn', destination: output.log });
  return onDatabase(loadConfig(env, 'local'), log, async (databaseUrl) => {
    const database = new Database(databaseUrl, {
      max: AT_ONCE + 1,
      onIdleError: (error) => log.warn({ err: error }, 'an idle database connection broke'),
    });
    try {
      return await verifyAll(new LedgerVerification(database), operands.map(parseEntityId), { output, stopping });
    } finally {
      await database.end();
    }
  });
}

async function verifyAll(
  verification: LedgerVerification,
  named: readonly string[],
  { output, stopping }: Pick<Invocation, 'output' | 'stopping'>,
): Promise<number> {
  const startedAtMs = systemClock.now().getTime();
  const extent = await verification.extent(named.length > 0 ? named : null);
  let [accounts, entries, problems, read] = [0n, 0n, 0n, 0];
  const show = (): void =>
    output.progress({
      done: read,
      total: Number(extent.entries),
      unit: 'entries',
      detail: `${accounts} of ${extent.accounts} accounts`,
    });
  const onEntries = (count: number): void => {
    read += count;
    show();
  };
  const ids = named.length > 0 ? each(named) : verification.accounts();
  const worker = async (): Promise<void> => {
    for (let next = await ids.next(); next.done !== true; next = await ids.next()) {
      const result = await verification.verify(next.value, { onEntries, stopping });
      accounts += 1n;
      entries += result.entriesChecked;
      problems += result.problemCount;
      for (const problem of result.problems) output.print(`${next.value}: ${problem}`);
      const untold = result.problemCount - BigInt(result.problems.length);
      if (untold > 0n) output.print(`${next.value}: and ${untold} more`);
      show();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const seconds = ((systemClock.now().getTime() - startedAtMs) / 1_000).toFixed(1);
  const verdict = problems === 0n ? 'all consistent' : `${problems} differences`;
  output.print(`${accounts} accounts, ${entries} entries, ${seconds} s: ${verdict}`);
  return problems === 0n ? 0 : 1;
}

async function* each(ids: readonly string[]): AsyncGenerator<string, void, undefined> {
  yield* ids;
}
