import fc from 'fast-check';
import { Batcher, type BatcherOptions } from '../../src/ledger/batcher.ts';
import { Refusal } from '../../src/kernel/refusal.ts';

/** A command of somebody; a bad one makes whatever batch it is in fail, one out of reach finds the database away. */
interface Command {
  readonly billingEntityId: string;
  readonly number: number;
  readonly isBad: boolean;
  readonly isOutOfReach: boolean;
}

const OPTIONS: BatcherOptions = { lanes: 1, maxBatch: 64, maxQueued: 20_000, patienceMs: 0 };

/** What transactions would do: take a turn of the event loop, all or nothing. */
class Runs {
  readonly all: { readonly commands: readonly Command[]; readonly failed: boolean }[] = [];
  readonly batcher: Batcher<Command, string>;
  #numbers = 0;

  constructor(options: Partial<BatcherOptions> = {}) {
    this.batcher = new Batcher(
      {
        run: async (commands) => {
          await turn();
          const bad = commands.find(({ isBad }) => isBad);
          const isAway = commands.some(({ isOutOfReach }) => isOutOfReach);
          this.all.push({ commands, failed: bad !== undefined || isAway });
          if (bad !== undefined) throw new Error(`bad ${nameOf(bad)}`);
          if (isAway) throw Object.assign(new Error('away'), { code: '57P01' });
          return commands.map((command) => `done ${nameOf(command)}`);
        },
      },
      { ...OPTIONS, ...options },
    );
  }

