/** Reads that are folded: each caller is told what holds after they asked, and few statements tell all of them. */
import fc from 'fast-check';
import { FoldedReads, type FoldedReadsOptions } from '../../src/db/folded-reads.ts';
import { waitFor } from '../support/wait-for.ts';

/** A table whose statements end when the test lets them, and answer what it held when they began. */
class Table {
  readonly rows = new Map<string, number>();
  readonly statements: { readonly keys: readonly string[]; readonly end: (failure?: Error) => void }[] = [];
  underWay = 0;
  mostUnderWay = 0;

  read = (keys: readonly string[]): Promise<(number | null)[]> => {
    const values = keys.map((key) => this.rows.get(key) ?? null);
    this.underWay += 1;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    const { promise, resolve, reject } = Promise.withResolvers<(number | null)[]>();
    const end = (failure?: Error): void => {
      this.underWay -= 1;
      if (failure === undefined) resolve(values);
      else reject(failure);
    };
    this.statements.push({ keys, end });
    return promise;
  };

  /** Nobody's patience ends by itself unless a test says so. */
  folded(options: Partial<FoldedReadsOptions<string, number | null>> = {}): FoldedReads<string, number | null> {
    return new FoldedReads({ read: this.read, nameOf: (key: string) => key, patienceMs: 600_000, ...options });
  }

  /** Ends all statements, also those that begin meanwhile. */
  async drain(): Promise<void> {
    for (let at = 0; ; at += 1) {
      await turn();
      const statement = this.statements[at];
      if (statement === undefined) return;
      statement.end();
    }
  }
}

/** The end of a turn of the event loop, and what follows from it. */
async function turn(): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}

test('whoever asks in one turn is answered by one statement, which names each key once', async () => {
  const table = new Table();
  table.rows.set('a', 1).set('b', 2);
  const folded = table.folded();
  const answers = folded.askAll(['a', 'b', 'a', 'nobody', 'b']);
  // Somebody who came to ask by other promises is of the same turn.
  await Promise.resolve();
  await Promise.resolve();
  const later = folded.ask('c');
  await turn();
  expect(table.statements.map(({ keys }) => keys)).toEqual([['a', 'b', 'nobody', 'c']]);
  await table.drain();
  expect([await answers, await later]).toEqual([[1, 2, 1, null, 2], null]);
});

test('whoever asks while a statement is under way is told what holds then, and not what it reads', async () => {
  const table = new Table();
  table.rows.set('a', 1);
  const folded = table.folded();
  const before = folded.ask('a');
  await turn();
  table.rows.set('a', 2);
  const after = folded.ask('a');
  await turn();
  expect(table.statements).toHaveLength(1);
  await table.drain();
  expect([await before, await after]).toEqual([1, 2]);
});

test('a statement that fails fails those whom it would have told, and nobody else', async () => {
  const table = new Table();
  table.rows.set('a', 1).set('b', 2);
  const folded = table.folded();
  const failing = Promise.allSettled([folded.ask('a'), folded.ask('b')]);
  await turn();
  const later = folded.ask('b');
  table.statements[0]?.end(new Error('away'));
  await turn();
  table.statements[1]?.end();
  expect((await failing).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await later).toBe(2);
});

test('a statement that hangs keeps nobody else', async () => {
  const table = new Table();
  table.rows.set('a', 1).set('b', 2);
  const folded = table.folded({ patienceMs: 1 });
  const hanging = folded.ask('a');
  await turn();
  const others = folded.askAll(['a', 'b']);
  await waitFor(() => table.statements.length === 2, 'a second statement');
  table.statements[1]?.end();
  expect(await others).toEqual([1, 2]);
  table.statements[0]?.end();
  expect(await hanging).toBe(1);
});

test('no more statements are under way than may be, however many wait', async () => {
  const table = new Table();
  const folded = table.folded({ patienceMs: 1, atOnce: 2, most: 1 });
  const answers = folded.askAll(['a', 'b', 'c', 'd']);
  for (let at = 0; at < 4; at += 1) {
    await waitFor(() => table.statements.length >= Math.min(at + 2, 4), 'the next statement');
    table.statements[at]?.end();
  }
  expect(await answers).toEqual([null, null, null, null]);
  expect(table.mostUnderWay).toBe(2);
});

test('however keys are asked for and changed, everybody is told of all that came before they asked, within the bounds', async () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd');
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('ask' as const), key }) },
    fc.record({ kind: fc.constant('write' as const), key }),
    fc.record({ kind: fc.constant('turn' as const) }),
    fc.record({ kind: fc.constant('end' as const), fails: fc.boolean() }),
  );
  const bounds = fc.record({
    atOnce: fc.integer({ min: 1, max: 3 }),
    most: fc.integer({ min: 1, max: 3 }),
    patienceMs: fc.constantFrom(0, 600_000),
  });
  await fc.assert(
    fc.asyncProperty(bounds, fc.array(step, { maxLength: 40 }), async (limits, steps) => {
      const table = new Table();
      const folded = table.folded(limits);
      let version = 0;
      const told: Promise<void>[] = [];
      let ended = 0;
      for (const each of steps) {
        if (each.kind === 'write') table.rows.set(each.key, (version += 1));
        else if (each.kind === 'turn') await turn();
        else if (each.kind === 'end') {
          const statement = table.statements[ended];
          if (statement === undefined) continue;
          ended += 1;
          statement.end(each.fails ? new Error('away') : undefined);
          await turn();
        } else {
          const least = table.rows.get(each.key) ?? null;
          const answered = folded.ask(each.key).then(
            (value) => {
              if (least !== null) expect(value).toBeGreaterThanOrEqual(least);
            },
            (error: unknown) => expect(error).toEqual(new Error('away')),
          );
          told.push(answered);
        }
      }
      for (await turn(); ended < table.statements.length; await turn()) {
        table.statements[ended]?.end();
        ended += 1;
      }
      await Promise.all(told);
      expect(table.mostUnderWay).toBeLessThanOrEqual(limits.atOnce);
      for (const { keys } of table.statements) {
        expect(keys.length).toBeLessThanOrEqual(limits.most);
        expect(new Set(keys).size).toBe(keys.length);
      }
    }),
    { numRuns: 200 },
  );
});
