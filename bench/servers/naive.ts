import { Pool } from 'pg';
import { systemClock } from '../../src/kernel/clock.ts';
import { loadConfig } from '../../src/config/config.ts';
import { createAuthenticator } from '../../src/http/authentication.ts';
import { createMetrics } from '../../src/http/metrics.ts';
import { createHttpServer } from '../../src/http/server.ts';
import { createLog } from '../../src/kernel/log.ts';
import { createNaiveSchema } from './naive-schema.ts';

// One naive transaction per request behind our own HTTP server, with all its checks: only the writing differs.
const config = loadConfig(process.env, 'production');
const log = createLog({ level: config.logLevel });
const pool = new Pool({ connectionString: config.databaseUrl ?? '', max: 20 });
const server = await createHttpServer({
  config,
  log,
  schema: createNaiveSchema(pool),
  authenticator: createAuthenticator({
    auth: config.auth,
    clock: systemClock,
    log,
    authenticateKey: () => Promise.reject(new Error('there are no keys here')),
    ensureUser: () => Promise.reject(new Error('Only a service consumes here.')),
  }),
  contextFor: () => ({}),
  readiness: [],
  metrics: createMetrics(),
  clock: systemClock,
});
const { port } = await server.listen();
process.send?.({ port });
process.once('disconnect', () => process.exit());
