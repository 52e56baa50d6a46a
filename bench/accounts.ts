import type { Tollgate } from './tollgate.ts';

/** A set of users whose accounts a run draws from: `${prefix}0` up to `count - 1`. */
export interface Users {
  readonly prefix: string;
  readonly count: number;
  /** External id of the private organization whose pool pays for them, each within limits of their own and of a key. */
  readonly pool?: string;
  /** Thresholds of alerts that each has. 0: every alert is silenced. Absent: the defaults. */
  readonly thresholds?: number;
}

/** One busy account with more credits than any run can use. */
export const oneUser: Users = { prefix: 'bench-one-', count: 1 };
/** The same account, but for its alerts. */
export const silentUser: Users = { prefix: 'bench-silent-', count: 1, thresholds: 0 };
export const alertedUser: Users = { prefix: 'bench-alerted-', count: 1, thresholds: 50 };
/** Many accounts with what the trial gives them. */
export const manyUsers: Users = { prefix: 'bench-many-', count: 10_000 };

/** The one member of one busy pool: beside `oneUser` the same use, but for routing and limits. */
export const poolMember: Users = { prefix: 'bench-member-', count: 1, pool: 'bench-pool' };
/** Members of another: each is counted and summed up apart. */
export const poolMembers: Users = { prefix: 'bench-one-of-20-', count: 20, pool: 'bench-pool-of-20' };

interface Account {
  readonly id: string;
  readonly externalId: string;
  readonly credits: { readonly used: number };
}

/** Makes the accounts by their first consumption and returns the credits that it charged. */
export async function createAccounts(tollgate: Tollgate, users: Users): Promise<number> {
  let acknowledged = 0;
  for (let from = 0; from < users.count; from += 500) {
    const inputs = Array.from({ length: Math.min(500, users.count - from) }, (_, index) => ({
      idempotencyKey: `create-${users.prefix}${from + index}`,
      userExternalId: `${users.prefix}${from + index}`,
      lines: [{ resource: 'AI_TOKENS', quantity: 10 }],
    }));
    const { consumeCreditsBatch } = await tollgate.serve<{ consumeCreditsBatch: readonly { credits?: number }[] }>(
      'mutation ($inputs: [ConsumeCreditsInput!]!) { consumeCreditsBatch(inputs: $inputs) { __typename ... on ConsumeCreditsSuccess { credits } } }',
      { inputs },
    );
    for (const { credits } of consumeCreditsBatch) acknowledged += credits ?? 0;
  }
  return acknowledged;
}

/** Makes the pool that pays for these users, with a limit on each and a key with one; returns what names them in each consumption. */
export async function createPool(tollgate: Tollgate, users: Users): Promise<Readonly<Record<string, string>>> {
  const { pool: externalId, prefix, count } = users;
  if (externalId === undefined) return {};
  const limit = 1_000_000_000_000;
  const { createOrganization } = await tollgate.administer<{ createOrganization: { id: string } }>(
    'mutation ($input: CreateOrganizationInput!) { createOrganization(input: $input) { id } }',
    { input: { externalId, name: externalId } },
  );
  const billingEntityId = createOrganization.id;
  for (let index = 0; index < count; index += 1) {
    await tollgate.administer('mutation ($input: SetMemberInput!) { setMember(input: $input) { id } }', {
      input: { billingEntityId, userExternalId: `${prefix}${index}`, role: 'MEMBER', creditLimit: limit },
    });
  }
  const { createApiKey } = await tollgate.administer<{ createApiKey: { apiKey: { id: string } } }>(
    'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } } }',
    { input: { billingEntityId, name: 'bench', type: 'PLATFORM', provider: 'OPENAI', creditLimit: limit } },
  );
  await grant(tollgate, billingEntityId);
  return { organizationExternalId: externalId, apiKeyId: createApiKey.apiKey.id };
}

/** Gives the one busy account credits for any number of consumptions. */
export async function grantPlenty(tollgate: Tollgate, users: Users): Promise<void> {
  for (let index = 0; index < users.count; index += 1) {
    const { id } = await findAccount(tollgate, `${users.prefix}${index}`);
    await grant(tollgate, id);
  }
}

