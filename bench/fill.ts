import { Option } from 'commander';
import { type Command, runCommand } from '../src/cli/command.ts';
import { fill, MOST_RECORDS } from './history/fill.ts';
import { openStore } from './history/store.ts';
import { wholeFrom } from './options.ts';

interface Options {
  readonly into: string;
  readonly records: number;
}

const benchFill: Command<Options> = {
  name: 'bench:fill',
  summary: 'fills a database with a year of use, for reads of a long history; goes on where it left off',
  options: [
    new Option(
      '--into <place>',
      'a directory for an embedded database, or the address of an empty one (postgresql://…); it stays',
    ).makeOptionMandatory(),
    new Option('--records <n>', 'fills until there are so many usage records, a year of them at most')
      .default(MOST_RECORDS)
      .argParser(wholeFrom({ least: 1, most: MOST_RECORDS })),
  ],
  settings: 'none',
  exitCodes: { 0: 'there are as many records', 1: 'it failed' },
  async run({ options: { into, records }, output, stopping }) {
    const store = await openStore(into, null);
    try {
      const recorded = await fill(store.databaseUrl, { records, output, stopping });
      output.print(`${recorded.toLocaleString('en')} records`);
      return 0;
    } finally {
      await store.drop();
    }
  },
};

process.exitCode = await runCommand(benchFill, process.argv.slice(2));
