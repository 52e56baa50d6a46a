/** The start and the end that all commands share: arguments, `--help`, orders to stop, failures and exit codes. */
import { Command as Parser, CommanderError, type Option } from 'commander';
import { MendableError } from '../kernel/mendable-error.ts';
import { Refusal } from '../kernel/refusal.ts';
import { Output } from './output.ts';
import { listenForStopOrder, StoppedError } from './stop-order.ts';

/** One command, described for its help and its start. */
export interface Command<Options extends object = object> {
  /** As `npm run` and the image call it. */
  readonly name: string;
  /** One line: what it does. */
  readonly summary: string;
  /** The arguments after the options, as commander spells them: `[billing-entity...]`. */
  readonly operands?: { readonly name: string; readonly summary: string };
  readonly options?: readonly Option[];
  /** Environment variables that it reads, in words. */
  readonly settings: string;
  /** The meanings of its own exit codes. */
  readonly exitCodes: { readonly 0: string; readonly 1: string };
  /** Servers end by an order to stop; for their help. */
  readonly runsUntilStopped?: true;
  /**
   * Does the work and closes what it opened.
   * @returns the exit code, 0 or 1
   * @throws {MendableError | Refusal} whose message is printed as the only line; anything else is a bug, printed with its stack
   */
  run(invocation: Invocation<Options>): Promise<number>;
}

/** Everything that a command is started with. */
export interface Invocation<Options extends object = object> {
  readonly operands: readonly string[];
  readonly options: Options;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly output: Output;
  /** Aborted when the command shall stop: where it is safe, `throwIfAborted()` ends it. What is done by then is done. */
  readonly stopping: AbortSignal;
}

/** Arguments were not understood. */
export const USAGE_EXIT_CODE = 2;

/** Runs one command from its arguments to its exit code. */
export async function runCommand(command: Command<never>, args: readonly string[]): Promise<number> {
  const output = new Output(process);
  const parsed = parse(command, args, output);
  if (typeof parsed === 'number') return parsed;
  const stopping = listenForStopOrder();
  try {
    return await command.run({ ...parsed, env: process.env, output, stopping });
  } catch (error) {
    output.end();
    if (isPlain(error)) output.complain(wordsOf(error));
    else console.error(error);
    return exitCodeOf(error);
  } finally {
    output.end();
  }
}

/** Gives the exit code at once when there is nothing to run. */
function parse(
  command: Command<never>,
  args: readonly string[],
  output: Output,
): Pick<Invocation<never>, 'operands' | 'options'> | number {
  const parser = parserOf(command).configureOutput({ writeOut: (text) => output.print(text.trimEnd()), writeErr() {} });
  try {
    parser.parse(args, { from: 'user' });
    return { operands: parser.args, options: parser.opts<never>() };
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    const complaint = error.message
      .replace(/^error: /, '')
      .replaceAll('\n', ' ')
      .replace(/\.$/, '');
    output.complain(`${complaint}: see ${callOf(command)} --help`);
    return USAGE_EXIT_CODE;
  }
}

function parserOf({ name, summary, operands, options = [], settings, exitCodes, ...command }: Command<never>): Parser {
  const parser = new Parser(callOf({ name }))
    .description(summary)
    .helpOption('-h, --help', 'prints this')
    .showSuggestionAfterError(false)
    .exitOverride();
  if (operands !== undefined) parser.argument(operands.name, operands.summary);
  for (const option of options) parser.addOption(option);
  const before = command.runsUntilStopped === true ? 'before it served' : 'before it was done';
  const lines = [
    '',
    `Settings: ${settings}`,
    '',
    'Exit codes:',
    `  0         ${exitCodes[0]}`,
    `  1         ${exitCodes[1]}`,
    '  2         the arguments were not understood',
    `  130, 143  stopped by SIGINT, by SIGTERM, ${before}`,
  ];
  return parser.addHelpText('after', lines.join('\n'));
}

/** The line that calls it in a checkout. */
function callOf({ name }: Pick<Command, 'name'>): string {
  return name === 'start' ? 'npm start --' : `npm run ${name} --`;
}

function exitCodeOf(error: unknown): number {
  return error instanceof StoppedError ? error.exitCode : 1;
}

function isPlain(error: unknown): error is Error {
  return error instanceof MendableError || error instanceof Refusal;
}

/** A refusal says what it is about; the reason behind it helps whoever runs the command. */
function wordsOf(error: Error): string {
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
