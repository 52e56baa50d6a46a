/** Stops what global-setup.js started, in the same process. */
export default async function globalTeardown() {
  await globalThis.tollgateTestServer?.stop();
}
