import type { Ask } from './organizations.ts';

/** Sets preferences. */
export const SET_PREFERENCES =
  'mutation ($input: SetAlertPreferencesInput!) { setAlertPreferences(input: $input) { id type level remaining channels enabled } }';

/** Reads what is available, and the newest alert. */
const READ = `query ($id: ID!) { billingEntity(id: $id) { credits { available } alerts(first: 1) { edges { node { id } } } } }`;

interface Entity {
  readonly credits: { readonly available: number };
  readonly alerts: { readonly edges: readonly { readonly node: { readonly id: string } }[] };
}

/**
 * Has WARNINGs raised: one at each credit that is used from now on, fifty at most. `use` takes some at once; gives the id of the
 * newest.
 */
export async function raiseAlert(
  ask: Ask,
  { token, billingEntityId, use }: { token: string; billingEntityId: string; use: () => Promise<unknown> },
): Promise<string> {
  const { credits } = await ask<Entity>(token, READ, { id: billingEntityId });
  const preferences = Array.from({ length: Math.min(50, credits.available) }, (_, used) => ({
    ...{ type: 'WARNING', remaining: credits.available - used, channels: ['IN_APP', 'WEBHOOK', 'EMAIL'] },
  }));
  await ask(token, SET_PREFERENCES, { input: { billingEntityId, preferences } });
  await use();
  const { alerts } = await ask<Entity>(token, READ, { id: billingEntityId });
  const [newest] = alerts.edges;
  if (newest === undefined) throw new Error('no alert was raised');
  return newest.node.id;
}
