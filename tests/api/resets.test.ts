import { startTwoServers, type TwoServers } from '../support/two-servers.ts';
import { tokensFor } from '../support/organizations.ts';

let servers: TwoServers;
beforeAll(async () => {
  servers = await startTwoServers();
});
afterAll(() => servers.stop());

const REFUSED = '... on UsageRefused { reason resetsAt }';
const WAYS = {
  consumeCredits: `mutation ($input: ConsumeCreditsInput!) { answer: consumeCredits(input: $input) { ${REFUSED} } }`,
  consumeCreditsBatch: `mutation ($input: ConsumeCreditsInput!) { answer: consumeCreditsBatch(inputs: [$input]) { ${REFUSED} } }`,
  reserveCredits: `mutation ($input: ReserveCreditsInput!) { answer: reserveCredits(input: $input) { ${REFUSED} } }`,
  checkUsage: `query ($input: CheckUsageInput!) { answer: checkUsage(input: $input) { refusal { reason resetsAt } } }`,
} as const;
const SETTLE = WAYS.consumeCredits;

/** The end of this month in UTC, and of the next: one may begin while a test runs. */
function monthEnds(now: Date): string[] {
  return [1, 2].map((ahead) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead)).toISOString());
}

describe.each(Object.entries(WAYS))('a refusal by %s', (way, document) => {
  const refusalTo = async (token: string, use: Readonly<Record<string, unknown>>) => {
    const input = { ...(way === 'checkUsage' ? {} : { idempotencyKey: servers.clients.next() }), ...use };
    const answer = await servers.ask<Record<string, unknown>>(token, document, { input });
    const [first] = [answer].flat();
    return (first?.['refusal'] ?? first) as { reason: string; resetsAt: string | null };
  };

  it('says when a limit begins anew, and that waiting brings a trial no credits', async () => {
    const { clients } = servers;
    const user = await clients.user(0);
    const club = await clients.organization('PRIVATE', 1_000);
    await clients.setMember(club.owner, club.id, user.externalId, { creditLimit: 30 });
    const use = { lines: tokensFor(31), organizationExternalId: club.externalId };

    const limited = await refusalTo(user.token, use);
    expect(limited.reason).toBe('MEMBER_LIMIT_REACHED');
    expect(monthEnds(new Date())).toContain(limited.resetsAt);

    const empty = await refusalTo(clients.service, {
      lines: tokensFor(20_000),
      userExternalId: user.externalId,
    });
    expect(empty).toEqual({ reason: 'INSUFFICIENT_CREDITS', resetsAt: null });
  });
});

test('a settlement that is refused says it as well', async () => {
  const { clients, ask } = servers;
  const user = await clients.user(0);
  const club = await clients.organization('PRIVATE', 1_000);
  await clients.setMember(club.owner, club.id, user.externalId, { creditLimit: 30 });
  const { reservation } = await ask<{ reservation: { id: string } }>(
    user.token,
    `mutation ($input: ReserveCreditsInput!) { reserveCredits(input: $input) { ... on ReserveCreditsSuccess { reservation { id } } } }`,
    { input: { idempotencyKey: clients.next(), lines: tokensFor(20), organizationExternalId: club.externalId } },
  );
  const refused = await ask<{ reason: string; resetsAt: string }>(user.token, SETTLE, {
    input: { idempotencyKey: clients.next(), lines: tokensFor(31), reservationId: reservation.id },
  });
  expect(refused.reason).toBe('MEMBER_LIMIT_REACHED');
  expect(monthEnds(new Date())).toContain(refused.resetsAt);
});
