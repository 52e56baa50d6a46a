import { createLog } from '../kernel/log.ts';
import { surveyCatalog } from '../stripe/catalog/survey.ts';
import { StripeClient } from '../stripe/account/client.ts';
import type { Invocation } from './command.ts';
import { atStripe, stripeAddress } from './stripe-account.ts';

/** Surveys the catalog of Stripe's account, and with `repair` makes it what Tollgate sells. */
export async function setUpStripe({ env, output }: Invocation, { repair }: { repair: boolean }): Promise<number> {
  const address = stripeAddress(env);
  const client = new StripeClient(address, createLog({ level: 'error', destination: output.log }));
  const where = address.apiBase === null ? `Stripe, ${client.livemode ? 'live' : 'test'} mode` : address.apiBase.origin;
  output.print(`${repair ? 'Setting up' : 'Checking'} the catalog at ${where}`);
  const { catalog, differences } = await atStripe(() => surveyCatalog(client, { repair }));
  for (const line of differences) output.print(`  ${line}`);
  if (!repair) {
    output.print(differences.length === 0 ? 'Nothing differs.' : `${differences.length} differences.`);
    return differences.length === 0 ? 0 : 1;
  }
  output.print(differences.length === 0 ? 'Nothing to change.' : 'Done.');
  return catalog === null ? 1 : 0;
}
