import { Output } from '../../src/cli/output.ts';

/** A stream that keeps what is written, and a screen that a terminal would show of it. */
class Screen {
  readonly isTTY: boolean;
  readonly columns: number;
  readonly rows = 30;
  written = '';

  constructor({ isTTY, columns = 120 }: { isTTY: boolean; columns?: number }) {
    this.isTTY = isTTY;
    this.columns = columns;
  }

  write(text: string): boolean {
    this.written += text;
    return true;
  }

  /** The lines that stand there, for sequences that move up, return and erase lines. */
  get lines(): string[] {
    const lines = [''];
    let row = 0;
    const sequences = this.written.replaceAll('\u001B', '^');
    for (const [part] of sequences.matchAll(/\^\[\??[\d;]*[A-Za-z]|\n|[^^\n]+/g)) {
      if (part === '\n') {
        row += 1;
        lines[row] ??= '';
      } else if (/^\^\[\d*A$/.test(part)) {
        row -= Number(part.slice(2, -1) || 1);
      } else if (part === '^[2K') {
        lines[row] = '';
      } else if (!part.startsWith('^')) {
        lines[row] += part;
      }
    }
    return lines;
  }
}

const BAR = /^[█░]{24} /;

describe('on a terminal', () => {
  it('a bar shows how far a command is, and makes way for every line of results', () => {
    const terminal = new Screen({ isTTY: true });
    const output = new Output({ stdout: terminal, stderr: terminal });
    output.progress({ done: 250, total: 1_000, unit: 'entries', detail: '3 of 9 accounts' });
    expect(terminal.lines).toEqual([
      `${'█'.repeat(6)}${'░'.repeat(18)} 250 of 1,000 entries, 25 % · 3 of 9 accounts`,
      '',
    ]);
    output.print('one: differs');
    output.complain('two: is late');
    output.log.write('{"level":"warn"}\n');
    const [first, second, third, bar, ...others] = terminal.lines;
    expect([first, second, third]).toEqual(['one: differs', 'two: is late', '{"level":"warn"}']);
    expect(bar).toMatch(BAR);
    expect(others.join('')).toBe('');
    output.end();
    expect(terminal.lines.filter((line) => line !== '')).toEqual(['one: differs', 'two: is late', '{"level":"warn"}']);
  });

  it('progress has no bar where nobody knows how much there is', () => {
    const terminal = new Screen({ isTTY: true });
    new Output({ stdout: terminal, stderr: terminal }).progress({ done: 1_234, total: null, unit: 'secrets' });
    expect(terminal.lines).toEqual(['1,234 secrets', '']);
  });

  it('what was counted twice takes no bar beyond its end', () => {
    const terminal = new Screen({ isTTY: true });
    new Output({ stdout: terminal, stderr: terminal }).progress({ done: 12, total: 10, unit: 'entries' });
    expect(terminal.lines[0]).toBe(`${'█'.repeat(24)} 12 of 10 entries, 100 %`);
  });

  it('results go to standard output alone', () => {
    const [stdout, stderr] = [new Screen({ isTTY: false }), new Screen({ isTTY: true })];
    const output = new Output({ stdout, stderr });
    output.progress({ done: 1, total: 2, unit: 'entries' });
    output.print('one: differs');
    output.end();
    expect(stdout.written).toBe('one: differs\n');
    expect(stderr.written).not.toContain('one: differs');
  });
});

describe.each([
  ['elsewhere', { isTTY: false }],
  ['on a terminal without a size', { isTTY: true, columns: 0 }],
])('%s', (_where, kind) => {
  it('progress is a plain line now and then, and none of a command that is quick', async () => {
    const [stdout, stderr] = [new Screen(kind), new Screen(kind)];
    const output = new Output({ stdout, stderr, lineIntervalMs: 40 });
    output.progress({ done: 0, total: 1_000, unit: 'records' });
    output.progress({ done: 100, total: 1_000, unit: 'records' });
    expect(stderr.written).toBe('');
    await new Promise((resolve) => {
      setTimeout(resolve, 60);
    });
    output.progress({ done: 500, total: 1_000, unit: 'records' });
    output.progress({ done: 501, total: 1_000, unit: 'records' });
    output.end();
    expect(stderr.written).toBe('500 of 1,000 records, 50 % · 1 s left\n');
    expect(stdout.written).toBe('');
  });
});
