import type { Server } from 'node:net';

/** Tells the parent process the port, and ends with it. */
export function announce(server: Server): void {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server listens on no port.');
  process.send?.({ port: address.port });
  process.once('disconnect', () => process.exit());
}
