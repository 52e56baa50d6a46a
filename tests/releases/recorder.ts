/** Sends commands as clients do, and keeps those that took effect. */
import { tokenOf } from '../support/app.ts';
import type { Caller, SentCommand } from './fixture.ts';

const RECORD = `id resource quantity credits carriedBefore carriedAfter billingMode feature metadata occurredAt recordedAt
  rate { resource units credits } billingEntity { id } user { externalId } organization { externalId }`;
const USE = `__typename
  ... on ConsumeCreditsSuccess { replayed credits balance { billingEntityId available } records { ${RECORD} } }
  ... on UsageRefused { reason scope } ... on UsageRejected { code message }`;
const PAYLOAD = `replayed balance { billingEntityId available }
  entry { id kind sequence amount availableBefore availableAfter heldChange overageChange owedChange reason actor createdAt }
  grant { id amount source priority effectiveAt expiresAt reason }`;
const mutation = (field: string, type: string, shown: string): string =>
  `mutation ($input: ${type}!) { ${field}(input: $input) { ${shown} } }`;

/** The commands that have an idempotency key. */
export const DOCUMENTS = {
  consume: mutation('consumeCredits', 'ConsumeCreditsInput', USE),
  consumeBatch: `mutation ($inputs: [ConsumeCreditsInput!]!) { consumeCreditsBatch(inputs: $inputs) { ${USE} } }`,
  reserve: mutation(
    'reserveCredits',
    'ReserveCreditsInput',
    `__typename ... on ReserveCreditsSuccess { replayed balance { billingEntityId available }
      reservation { id credits feature createdAt billingEntity { id } user { externalId } } }`,
  ),
  grant: mutation('grantCredits', 'GrantCreditsInput', PAYLOAD),
  adjust: mutation('adjustCredits', 'AdjustCreditsInput', PAYLOAD),
  refund: `mutation ($recordId: ID!, $idempotencyKey: String!, $reason: String!) {
    refundUsage(recordId: $recordId, idempotencyKey: $idempotencyKey, reason: $reason) { ${PAYLOAD} } }`,
  transfer: mutation(
    'transferCredits',
    'TransferCreditsInput',
    '__typename ... on TransferCreditsSuccess { replayed from { billingEntityId } to { billingEntityId } }',
  ),
} as const;
export type DocumentName = keyof typeof DOCUMENTS;

/** The credentials of a caller. */
export async function bearerOf({ subject, scope, secret }: Caller): Promise<string> {
  if (secret !== undefined) return secret;
  // Longer than any clock is moved.
  return tokenOf(subject as string, { ...(scope !== undefined && { scope }), expiresInSeconds: 10 * 365 * 86_400 });
}

/** Sends variables as they are written, and answers the root field. */
export async function sendAsWritten(
  url: string,
  bearer: string,
  { document, variables }: { document: string; variables: string },
): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${bearer}` },
    body: `{"query":${JSON.stringify(document)},"variables":${variables}}`,
  });
  const { data, errors } = (await response.json()) as { data?: object | null; errors?: unknown };
  if (errors !== undefined) throw new Error(`${variables} was answered ${JSON.stringify(errors)}`);
  return Object.values(data ?? {})[0];
}

export class Recorder {
  readonly callers: Record<string, Caller> = {};
  readonly commands: SentCommand[] = [];
  readonly #url: () => string;
  #keys = 0;

  constructor(url: () => string) {
    this.#url = url;
  }

  /** An idempotency key that nobody has used. */
  key(): string {
    return `then-${(this.#keys += 1)}`;
  }

  /** Sends one command with a key of its own. `metadata` is JSON, and is sent as it is written. */
  async send<T>(
    by: string,
    document: DocumentName,
    input: Readonly<Record<string, unknown>>,
    metadata?: string,
  ): Promise<T> {
    return this.#sendAll(by, document, `{"input":${this.#written(input, metadata)}}`) as Promise<T>;
  }

  async sendBatch<T>(by: string, inputs: readonly Readonly<Record<string, unknown>>[]): Promise<T[]> {
    const written = inputs.map((input) => this.#written(input)).join(',');
    return this.#sendAll(by, 'consumeBatch', `{"inputs":[${written}]}`) as Promise<T[]>;
  }

  async refund<T>(by: string, recordId: string): Promise<T> {
    const variables = { recordId, idempotencyKey: this.key(), reason: 'it failed' };
    return this.#sendAll(by, 'refund', JSON.stringify(variables)) as Promise<T>;
  }

  #written(input: Readonly<Record<string, unknown>>, metadata?: string): string {
    const text = JSON.stringify({ idempotencyKey: this.key(), ...input });
    return metadata === undefined ? text : `${text.slice(0, -1)},"metadata":${metadata}}`;
  }

  async #sendAll(by: string, document: DocumentName, variables: string): Promise<unknown> {
    const caller = this.callers[by];
    if (caller === undefined) throw new Error(`nobody is called ${by}`);
    const answer = await sendAsWritten(this.#url(), await bearerOf(caller), {
      document: DOCUMENTS[document],
      variables,
    });
    if (tookEffect(answer)) this.commands.push({ by, document, variables, answer });
    return answer;
  }
}

/** Refusals are not remembered. Of a batch, every item has to be done for it to be kept. */
function tookEffect(answer: unknown): boolean {
  return Array.isArray(answer)
    ? answer.every((item) => tookEffect(item))
    : (answer as { replayed?: boolean }).replayed === false;
}
