/** The short road of remembered accounts beside the long one: the same answers, and plans that read no more than they must. */
import fc from 'fast-check';
import type { Outcome } from '../../src/ledger/outcome.ts';
import { RATES } from '../../src/plans/rates.ts';
import { SERVICE, type Person } from '../support/installation.ts';
import { Remembering } from '../support/remembering.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Draft, draft, pauseHours } from './rules/commands.ts';

let memory: Remembering;

beforeAll(async () => {
  memory = await Remembering.open();
});

afterAll(() => memory.close());

describe('both roads', () => {
  /** What tells outcomes apart, without ids and instants. */
  function shapeOf(outcome: Outcome): unknown {
    const balance =
      'balance' in outcome && outcome.balance !== null ? { ...outcome.balance, billingEntityId: '' } : null;
    if (outcome.kind !== 'committed') {
      return { ...outcome, balance, ...('otherBalances' in outcome && { otherBalances: [] }) };
    }
    const entries = outcome.entries.map(({ kind, sequence, amount }) => ({ kind, sequence, amount }));
    const records = outcome.records.map(({ credits, overage, carriedAfter, modelFolded }) => ({
      ...{ credits, overage, carriedAfter, modelFolded },
    }));
    return { kind: outcome.kind, entries, records, balance };
  }

  const littleUse: Draft = ({ billingEntityId, key }) => ({
    ...{ kind: 'consume', billingEntityId, actor: 'test', userId: billingEntityId, organizationId: null, apiKey: null },
    ...{ otherPayers: [], billingMode: 'FULL', feature: null, metadata: null, occurredAt: null },
    lines: [{ quantity: 37n, rate: RATES.AI_TOKENS, model: 'small-1' }],
    idempotency: { key: key ?? '', fingerprint: Buffer.alloc(16) },
  });

  it('come to the same, whatever is asked of an account', async () => {
    const forgetful = await memory.openHere({
      ledger: { lanes: 2, maxBatch: 500, maxQueued: 20_000, patienceMs: 10_000, rememberedBytes: 1 },
      onBatch: ({ road }) => expect(road).toBe('LOCKED'),
    });
    let remembered = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(pauseHours, fc.array(draft, { minLength: 1, maxLength: 12 })), { maxLength: 8 }),
        async (rounds) => {
          const sides = [
            { services: memory.here, id: (await memory.installation.person(500n)).id, outcomes: [] as Outcome[] },
            { services: forgetful, id: (await memory.installation.person(500n)).id, outcomes: [] as Outcome[] },
          ];
          let keys = 0;
          for (const [hours, drafts] of rounds) {
            memory.installation.clock.forwardMs(Math.abs(hours) * 3_600_000);
            // After each, a little use: it finds the account remembered as that left it.
            for (const make of drafts.flatMap((each) => [each, littleUse])) {
              const key = `step-${(keys += 1)}`;
              memory.roads.length = 0;
              for (const { services, id: billingEntityId, outcomes } of sides) {
                const committed = outcomes.filter((outcome) => outcome.kind === 'committed');
                const reservations = committed.flatMap((outcome) => outcome.reservations.map((each) => each.id));
                const records = committed.flatMap((outcome) => outcome.records);
                const command = make({
                  billingEntityId,
                  now: memory.installation.clock.now(),
                  key,
                  reservations,
                  records,
                });
                outcomes.push(await services.ledger.submit(command));
              }
              remembered += memory.roads.filter((road) => road === 'REMEMBERED').length;
              const [one, other] = sides.map(({ outcomes }) => shapeOf(outcomes.at(-1) as Outcome));
              expect(one).toEqual(other);
            }
          }
          await memory.installation.expectProven(...sides.map(({ id }) => id));
        },
      ),
      { numRuns: 20 },
    );
    expect(remembered).toBeGreaterThan(50);
    await forgetful.stop();
  }, 180_000);
});

describe('the look-up of keys', () => {
  it('reads no entries, though its plan is older than they are', async () => {
    const oneLane = await memory.openHere({
      ledger: { lanes: 1, maxBatch: 1_000, maxQueued: 20_000, patienceMs: 10_000 },
    });
    const [older, younger] = [await memory.installation.person(100_000n), await memory.installation.person(100_000n)];
    const use = (person: Person, count: number): Promise<unknown> =>
      oneLane.consumption.consumeBatch(
        SERVICE,
        Array.from({ length: count }, () => memory.installation.use(person, 10)),
      );
    const before = await readOfEntries();
    // The plan is made and kept while there is little to read, and the index of keys is larger than that of places.
    for (let uses = 0; uses < 15; uses++) await use(older, uses < 3 ? 1_000 : 1);
    memory.roads.length = 0;
    for (let uses = 0; uses < 5; uses++) await use(younger, 1_000);
    expect(memory.roads.slice(-4)).toEqual(['REMEMBERED', 'REMEMBERED', 'REMEMBERED', 'REMEMBERED']);
    // A session that ends has counted everything.
    await oneLane.stop();
    await waitFor(async () => (await readOfEntries()).probes >= before.probes + 4_000, 'the probes to be counted');
    expect((await readOfEntries()).entries - before.entries).toBeLessThan(100_000);
  }, 60_000);

  /** Scans of the index of keys, and entries that were read by their place in the account. */
  async function readOfEntries(): Promise<{ readonly probes: number; readonly entries: number }> {
    const { rows } = await memory.installation.admin.query<{ probes: string; entries: string }>(
      `select sum(idx_scan) filter (where indexrelname = 'ledger_entry_idempotency_key') as probes,
         sum(idx_tup_read) filter (where indexrelname = 'ledger_entry_pkey') as entries
       from pg_stat_user_indexes where relname = 'ledger_entry'`,
    );
    return { probes: Number(rows[0]?.probes), entries: Number(rows[0]?.entries) };
  }
});
