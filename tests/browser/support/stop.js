import { once } from 'node:events';
import { rm } from 'node:fs/promises';

/** Ends the server and what it brought along. */
export default async function stop() {
  const { server, dataDir } = globalThis.portal;
  if (server.exitCode === null) {
    const ended = once(server, 'exit');
    server.kill('SIGTERM');
    await ended;
  }
  await rm(dataDir, { recursive: true, force: true });
}
