import { setTimeout as delay } from 'node:timers/promises';
import { quantile } from '../quantile.ts';
import { type Subscriber, openSubscriber, openSocket } from './subscriber.ts';
import type { Changes, CrowdMessage, LiveResult, LiveSpec, Spread } from './spec.ts';

// A process of its own: it opens the crowd, changes the account at a steady pace, and reports what arrived.
process.once('message', (spec: LiveSpec) => {
  void run(spec).then(
    (result) => tell({ type: 'result', result }),
    (error: unknown) => tell({ type: 'failed', reason: error instanceof Error ? error.message : String(error) }),
  );
});
process.once('disconnect', () => process.exit());

/** Sockets that are opened at one time: a server keeps few places for those that have not said who they are. */
const openedTogether = 20;

interface Arrival {
  /** Version that the subscriber had before. */
  readonly before: number;
  readonly version: number;
  readonly asOfMs: number;
  readonly atMs: number;
}

async function run(spec: LiveSpec): Promise<LiveResult> {
  const arrivals: Arrival[] = [];
  /** Instants of commits, by the version that they made. */
  const commits = new Map<number, number>();
  const failures: string[] = [];
  let isMeasuring = false;

  const subscribers: Subscriber[] = [];
  for (let from = 0; from < spec.subscribers; from += openedTogether) {
    const some = Array.from({ length: Math.min(openedTogether, spec.subscribers - from) }, (_, index) => {
      let before = 0;
      return openSubscriber(
        {
          url: spec.urls[(from + index) % spec.urls.length] as string,
          authorization: spec.authorization,
          billingEntityId: spec.billingEntityId,
        },
        {
          received: ({ version, asOf }) => {
            if (isMeasuring) arrivals.push({ before, version, asOfMs: Date.parse(asOf), atMs: Date.now() });
            before = version;
          },
          failed: (reason) => failures.push(reason),
        },
      );
    });
    subscribers.push(...(await Promise.all(some)));
  }

  const untilMs = performance.now() + spec.warmupMs + spec.measureMs;
  const changing =
    spec.changes === null
      ? Promise.resolve()
      : change(spec.urls[0] as string, spec.changes, { untilMs, committed: (version, at) => commits.set(version, at) });
  await delay(spec.warmupMs);
  isMeasuring = true;
  tell({ type: 'measuring' });
  await delay(spec.measureMs);
  isMeasuring = false;
  tell({ type: 'measured' });
  await changing;
  for (const subscriber of subscribers) subscriber.close();

  const ages = arrivals.map(({ asOfMs, atMs }) => atMs - asOfMs);
  const delays = arrivals.flatMap(({ before, atMs }) => {
    const committedAtMs = commits.get(before + 1);
    return committedAtMs === undefined ? [] : [atMs - committedAtMs];
  });
  return {
    messages: arrivals.length,
    messagesPerSecond: (1_000 * arrivals.length) / spec.measureMs,
    age: spread(ages),
    delay: delays.length === 0 ? null : spread(delays),
    commits: commits.size,
    errors: failures.length,
    firstError: failures[0] ?? null,
  };
}

/** Consumes at a steady pace until then, however long an answer takes. @throws when a consumption fails. */
async function change(
  url: string,
  changes: Changes,
  watch: { readonly untilMs: number; committed(version: number, atMs: number): void },
): Promise<void> {
  const socket = await openSocket(url, changes.authorization);
  const startMs = performance.now();
  const underWay = new Set<Promise<void>>();
  for (let sent = 0; performance.now() < watch.untilMs;) {
    for (; startMs + (sent * 1_000) / changes.perSecond <= performance.now(); sent += 1) {
      const answer = socket
        .ask(consume, {
          input: {
            idempotencyKey: `live-${process.pid}-${sent}`,
            userExternalId: changes.userExternalId,
            lines: [{ resource: 'AI_TOKENS', quantity: 1 }],
          },
        })
        .then((data) => {
          const { balance } = (data as { consumeCredits: { balance: { version: number; asOf: string } } })
            .consumeCredits;
          watch.committed(balance.version, Date.parse(balance.asOf));
          underWay.delete(answer);
        });
      underWay.add(answer);
    }
    await delay(2);
  }
  await Promise.all(underWay);
  socket.close();
}

const consume = `mutation ($input: ConsumeCreditsInput!) { consumeCredits(input: $input) {
  ... on ConsumeCreditsSuccess { balance { version asOf } }
} }`;

function spread(valuesMs: readonly number[]): Spread {
  const sorted = Float64Array.from(valuesMs).toSorted();
  return { p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99), maxMs: quantile(sorted, 1) };
}

function tell(message: CrowdMessage): void {
  process.send?.(message);
}
