/** Two servers, and people who have just come to them. */
import { Bench } from '../support/bench.ts';
import { type GraphqlAnswer, send, type TestApp, tokenOf } from '../support/app.ts';

export const CONSUME = /* GraphQL */ `
  mutation ($input: ConsumeCreditsInput!) {
    consumeCredits(input: $input) {
      __typename
      ... on ConsumeCreditsSuccess {
        credits
        replayed
        balance {
          available
          used
          version
        }
        records {
          id
          resource
          quantity
          credits
          carriedBefore
          carriedAfter
          draws {
            credits
            grant {
              source
            }
          }
        }
      }
      ... on UsageRefused {
        reason
        scope
        required
        available
        balance {
          available
        }
      }
    }
  }
`;
export const BATCH = /* GraphQL */ `
  mutation ($inputs: [ConsumeCreditsInput!]!) {
    consumeCreditsBatch(inputs: $inputs) {
      __typename
      ... on ConsumeCreditsSuccess {
        credits
        replayed
      }
      ... on UsageRejected {
        code
        retryable
      }
    }
  }
`;
export const BALANCE = /* GraphQL */ `
  subscription ($id: ID!) {
    balanceUpdated(billingEntityId: $id) {
      available
      used
      version
    }
  }
`;

export interface Newcomer {
  readonly subject: string;
  readonly token: string;
  readonly id: string;
}

export const tokens = (quantity: number) => [{ resource: 'AI_TOKENS', quantity }];
export const compute = (quantity: number) => [{ resource: 'COMPUTE', quantity }];

export class Newcomers {
  readonly one: TestApp;
  readonly two: TestApp;
  readonly service: string;
  readonly operator: string;
  /** How many there are. */
  count = 0;
  readonly #bench: Bench;

  private constructor(bench: Bench, [one, two]: readonly [TestApp, TestApp], service: string, operator: string) {
    this.#bench = bench;
    this.one = one;
    this.two = two;
    this.service = service;
    this.operator = operator;
  }

  static async open(): Promise<Newcomers> {
    const bench = await Bench.open();
    const one = await bench.server();
    const two = await bench.server();
    const service = await tokenOf('platform', { scope: 'billing:usage' });
    const operator = await tokenOf('root', { scope: 'billing:operator' });
    return new Newcomers(bench, [one, two], service, operator);
  }

  close(): Promise<void> {
    return this.#bench.close();
  }

  async newcomer(): Promise<Newcomer> {
    const subject = `person-${(this.count += 1)}`;
    const token = await tokenOf(subject);
    const { data } = await send(this.one.url, token, '{ viewer { user { id } } }');
    return { subject, token, id: (data as never as { viewer: { user: { id: string } } }).viewer.user.id };
  }

  async consume(
    token: string,
    input: Record<string, unknown>,
    url = this.one.url,
  ): Promise<{ result: Record<string, unknown> | undefined; errors: GraphqlAnswer['errors'] }> {
    const { data, errors } = await send(url, token, CONSUME, { input });
    return { result: (data as never as { consumeCredits: Record<string, unknown> } | null)?.consumeCredits, errors };
  }
}
