/** Organizations, people and keys as clients make them, over the API. */
import { send, tokenOf } from './app.ts';

export type Ask = <T>(token: string, document: string, variables?: Record<string, unknown>) => Promise<T>;

/** Asks one installation; `url` may name another of its servers each time. */
export function asker(url: () => string): Ask {
  return async <T>(token: string, document: string, variables: Record<string, unknown> = {}): Promise<T> => {
    const { data, errors } = await send(url(), token, document, variables);
    if (errors.length > 0) throw new Error(JSON.stringify(errors));
    return Object.values(data ?? {})[0] as T;
  };
}

/** The code of the error that this is answered with; undefined: none. */
export async function codeOf(
  url: string,
  token: string,
  document: string,
  variables: Record<string, unknown> = {},
): Promise<unknown> {
  const { errors } = await send(url, token, document, variables);
  return errors[0]?.extensions['code'];
}

export const CONSUME = `mutation ($input: ConsumeCreditsInput!) { consumeCredits(input: $input) {
  __typename
  ... on ConsumeCreditsSuccess {
    credits replayed balance { billingEntityId available }
    records { id credits quantity resource billingMode billingEntity { externalId } user { externalId } organization { externalId } apiKey { id } }
  }
  ... on UsageRefused { reason scope required available }
} }`;

export const RESERVE = `mutation ($input: ReserveCreditsInput!) { reserveCredits(input: $input) {
  __typename
  ... on ReserveCreditsSuccess { replayed reservation { id credits billingEntity { externalId } } balance { available held } }
  ... on UsageRefused { reason scope required available }
} }`;

export const CHECK = `query ($input: CheckUsageInput!) { checkUsage(input: $input) {
  allowed credits billingMode billingEntity { externalId } refusal { reason scope required available }
} }`;

/** Changes who pays inside an organization, or its name. */
export const UPDATE_ORGANIZATION =
  'mutation ($input: UpdateOrganizationInput!) { updateOrganization(input: $input) { id } }';

export interface Refusal {
  readonly reason: string;
  readonly scope: string;
  readonly required: number;
  readonly available: number;
}

export interface Answer extends Partial<Refusal> {
  readonly __typename: string;
  readonly credits?: number;
  readonly replayed?: boolean;
  readonly balance?: { readonly billingEntityId: string; readonly available: number };
  readonly records?: readonly Readonly<Record<string, unknown>>[];
}

/** Longer than any clock is moved in a test. */
const LASTING = { expiresInSeconds: 10 * 365 * 86_400 };

/** Who acts for an installation, and what they make in it. */
export class Clients {
  readonly #ask: Ask;
  readonly service: string;
  readonly operator: string;
  #made = 0;

  private constructor(ask: Ask, service: string, operator: string) {
    this.#ask = ask;
    this.service = service;
    this.operator = operator;
  }

  static async open(ask: Ask): Promise<Clients> {
    const service = await tokenOf('platform', { scope: 'billing:usage', ...LASTING });
    return new Clients(ask, service, await tokenOf('root', { scope: 'billing:operator', ...LASTING }));
  }

  /** An idempotency key, or whatever else must be new. */
  next(what = 'key'): string {
    return `${what}-${(this.#made += 1)}`;
  }

  /** An organization with so many credits and an owner of its own. */
  async organization(
    visibility: 'PRIVATE' | 'PUBLIC',
    credits = 0,
  ): Promise<{ readonly id: string; readonly externalId: string; readonly owner: string }> {
    const externalId = this.next('organization');
    const ownerExternalId = `${externalId}-owner`;
    const input = { externalId, name: externalId, visibility, ownerExternalId };
    const { id } = await this.#ask<{ id: string }>(
      this.operator,
      'mutation ($input: CreateOrganizationInput!) { createOrganization(input: $input) { id } }',
      { input },
    );
    await this.setCredits(id, credits);
    return { id, externalId, owner: await tokenOf(ownerExternalId, LASTING) };
  }

  /** A user with so many credits. */
  async user(credits: number): Promise<{ readonly id: string; readonly externalId: string; readonly token: string }> {
    const externalId = this.next('user');
    const token = await tokenOf(externalId, LASTING);
    const { user } = await this.#ask<{ user: { id: string } }>(token, '{ viewer { user { id } } }');
    await this.setCredits(user.id, credits);
    return { id: user.id, externalId, token };
  }

  /** Adjusts the account to so many available credits. */
  async setCredits(billingEntityId: string, credits: number): Promise<void> {
    const { credits: before } = await this.#ask<{ credits: { available: number } }>(
      this.operator,
      'query ($id: ID!) { billingEntity(id: $id) { credits { available } } }',
      { id: billingEntityId },
    );
    const amount = credits - before.available;
    if (amount === 0) return;
    await this.#ask(
      this.operator,
      'mutation ($input: AdjustCreditsInput!) { adjustCredits(input: $input) { balance { available } } }',
      { input: { idempotencyKey: this.next(), billingEntityId, amount, reason: 'test' } },
    );
  }

  /** Sets a member's terms; whoever is invited by that accepts. */
  async setMember(
    token: string,
    billingEntityId: string,
    userExternalId: string,
    terms: Readonly<Record<string, unknown>> = {},
  ): Promise<void> {
    const { status } = await this.#ask<{ status: string }>(
      token,
      'mutation ($input: SetMemberInput!) { setMember(input: $input) { status } }',
      { input: { billingEntityId, userExternalId, role: 'MEMBER', ...terms } },
    );
    if (status !== 'INVITED') return;
    await this.#ask(
      await tokenOf(userExternalId, LASTING),
      'mutation ($id: ID!) { acceptInvitation(billingEntityId: $id) { id } }',
      { id: billingEntityId },
    );
  }

  async createKey(
    token: string,
    billingEntityId: string,
    terms: Readonly<Record<string, unknown>> = {},
  ): Promise<{ readonly id: string; readonly secret: string | null }> {
    const { apiKey, secret } = await this.#ask<{ apiKey: { id: string }; secret: string | null }>(
      token,
      'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret apiKey { id } } }',
      { input: { billingEntityId, name: this.next('a key'), type: 'PLATFORM', provider: 'OPENAI', ...terms } },
    );
    return { id: apiKey.id, secret };
  }
}

/** Tokens that cost so many credits. */
export const tokensFor = (credits: number) => [{ resource: 'AI_TOKENS', quantity: credits * 10 }];
/** Compute that costs so many credits. */
export const computeFor = (credits: number) => [{ resource: 'COMPUTE', quantity: credits * 1_200 }];
