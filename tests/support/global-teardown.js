import pg from 'pg';

/** Undoes what global-setup.js did, in the same process. */
export default async function globalTeardown() {
  if (globalThis.tollgateTestServer !== undefined) {
    await globalThis.tollgateTestServer.stop();
    return;
  }
  const admin = new pg.Client({ connectionString: process.env.TOLLGATE_TEST_SERVER_URL });
  await admin.connect();
  await admin.query(`DROP DATABASE ${process.env.TOLLGATE_TEST_TEMPLATE}`);
  await admin.end();
}
