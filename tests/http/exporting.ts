/** An application that sends files, people with use to be sent, and a client that reads as slowly as it likes. */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { parse } from 'csv-parse/sync';
import pg from 'pg';
import { UsageHistory } from '../../src/usage/usage-history.ts';
import { type GraphqlAnswer, send, type TestApp, tokenOf } from '../support/app.ts';
import { Bench } from '../support/bench.ts';
import { TestClock } from '../support/clock.ts';

/** As RFC 4180 has it, and with what spreadsheets take for formulas. */
export const NASTY = [
  '=1+1',
  '+1',
  '-1',
  '@SUM(A1)',
  '\t=1',
  '\r=1',
  '\n=1',
  '  =1',
  '＝1',
  '＋1',
  '－1',
  '＠1',
  'a,"b"\r\nc',
];

export const PAGE = 500;
/** More, of this length, than sockets keep between a server and a client that does not read. */
export const MANY = 24 * PAGE;
const LONG_NOTE = 4_000;

export interface Person {
  readonly externalId: string;
  readonly token: string;
  readonly id: string;
}

export type Row = Record<string, string>;

export async function codeOf(asked: Promise<GraphqlAnswer>): Promise<unknown> {
  return (await asked).errors.map(({ extensions }) => extensions['code']).join();
}

export function rowsOf(text: string): Row[] {
  return parse<Row>(text, { columns: true, record_delimiter: '\r\n' });
}

export async function download(url: string): Promise<Row[]> {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  return rowsOf(await response.text());
}

/** A client that has read the head of the answer and nothing more. */
export async function startReading(url: string): Promise<IncomingMessage> {
  const [response] = (await once(get(url, { agent: false }), 'response')) as [IncomingMessage];
  return response;
}

export async function readAll(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += String(chunk);
  return text;
}

interface Pages {
  count: number;
  fail: boolean;
  held: Promise<void> | null;
}

export class Exporting {
  readonly bench: Bench;
  readonly client: pg.Client;
  readonly app: TestApp;
  readonly clock: TestClock;
  /** Lines of its log. */
  readonly logged: readonly string[];
  readonly service: string;
  readonly operator: string;
  people = 0;

  private constructor(
    parts: Pick<Exporting, 'bench' | 'client' | 'app' | 'clock' | 'logged' | 'service' | 'operator'>,
  ) {
    ({
      bench: this.bench,
      client: this.client,
      app: this.app,
      clock: this.clock,
      logged: this.logged,
      service: this.service,
      operator: this.operator,
    } = parts);
  }

  static async open(): Promise<Exporting> {
    const bench = await Bench.open();
    const client = new pg.Client({ connectionString: bench.database.url });
    await client.connect();
    bench.onClose(() => client.end());
    const clock = new TestClock();
    const logged: string[] = [];
    const app = await bench.server({ clock, logged, env: { LOG_LEVEL: 'debug' } });
    const service = await tokenOf('platform', { scope: 'billing:usage' });
    const operator = await tokenOf('root', { scope: 'billing:operator' });
    return new Exporting({ bench, client, app, clock, logged, service, operator });
  }

  close(): Promise<void> {
    return this.bench.close();
  }

  async newPerson(externalId = `person-${(this.people += 1)}`): Promise<Person> {
    const token = await tokenOf(externalId);
    const { data } = await send(this.app.url, token, '{ viewer { user { id } } }');
    return { externalId, token, id: (data as never as { viewer: { user: { id: string } } }).viewer.user.id };
  }

  async consume({ externalId }: Person, input: Record<string, unknown> = {}): Promise<void> {
    const { data, errors } = await send(
      this.app.url,
      this.service,
      'mutation ($input: ConsumeCreditsInput!) { consumeCredits(input: $input) { __typename } }',
      {
        input: {
          idempotencyKey: `use-${Math.random()}`,
          userExternalId: externalId,
          lines: [{ resource: 'AI_TOKENS', quantity: 103 }],
          ...input,
        },
      },
    );
    expect({ data, errors }).toEqual({ data: { consumeCredits: { __typename: 'ConsumeCreditsSuccess' } }, errors: [] });
  }

  /** Usage that never was, with long notes: straight into the table, for what is told here is not the ledger. */
  async insertUsage({ id }: Person, { count, from = 1 }: { count: number; from?: number }): Promise<void> {
    await this.client.query(
      `insert into usage_record (billing_entity_id, sequence, line, user_id, billing_mode, resource, quantity, credits, overage,
         rate_units, rate_credits, carried_before, carried_after, draw_grant_ids, draw_credits, metadata, occurred_at, recorded_at)
       select $1, n, 0, $1, 'FULL', 'AI_TOKENS', 10, 1, 0, 1000, 100, '0', '0', '{}', '{}',
         jsonb_build_object('n', n, 'note', repeat('x', $4)), $5::timestamptz + n * interval '1 ms', $5
       from generate_series($2::int, $3::int) n`,
      [id, from, from + count - 1, LONG_NOTE, this.clock.now()],
    );
  }

  createExport(token: string, input: Record<string, unknown>, at: TestApp = this.app): Promise<GraphqlAnswer> {
    return send(
      at.url,
      token,
      'mutation ($input: CreateExportInput!) { createExport(input: $input) { url expiresAt } }',
      { input },
    );
  }

  async linkOf(token: string, input: Record<string, unknown>, at: TestApp = this.app): Promise<string> {
    const { data, errors } = await this.createExport(token, input, at);
    expect(errors).toEqual([]);
    return (data as never as { createExport: { url: string } }).createExport.url;
  }

  usageLink({ token, id }: Person, at: TestApp = this.app): Promise<string> {
    return this.linkOf(token, { billingEntityId: id, kind: 'USAGE' }, at);
  }

  /** Counts pages as they are read: refunds are looked up once for each. */
  countPages(): Pages {
    const { usage } = this.app.services;
    const pages: Pages = { count: 0, fail: false, held: null };
    usage.refunds = async (keys) => {
      pages.count += 1;
      await pages.held;
      if (pages.fail) throw new Error('the disk is gone');
      return UsageHistory.prototype.refunds.call(usage, keys);
    };
    return pages;
  }
}
