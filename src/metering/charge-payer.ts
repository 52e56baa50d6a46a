/** Brings use to the account that pays, even if the payer changes on the way. */
import type { Principal } from '../billing-entities/principal.ts';
import type { Attribution, Route, Routing } from './payer-routing.ts';
import { unavailable } from '../db/errors.ts';
import type { Refusal } from '../kernel/refusal.ts';
import type { ConsumeCommand, ReserveCommand } from '../ledger/rules/commands.ts';
import { type WrongPayer, toRejected } from '../ledger/rules/refusals.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { OutcomeOf } from '../ledger/outcome.ts';

type UseCommand = ConsumeCommand | ReserveCommand;

/** The part of a command that its route decides. */
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

/** Most times that use is routed, because its organization changed between routing and deciding. */
export const ATTEMPTS = 5;

/**
 * Submits the command that `build` makes of a route, and routes anew while somebody else turns out to pay.
 * @throws Refusal BAD_USER_INPUT, NOT_FOUND, CONFLICT, UNAVAILABLE
 */
export async function chargePayer(
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

/** The answer to use that was routed too often. */
export function keepsChanging(): Refusal {
  return unavailable('the payer keeps changing; send the same key again');
}

/** A route as a command has it. */
export function toRouted({ payerId, refusal, ...route }: Route): Routed {
  return { billingEntityId: payerId, ...route, billingMode: 'FULL', refusal: refusal && toRejected(refusal) };
}

/**
 * The part of a fingerprint that names organization and API key. It is empty for use that names neither, so that keys from
 * before there were organizations and API keys keep their fingerprints.
 */
export function fingerprintOfRoute({ organizationId, apiKey }: Pick<Routed, 'organizationId' | 'apiKey'>): unknown[] {
  if (organizationId === null && apiKey === null) return [];
  return [{ organizationId, apiKeyId: apiKey?.id ?? null }];
}
