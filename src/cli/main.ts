import { runCommand, USAGE_EXIT_CODE } from './command.ts';
import { commands } from './commands.ts';

/** Runs the command that the first argument names; gives the exit code. */
export async function main([name, ...args]: readonly string[]): Promise<number> {
  const command = commands.find((each) => each.name === name);
  if (command !== undefined) return runCommand(command, args);
  if (name === '--help' || name === '-h') {
    console.log(listing());
    return 0;
  }
  const complaint = name === undefined ? 'a command is missing' : `there is no command «${name}»`;
  console.error(`${complaint}: there are ${commands.map((each) => each.name).join(', ')}`);
  return USAGE_EXIT_CODE;
}

function listing(): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    'Usage: npm run <command> -- [options]; with the image: docker compose run --rm tollgate <command> [options]',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'Each has a --help of its own.',
  ].join('\n');
}
