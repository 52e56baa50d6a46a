/** Ends the servers and what they brought along. */
export default async function stop() {
  await Promise.all(globalThis.portals.map((portal) => portal.stop()));
}
