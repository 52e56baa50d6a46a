/** Ends the server and what it brought along. */
export default async function stop() {
  await globalThis.portal.stop();
}
