/** What people look at, of a history that grows: asked over HTTP, by a client who is alone. */
import { openHttpChannel } from '../load/http-channel.ts';
import { quantile } from '../quantile.ts';
import type { Tollgate } from '../tollgate.ts';
import { MEMBERS, PAYER } from './fill.ts';
import { RARE_FEATURE } from './uses.ts';

/** How long a read took, at one length of the history. */
export interface ReadFigure {
  readonly name: string;
  readonly samples: number;
  /** The fastest: what it takes when nobody else wants the machine. */
  readonly leastMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
}

/** Where a history is looked at. */
interface Place {
  readonly id: string;
  /** The newest thirty whole days (UTC). */
  readonly month: { readonly from: string; readonly to: string };
  /**
   * The thirtieth day. Later ones may have nothing: while a server looks at the history, its account's time comes to that of
   * now, and whatever is filled in afterwards is recorded then.
   */
  readonly recorded: { readonly from: string; readonly to: string };
  /** Behind nearly everything. */
  readonly deepCursor: string;
}

interface Read {
  readonly name: string;
  /** Of `billingEntity`. */
  readonly field: (place: Place) => string;
  /** How many edges or buckets a right answer has, at most and at least. */
  readonly rows: { readonly least: number; readonly most: number };
}

const DAY_MS = 86_400_000;
const WARM_UP = 50;
const PAGE = 50;

const RECORDS = `edges { cursor node {
    id occurredAt recordedAt resource quantity credits overage feature billingMode metadata user { id externalId name }
  } } pageInfo { hasNextPage endCursor }`;
const BUCKETS = 'start user { id name } quantity credits overage records';

const wholePage = { least: PAGE, most: PAGE };
const monthOf = ({ month }: Place): string => `from: "${month.from}", to: "${month.to}"`;

const READS: readonly Read[] = [
  { name: 'usage, first page', field: () => `usage(first: ${PAGE}) { ${RECORDS} }`, rows: wholePage },
  {
    name: 'usage, deepest page',
    field: ({ deepCursor }) => `usage(first: ${PAGE}, after: "${deepCursor}") { ${RECORDS} }`,
    rows: wholePage,
  },
  {
    name: 'usage, one person',
    field: () => `usage(first: ${PAGE}, filter: { userExternalIds: ["${MEMBERS.at(-1)}"] }) { ${RECORDS} }`,
    rows: wholePage,
  },
  {
    name: 'usage, a rare feature',
    field: () => `usage(first: ${PAGE}, filter: { features: ["${RARE_FEATURE}"] }) { ${RECORDS} }`,
    rows: { least: 1, most: PAGE },
  },
  {
    name: 'usageSummary, month by day and person',
    field: (place) => `usageSummary(${monthOf(place)}, interval: DAY, groupBy: [USER]) { ${BUCKETS} }`,
    rows: { least: 270, most: 270 },
  },
  {
    name: 'usageSummary, the same in Los Angeles',
    field: (place) =>
      `usageSummary(${monthOf(place)}, interval: DAY, groupBy: [USER], timeZone: "America/Los_Angeles") { ${BUCKETS} }`,
    rows: { least: 279, most: 279 },
  },
  {
    name: 'usageSummary, the same in Kathmandu',
    field: (place) =>
      `usageSummary(${monthOf(place)}, interval: DAY, groupBy: [USER], timeZone: "Asia/Kathmandu") { ${BUCKETS} }`,
    rows: { least: 270, most: 279 },
  },
  {
    name: 'usageSummary, month by day and model',
    field: (place) => `usageSummary(${monthOf(place)}, interval: DAY, groupBy: [MODEL]) { model ${BUCKETS} }`,
    rows: { least: 120, most: 120 },
  },
  {
    name: 'usage, one model',
    field: () => `usage(first: ${PAGE}, filter: { models: ["large-1"] }) { ${RECORDS} }`,
    rows: wholePage,
  },
  {
    name: 'usage, recorded on one day',
    field: ({ recorded: { from, to } }) =>
      `usage(first: ${PAGE}, filter: { recordedFrom: "${from}", recordedTo: "${to}" }) { ${RECORDS} }`,
    rows: wholePage,
  },
  {
    name: 'ledger, first page',
    field: () =>
      `ledger(first: ${PAGE}) { edges { cursor node { id kind amount availableBefore availableAfter createdAt } } pageInfo { hasNextPage endCursor } }`,
    rows: wholePage,
  },
];

