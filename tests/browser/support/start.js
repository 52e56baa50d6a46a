import { randomBytes } from 'node:crypto';
import { PortalServer } from './server.js';

/** Once per run: the server that all files share, unless they start one of their own. */
export default async function start() {
  // Tests seal sessions of their own with it.
  process.env.PORTAL_SESSION_SECRET = randomBytes(32).toString('base64');
  globalThis.portal = await PortalServer.start({ SESSION_SECRET: process.env.PORTAL_SESSION_SECRET });
  process.env.PORTAL_URL = globalThis.portal.url;
  process.env.PORTAL_DATA_DIR = globalThis.portal.dataDir;
}
