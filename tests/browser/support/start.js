import { randomBytes } from 'node:crypto';
import { PortalServer } from './server.js';

/**
 * Once per run: a server for each worker, which its files use one after the other, unless they start one of their own.
 * @param {{ maxWorkers: number }} globalConfig Jest's.
 */
export default async function start({ maxWorkers }) {
  // Tests seal sessions of their own with it.
  process.env.PORTAL_SESSION_SECRET = randomBytes(32).toString('base64');
  globalThis.portals = [];
  for (let worker = 1; worker <= maxWorkers; worker += 1) {
    const portal = await PortalServer.start({ SESSION_SECRET: process.env.PORTAL_SESSION_SECRET });
    globalThis.portals.push(portal);
    process.env[`PORTAL_URL_${worker}`] = portal.url;
    process.env[`PORTAL_DATA_DIR_${worker}`] = portal.dataDir;
  }
}