/** Sets the alerts of these users. */
export async function setAlerts(tollgate: Tollgate, users: Users): Promise<void> {
  const { prefix, count, thresholds } = users;
  if (thresholds === undefined) return;
  const channels = ['IN_APP', 'EMAIL', 'WEBHOOK'];
  const events = ['EXHAUSTED', 'OVERAGE_STARTED', 'OVERAGE_CAP_REACHED', 'PAYMENT_FAILED', 'MEMBER_LIMIT', 'RECOVERED'];
  const preferences =
    thresholds === 0
      ? events.map((type) => ({ type, channels, enabled: false }))
      : Array.from({ length: thresholds }, (_, at) => ({ type: 'WARNING', level: (at + 50) / 100, channels }));
  for (let index = 0; index < count; index += 1) {
    const { id: billingEntityId } = await findAccount(tollgate, `${prefix}${index}`);
    await tollgate.administer(
      'mutation ($input: SetAlertPreferencesInput!) { setAlertPreferences(input: $input) { id } }',
      { input: { billingEntityId, preferences } },
    );
  }
}

async function grant(tollgate: Tollgate, billingEntityId: string): Promise<void> {
  const terms = { idempotencyKey: `plenty-${billingEntityId}`, amount: 1_000_000_000_000, reason: 'benchmark' };
  await tollgate.administer(
    'mutation ($input: GrantCreditsInput!) { grantCredits(input: $input) { balance { available } } }',
    { input: { billingEntityId, ...terms } },
  );
}

/** What the accounts say was used, in credits, and how many there are. */
export async function sumOfUsed(tollgate: Tollgate, users: Users): Promise<{ accounts: number; used: number }> {
  if (users.pool !== undefined) {
    const { used } = (await findAccount(tollgate, users.pool, 'ORGANIZATION')).credits;
    return { accounts: users.count, used };
  }
  if (users.count === 1) return { accounts: 1, used: (await findAccount(tollgate, `${users.prefix}0`)).credits.used };
  let accounts = 0;
  let used = 0;
  let after: string | null = null;
  do {
    const page: EntityPage = await tollgate.administer<EntityPage>(
      `query ($after: String, $search: String) {
        billingEntities(first: 100, after: $after, search: $search, type: USER) { edges { node { externalId credits { used } } } pageInfo { hasNextPage endCursor } }
      }`,
      { after, search: users.prefix },
    );
    for (const { node } of page.billingEntities.edges) {
      if (!node.externalId.startsWith(users.prefix)) continue;
      accounts += 1;
      used += node.credits.used;
    }
    const { hasNextPage, endCursor } = page.billingEntities.pageInfo;
    after = hasNextPage ? endCursor : null;
  } while (after !== null);
  return { accounts, used };
}

interface EntityPage {
  readonly billingEntities: {
    readonly edges: readonly { readonly node: Omit<Account, 'id'> }[];
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
  };
}

/** Has the server recompute an account from its ledger. */
export async function verifyAccount(
  tollgate: Tollgate,
  externalId: string,
  type: EntityType = 'USER',
): Promise<{ consistent: boolean; entriesChecked: number; problems: readonly string[] }> {
  const { id } = await findAccount(tollgate, externalId, type);
  const { verifyLedger } = await tollgate.administer<{
    verifyLedger: { consistent: boolean; entriesChecked: number; problems: string[] };
  }>('query ($id: ID!) { verifyLedger(billingEntityId: $id) { consistent entriesChecked problems } }', { id });
  return verifyLedger;
}

type EntityType = 'USER' | 'ORGANIZATION';

/** The account of an external id. @throws when there is none. */
export async function findAccount(tollgate: Tollgate, externalId: string, type: EntityType = 'USER'): Promise<Account> {
  const { account } = await tollgate.administer<{ account: Account | null }>(
    'query ($type: BillingEntityType!, $externalId: String!) { account: billingEntityByExternalId(type: $type, externalId: $externalId) { id externalId credits { used } } }',
    { type, externalId },
  );
  if (account === null) throw new Error(`There is no account of ${externalId}.`);
  return account;
}
