/** Brings use to the account of whoever pays, also when that changes on the way. */
import type { Principal } from '../billing-entities/principal.ts';
import type { Attribution, Route, Routing } from './payer-routing.ts';
import { unavailable } from '../db/errors.ts';
import type { Refusal } from '../kernel/refusal.ts';
import type { ConsumeCommand, ReserveCommand } from '../ledger/rules/commands.ts';
import { type WrongPayer, toRejected } from '../ledger/rules/refusals.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { OutcomeOf } from '../ledger/outcome.ts';

type UseCommand = ConsumeCommand | ReserveCommand;

/** What the route says of a command. */
export type Routed = Pick<
  UseCommand,
  | 'billingEntityId'
  | 'userId'
  | 'organizationId'
  | 'namedOrganization'
  | 'apiKey'
  | 'otherPayers'
  | 'billingMode'
  | 'refusal'
>;

/** The outcome of use, and the account that it was brought to. */
export interface Charged {
  readonly outcome: Exclude<OutcomeOf<UseCommand>, WrongPayer>;
  readonly payerId: string;
}

/** Times that use is routed anew because its organization changed between the look at it and the ledger's. */
export const ATTEMPTS = 5;

/**
 * Executes the command that `build` makes of a route.
 * @throws Refusal BAD_USER_INPUT, NOT_FOUND, CONFLICT, UNAVAILABLE
 */
export async function chargeWhoPays(
  { routing, ledger }: { readonly routing: Routing; readonly ledger: Ledger },
  { principal, attribution }: { readonly principal: Principal; readonly attribution: Attribution },
  build: (routed: Routed) => UseCommand,
): Promise<Charged> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const route = await routing.route(principal, attribution);
    const outcome = await ledger.submit(build(toRouted(route)));
    if (outcome.kind !== 'wrongPayer') return { outcome, payerId: route.payerId };
    routing.forget(route);
  }
  throw keepsChanging();
}

/** Why use that was routed so often is given up. */
export function keepsChanging(): Refusal {
  return unavailable('who pays keeps changing; send the same key again');
}

export function toRouted({ payerId, refusal, ...route }: Route): Routed {
  return { billingEntityId: payerId, ...route, billingMode: 'FULL', refusal: refusal && toRejected(refusal) };
}

/** What of a route must be equal when a key is sent again; nothing for use that names no organization and no key. */
export function placeOf({ organizationId, apiKey }: Pick<Routed, 'organizationId' | 'apiKey'>): unknown[] {
  if (organizationId === null && apiKey === null) return [];
  return [{ organizationId, apiKeyId: apiKey?.id ?? null }];
}