/** Measures each read on the history that the server has. @throws when an answer is not right */
export async function measureReads(
  tollgate: Tollgate,
  { authorization, samples }: { authorization: string; samples: number },
): Promise<ReadFigure[]> {
  const place = await findPlace(tollgate);
  const { port } = tollgate.server;
  const channel = await openHttpChannel({ kind: 'http', host: '127.0.0.1', port, path: '/graphql', authorization });
  try {
    const figures: ReadFigure[] = [];
    for (const read of READS) {
      const body = JSON.stringify({
        query: `{ entity: billingEntity(id: "${place.id}") { read: ${read.field(place)} } }`,
      });
      for (let index = 0; index < WARM_UP; index += 1) checkAnswer(read, await channel.send(body));
      const timesMs = new Float64Array(samples);
      for (let index = 0; index < samples; index += 1) {
        const startMs = performance.now();
        await channel.send(body);
        timesMs[index] = performance.now() - startMs;
      }
      timesMs.sort();
      const [leastMs, p50Ms, p95Ms] = [0, 0.5, 0.95].map((share) => quantile(timesMs, share)) as [
        number,
        number,
        number,
      ];
      figures.push({ name: read.name, samples, leastMs, p50Ms, p95Ms });
    }
    return figures;
  } finally {
    channel.close();
  }
}

function checkAnswer({ name, rows }: Read, text: string): void {
  const { data, errors } = JSON.parse(text) as Answer;
  const read = data?.entity?.read;
  const count = (read && ('edges' in read ? read.edges : read)?.length) ?? 0;
  if (errors !== undefined || !read || count < rows.least || count > rows.most) {
    throw new Error(`«${name}» was answered with ${count} rows: ${text.slice(0, 300)}`);
  }
}

interface Answer {
  readonly data?: {
    readonly entity?: { readonly read?: readonly unknown[] | { readonly edges: readonly unknown[] } };
  };
  readonly errors?: unknown;
}

async function findPlace(tollgate: Tollgate): Promise<Place> {
  const { payer } = await tollgate.administer<{ payer: { id: string; createdAt: string; usage: Page } }>(
    `{ payer: billingEntityByExternalId(type: USER, externalId: "${PAYER}") {
      id createdAt usage(first: 1) { edges { node { occurredAt } } }
    } }`,
  );
  const newest = new Date(payer.usage.edges[0]?.node?.occurredAt as string);
  const toMs = Math.floor(newest.getTime() / DAY_MS) * DAY_MS;
  // A day of use lies behind it, of a year.
  const early = new Date(Date.parse(payer.createdAt) + DAY_MS).toISOString();
  const { deep } = await tollgate.administer<{ deep: { usage: Page } }>(
    `query ($id: ID!, $early: DateTime!) {
      deep: billingEntity(id: $id) { usage(first: 1, filter: { to: $early }) { edges { cursor } } }
    }`,
    { id: payer.id, early },
  );
  const month = { from: new Date(toMs - 30 * DAY_MS).toISOString(), to: new Date(toMs).toISOString() };
  const dayAfter = (days: number): string => new Date(Date.parse(payer.createdAt) + days * DAY_MS).toISOString();
  const recorded = { from: dayAfter(29), to: dayAfter(30) };
  return { id: payer.id, month, recorded, deepCursor: deep.usage.edges[0]?.cursor as string };
}

interface Page {
  readonly edges: readonly { readonly cursor?: string; readonly node?: { readonly occurredAt: string } }[];
}
