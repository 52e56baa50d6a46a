import fc from 'fast-check';
import type { LedgerFilter } from '../../src/ledger/statements.ts';
import { Installation } from '../support/installation.ts';
import { draft } from './rules/commands.ts';
import type { Entry, UsageRecord } from '../../src/ledger/rules/entries.ts';

let installation: Installation;

beforeAll(async () => {
  installation = await Installation.open();
});

afterAll(() => installation.close());

const EVERYTHING: LedgerFilter = { kinds: null, from: null, to: null };

/** Walks all pages. */
async function walk(id: string, filter: LedgerFilter): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let after: string | null = null; ;) {
    const { edges, pageInfo } = await installation.one.history.ledger(id, { first: 7, after }, filter);
    entries.push(...edges.map(({ node }) => node));
    if (!pageInfo.hasNextPage) return entries;
    after = pageInfo.endCursor;
  }
}

describe('pages of the ledger', () => {
  it('have every entry that fits the filter once, newest first, whatever is asked', async () => {
    const { id } = await installation.person(1_000n);
    const reservations: string[] = [];
    const records: UsageRecord[] = [];
    const drafts = fc.sample(draft, { numRuns: 200, seed: 3 });
    for (let wave = 0; wave < drafts.length; wave += 10) {
      const now = installation.clock.now();
      const outcomes = await Promise.all(
        drafts
          .slice(wave, wave + 10)
          .map((make) =>
            installation.one.ledger.submit(make({ billingEntityId: id, now, key: null, reservations, records })),
          ),
      );
      for (const outcome of outcomes) {
        if (outcome.kind !== 'committed') continue;
        reservations.push(...outcome.reservations.map((hold) => hold.id));
        records.push(...outcome.records);
      }
      installation.clock.forwardMs(60_000);
    }
    const all = await walk(id, EVERYTHING);
    expect(all.map(({ sequence }) => sequence)).toEqual(all.map((_, index) => BigInt(all.length - index)));
    const kinds = [...new Set(all.map(({ kind }) => kind as string))];
    expect(kinds.length).toBeGreaterThan(5);

    const oldest = all.at(-1)?.createdAt.getTime() ?? 0;
    const minutes = fc.option(fc.integer({ min: -2, max: drafts.length / 10 + 2 }), { freq: 2 });
    const question = fc.record({
      kinds: fc.option(fc.subarray([...kinds, 'CLAWBACK']), { freq: 3 }),
      from: minutes,
      to: minutes,
      // Between two entries, or on one.
      offMs: fc.constantFrom(0, 1),
    });
    await fc.assert(
      fc.asyncProperty(question, async ({ kinds: named, offMs, ...span }) => {
        const [from, to] = [span.from, span.to].map((minute) =>
          minute === null ? null : new Date(oldest + minute * 60_000 + offMs),
        ) as [Date | null, Date | null];
        const expected = all.filter(
          ({ kind, createdAt }) =>
            (!named || named.includes(kind)) && (!from || createdAt >= from) && (!to || createdAt < to),
        );
        expect(await walk(id, { kinds: named, from, to })).toEqual(expected);
      }),
      { numRuns: 150 },
    );
  });

  it('are empty where nothing fits, and name no entry twice for a kind that is asked for twice', async () => {
    const { id } = await installation.person(5n);
    const fresh = await installation.one.entities.ensureUser({ externalId: 'untouched', name: null, withTrial: false });
    const from = installation.clock.now();
    expect(await walk(id, { ...EVERYTHING, kinds: [] })).toEqual([]);
    expect(await walk(id, { ...EVERYTHING, to: new Date(0) })).toEqual([]);
    expect(await walk(fresh, { kinds: ['GRANT'], from, to: null })).toEqual([]);
    expect(await walk(fresh, { ...EVERYTHING, from })).toEqual([]);
    const granted = await walk(id, { ...EVERYTHING, kinds: ['GRANT', 'GRANT'] });
    expect(granted.map(({ kind, amount }) => `${kind} ${amount}`)).toEqual(['GRANT 5', 'GRANT 10000']);
  });
});
