// A program to be killed: starts the embedded server in the directory given, says so, and lives until told to go.
import { startEmbeddedPostgres } from '@tollgate/embedded-postgres';

const [dataDir, interrupts] = process.argv.slice(2);
if (interrupts === 'ignore-interrupt') process.on('SIGINT', () => undefined);
process.on('message', () => process.exit());
process.on('disconnect', () => process.exit());
try {
  const { databaseUrl } = await startEmbeddedPostgres({
    dataDir,
    databaseName: 'tollgate',
    durable: false,
    log: { info: () => undefined, warn: () => undefined },
  });
  process.send({ databaseUrl });
} catch (error) {
  process.send({ error: error.message });
}