  /** Sends a command; resolves to what it is answered, whatever that is. */
  send(payer: string, isBad = false, isOutOfReach = false): Promise<string> {
    const command = { billingEntityId: payer, number: (this.#numbers += 1), isBad, isOutOfReach };
    return this.batcher.enqueue(command).catch((error: unknown) => {
      if (error instanceof Refusal) return error.code;
      return (error as Error).message;
    });
  }

  sendMany(count: number, payer: string, isBad = false): Promise<string[]> {
    return Promise.all(Array.from({ length: count }, () => this.send(payer, isBad)));
  }

  /** Commands in the order in which they took effect. */
  get done(): Command[] {
    return this.all.flatMap(({ commands, failed }) => (failed ? [] : commands));
  }
}

const nameOf = ({ billingEntityId, number }: Command): string => `${billingEntityId} ${number}`;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('folding', () => {
  it('answers every command once with its own outcome, in order of its account, however many make their batch fail', async () => {
    const arrival = fc.record({
      payer: fc.nat({ max: 5 }),
      kind: fc.oneof(
        { weight: 3, arbitrary: fc.constant('good') },
        { weight: 3, arbitrary: fc.constant('bad') },
        { weight: 1, arbitrary: fc.constant('out of reach') },
      ),
      // Most come at once, some after so many turns.
      after: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat({ max: 6 })),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(arrival, { maxLength: 120 }),
        fc.integer({ min: 1, max: 16 }),
        async (arrivals, maxBatch) => {
          const runs = new Runs({ maxBatch });
          const answers: Promise<string>[] = [];
          for (const { payer, kind, after } of arrivals) {
            for (let turns = 0; turns < after; turns++) await turn();
            answers.push(runs.send(`p${payer}`, kind === 'bad', kind === 'out of reach'));
          }
          const done: number[] = [];
          for (const [index, { payer, kind }] of arrivals.entries()) {
            const answer = await answers[index];
            if (answer === `done p${payer} ${index + 1}`) done.push(index + 1);
            else if (answer !== 'UNAVAILABLE') expect(answer).toBe(`bad p${payer} ${index + 1}`);
            // What is wrong with one is never put down to another; who was with one that is out of reach does not know.
            if (kind !== 'bad') expect(answer).not.toMatch(/^bad/);
            if (kind !== 'good') expect(answer).not.toMatch(/^done/);
            if (arrivals.every((each) => each.kind !== 'out of reach')) expect(answer).not.toBe('UNAVAILABLE');
          }
          expect(runs.done.map(({ number }) => number).sort((a, b) => a - b)).toEqual(done);
          for (const numbers of Map.groupBy(runs.done, ({ billingEntityId }) => billingEntityId).values()) {
            const inOrder = numbers.map(({ number }) => number);
            expect(inOrder).toEqual([...inOrder].sort((a, b) => a - b));
          }
          for (const { commands } of runs.all) expect(commands.length).toBeLessThanOrEqual(maxBatch);
          expect(runs.batcher.queued).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('finds one bad command among many of an account by halving', async () => {
    for (const at of [0, 1, 31, 32, 200, 499]) {
      const runs = new Runs({ maxBatch: 500 });
      const answers = await Promise.all(Array.from({ length: 500 }, (_, index) => runs.send('one', index === at)));
      expect(answers.filter((answer) => answer.startsWith('bad'))).toEqual([`bad one ${at + 1}`]);
      expect(runs.all.length).toBeLessThanOrEqual(32);
    }
  });

  it('finds one bad account among many by halving, and no good command runs more often than the halves need', async () => {
    for (const at of [0, 77, 499]) {
      const runs = new Runs({ maxBatch: 500 });
      await Promise.all(Array.from({ length: 500 }, (_, index) => runs.send(`p${index}`, index === at)));
      expect(runs.all.length).toBeLessThanOrEqual(19);
    }
  });

  it('lets others of the lane in between while one account’s failures are told apart', async () => {
    const runs = new Runs();
    const flood = runs.sendMany(300, 'bad', true);
    for (let others = 0; others < 40; others++) {
      await turn();
      const before = runs.all.length;
      expect(await runs.send(`other-${others}`)).toMatch(/^done/);
      // The one that runs, at most one of the suspects’, and its own.
      expect(runs.all.length - before).toBeLessThanOrEqual(3);
    }
    expect(new Set(await flood).size).toBe(300);
  });

  it('lets whoever makes batches fail again and again go alone: others’ batches fail no more', async () => {
    const runs = new Runs();
    await Promise.all([runs.sendMany(3, 'bad', true), runs.sendMany(20, 'good')]);
    const before = runs.all.length;
    for (let round = 0; round < 20; round++) {
      await Promise.all([runs.sendMany(5, 'bad', true), runs.sendMany(20, 'good'), runs.sendMany(1, `p${round}`)]);
    }
    const failed = runs.all.slice(before).filter((run) => run.failed);
    expect(failed.length).toBeGreaterThan(0);
    const inFailed = failed.flatMap(({ commands }) => commands.map(({ billingEntityId }) => billingEntityId));
    expect([...new Set(inFailed)]).toEqual(['bad']);
    // One command, one transaction: there is nothing to tell apart any more.
    expect(failed).toHaveLength(100);
  });

  it('brings others through though whoever makes batches fail is somebody new each time', async () => {
    const runs = new Runs();
    let strangers = 0;
    for (let others = 0; others < 20; others++) {
      const before = runs.all.length;
      const state = { isDone: false };
      const answer = Promise.all([runs.send(`a-${others}`), runs.send(`b-${others}`), runs.send(`c-${others}`)]);
      void answer.then(() => (state.isDone = true));
      const flood: Promise<string>[] = [];
      while (!state.isDone) {
        flood.push(runs.send(`stranger-${(strangers += 1)}`, true));
        await turn();
      }
      for (const each of await answer) expect(each).toMatch(/^done/);
      expect(runs.all.length - before).toBeLessThanOrEqual(40);
      await Promise.all(flood);
    }
  });

  it('trusts again whoever has done well for a while', async () => {
    const runs = new Runs();
    await Promise.all([runs.send('once bad', true), runs.sendMany(5, 'good')]);
    for (let round = 0; round < 12; round++) await runs.send('once bad');
    const before = runs.all.length;
    await Promise.all([runs.sendMany(5, 'once bad'), runs.sendMany(5, 'good')]);
    expect(runs.all.length - before).toBe(1);
  });
});

describe('turns between payers', () => {
  it('a batch has something of everybody who waits, as long as it has room', async () => {
    const runs = new Runs();
    const flood = runs.sendMany(1000, 'flood');
    await turn();
    const others = Promise.all(Array.from({ length: 20 }, (_, index) => runs.sendMany(2, `p${index}`)));
    const before = runs.all.length;
    await others;
    expect(runs.all.length - before).toBeLessThanOrEqual(2);
    await flood;
    // Nothing is left empty for it.
    expect(runs.all.length).toBe(Math.ceil(1040 / 64) + (runs.all[0]?.commands.length === 64 ? 0 : 1));
  });

  it('more payers than a batch has room for take turns: nobody waits longer than a round', async () => {
    const runs = new Runs({ maxBatch: 10 });
    const first = Array.from({ length: 35 }, (_, index) => runs.sendMany(4, `p${index}`));
    await Promise.all(first);
    const rounds = runs.done.map(({ billingEntityId }) => billingEntityId);
    for (let round = 0; round < 4; round++) {
      expect(new Set(rounds.slice(round * 35, (round + 1) * 35)).size).toBe(35);
    }
  });

  it('a full lane refuses whoever has most in it, and nobody else', async () => {
    const runs = new Runs({ maxQueued: 1000 });
    const flood = Array.from({ length: 6 }, () => runs.sendMany(1000, 'flood'));
    const others: Promise<string>[] = [];
    for (let round = 0; round < 100; round++) {
      others.push(runs.send(`p${round % 7}`));
      if (round % 5 === 0) {
        await turn();
        flood.push(runs.sendMany(200, 'flood'));
      }
    }
    for (const answer of await Promise.all(others)) expect(answer).toMatch(/^done/);
    const refused = (await Promise.all(flood)).flat().filter((answer) => answer === 'UNAVAILABLE');
    expect(refused.length).toBeGreaterThan(4000);
  });

  it('a lane shared by two who flood it leaves each its half, and the third gets in', async () => {
    const runs = new Runs({ maxQueued: 100, maxBatch: 1 });
    const sent = [runs.sendMany(300, 'a'), runs.sendMany(300, 'b'), runs.sendMany(20, 'c')];
    const [a, b, c] = (await Promise.all(sent)).map(
      (answers) => answers.filter((each) => each.startsWith('done')).length,
    );
    expect(c).toBe(20);
    expect((a ?? 0) + (b ?? 0)).toBeGreaterThanOrEqual(80);
    expect(Math.abs((a ?? 0) - (b ?? 0))).toBeLessThanOrEqual(2);
  });

  it('what is refused for want of room never ran', async () => {
    const runs = new Runs({ maxQueued: 20, maxBatch: 4 });
    const flood = await Promise.all([runs.sendMany(60, 'flood'), runs.sendMany(10, 'other')]);
    const done = flood.flat().filter((answer) => answer.startsWith('done'));
    expect(done.sort()).toEqual(runs.done.map((command) => `done ${nameOf(command)}`).sort());
  });

  it('an account alone has the whole lane, in batches as large as they may be', async () => {
    const runs = new Runs({ maxQueued: 1000 });
    const answers = await runs.sendMany(1000, 'hot');
    expect(answers.every((answer) => answer.startsWith('done'))).toBe(true);
    expect(runs.all.map(({ commands }) => commands.length)).toEqual([...Array.from({ length: 15 }, () => 64), 40]);
  });
});
