#!/usr/bin/env node
/** The emulator's own process. Prints one line of JSON when it listens, and stops with whoever started it. */
import { startEmulator } from './emulator.ts';
import { loadSettings, SettingsError } from './settings.ts';

try {
  const emulator = await startEmulator(loadSettings(process.env));
  const stop = (): void => {
    void emulator.stop().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  // A parent that dies takes its end of the channel or of the pipe with it. A terminal is nobody's pipe.
  if (process.connected) process.once('disconnect', stop);
  else if (process.argv.includes('--with-parent')) process.stdin.once('end', stop).once('close', stop).resume();
  // Whoever reads this may end it at once.
  console.log(JSON.stringify({ ready: true, port: emulator.port, url: emulator.url }));
} catch (error) {
  const isMendable = error instanceof SettingsError || (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
  console.error(isMendable ? (error as Error).message : error);
  process.exitCode = 1;
}
