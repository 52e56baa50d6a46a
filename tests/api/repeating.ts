/** Commands that were sent before, and are sent again. */
import { send } from '../support/app.ts';
import { tokensFor } from '../support/organizations.ts';
import { type TwoServers } from '../support/two-servers.ts';

const BALANCE = '{ billingEntityId available held used allowance overage owed usedRatio version asOf }';
export const CONSUME = `mutation ($input: ConsumeCreditsInput!) { consumeCredits(input: $input) {
  __typename
  ... on ConsumeCreditsSuccess { replayed credits balance ${BALANCE} records { id credits refundedCredits refundedAt } }
  ... on UsageRefused { reason required available }
} }`;
export const RESERVE = `mutation ($input: ReserveCreditsInput!) { reserveCredits(input: $input) {
  __typename
  ... on ReserveCreditsSuccess { replayed balance ${BALANCE} reservation { id status credits expiresAt } }
  ... on UsageRefused { reason required available }
} }`;
export const TRANSFER = `mutation ($input: TransferCreditsInput!) { transferCredits(input: $input) {
  __typename ... on TransferCreditsSuccess { replayed from { billingEntityId available } to { billingEntityId available } }
} }`;
const REMOVE = 'mutation ($input: RemoveMemberInput!) { removeMember(input: $input) }';
export type Input = Readonly<Record<string, unknown>>;
export interface Success {
  readonly balance: Readonly<Record<string, unknown>>;
  readonly reservation?: { readonly id: string };
  readonly records?: readonly { readonly id: string }[];
}

/** A command that was sent before, to be sent again. */
export interface Sent {
  readonly document: string;
  readonly input: Input;
}

export function repeatingOn(current: () => TwoServers) {
  /** Everything that is answered: data, or the error's code and message. */
  async function answer(token: string, { document, input }: Sent): Promise<Record<string, unknown>> {
    const { data, errors } = await send(current().url(), token, document, { input });
    const [error] = errors;
    if (error) return { code: error.extensions['code'], message: error.message };
    return Object.values(data ?? {})[0] as unknown as Record<string, unknown>;
  }

  /** A pool of a thousand, and a member who used it in every way, by themselves or by a service: what they sent, what they were answered. */
  async function usedPool(by: 'themselves' | 'a service') {
    const user = await current().clients.user(500);
    const club = await current().clients.organization('PRIVATE', 1_000);
    await current().clients.setMember(club.owner, club.id, user.externalId);
    const token = by === 'themselves' ? user.token : current().clients.service;
    const use = (credits: number): Input => ({
      idempotencyKey: current().clients.next(),
      lines: tokensFor(credits),
      userExternalId: user.externalId,
      organizationExternalId: club.externalId,
    });
    const reserved: Sent = { document: RESERVE, input: { ...use(50), ttlSeconds: 900 } };
    const settledHold = await current().ask<Success>(token, RESERVE, { input: use(30) });
    const sent: Sent[] = [
      { document: CONSUME, input: use(10) },
      reserved,
      {
        document: CONSUME,
        input: {
          idempotencyKey: current().clients.next(),
          lines: tokensFor(20),
          reservationId: settledHold.reservation?.id,
        },
      },
      { document: CONSUME, input: { ...use(0), metadata: { b: 1, a: 2 } } },
    ];
    const first: Record<string, unknown>[] = [];
    for (const each of sent) first.push(await answer(token, each));
    return { user, club, token, sent, first };
  }

  const remove = (club: { id: string; owner: string }, userExternalId: string) =>
    current().ask(club.owner, REMOVE, { input: { billingEntityId: club.id, userExternalId } });

  return { answer, usedPool, remove };
}
