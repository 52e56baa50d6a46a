/**
 * `npm run ledger:verify`: recomputes every account from its ledger, or those that are named, and says what differs. It only
 * reads, each account on one snapshot, beside a running server or without one.
 */
import { systemClock } from '../kernel/clock.ts';
import { ConfigError, loadConfig } from '../config.ts';
import { LedgerVerification } from '../ledger/proof/verify.ts';
import { Database } from '../db/database.ts';
import { LocalDatabaseError, runningLocalDatabase, startLocalDatabase } from '../local/embedded-postgres.ts';
import { NewerSchemaError, requireKnownSchema } from '../persistence/known-schema.ts';
import { parseEntityId } from '../kernel/public-ids.ts';
import { createLog } from '../kernel/log.ts';
import { Refusal } from '../kernel/refusal.ts';

/** Accounts that are recomputed at once. */
const AT_ONCE = 4;

/**
 * Prints each difference, and a last line for all; gives the exit code: 0 only when every account agrees with its ledger.
 * @param named billing entities to verify; none: all
 */
export async function verifyLedgers(named: readonly string[]): Promise<number> {
  try {
    const config = loadConfig(process.env, 'local');
    const log = createLog({ level: 'warn' });
    const running = config.databaseUrl ?? (await runningLocalDatabase(config.dataDir));
    const embedded = running === null ? await startLocalDatabase({ dataDir: config.dataDir, log }) : null;
    const databaseUrl = running ?? (embedded?.databaseUrl as string);
    const database = new Database(databaseUrl, {
      max: AT_ONCE + 1,
      onIdleError: (error) => log.warn({ err: error }, 'an idle database connection broke'),
    });
    try {
      await requireKnownSchema(databaseUrl);
      return await verifyAll(new LedgerVerification(database), named.map(parseEntityId));
    } finally {
      await database.end();
      await embedded?.stop();
    }
  } catch (error) {
    const isPlain =
      error instanceof ConfigError ||
      error instanceof NewerSchemaError ||
      error instanceof LocalDatabaseError ||
      error instanceof Refusal;
    console.error(isPlain ? error.message : error);
    return 1;
  }
}

async function verifyAll(verification: LedgerVerification, named: readonly string[]): Promise<number> {
  const startedAt = systemClock.now().getTime();
  let [accounts, entries, problems] = [0n, 0n, 0n];
  const ids = named.length > 0 ? each(named) : verification.accounts();
  const worker = async (): Promise<void> => {
    for (let next = await ids.next(); next.done !== true; next = await ids.next()) {
      const result = await verification.verify(next.value);
      accounts += 1n;
      entries += result.entriesChecked;
      problems += result.problemCount;
      for (const problem of result.problems) console.log(`${next.value}: ${problem}`);
      const unsaid = result.problemCount - BigInt(result.problems.length);
      if (unsaid > 0n) console.log(`${next.value}: and ${unsaid} more`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const seconds = ((systemClock.now().getTime() - startedAt) / 1_000).toFixed(1);
  const verdict = problems === 0n ? 'all consistent' : `${problems} differences`;
  console.log(`${accounts} accounts, ${entries} entries, ${seconds} s: ${verdict}`);
  return problems === 0n ? 0 : 1;
}

async function* each(ids: readonly string[]): AsyncGenerator<string, void, undefined> {
  yield* ids;
}
