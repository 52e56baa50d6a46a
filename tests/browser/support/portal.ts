const worker = process.env['JEST_WORKER_ID'] ?? '1';

/** The server of this worker: its origin, its data, and the secret of its sessions. */
export const PORTAL = {
  origin: process.env[`PORTAL_URL_${worker}`] ?? '',
  dataDir: process.env[`PORTAL_DATA_DIR_${worker}`] ?? '',
  sessionSecret: process.env['PORTAL_SESSION_SECRET'] ?? '',
} as const;
