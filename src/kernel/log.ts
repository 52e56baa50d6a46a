import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/** Structured logs, one JSON object a line. */
export type Log = Logger;

/**
 * Makes the process's logger. Fields whose names speak of secrets are struck out at any depth that we log, and so are
 * bearer tokens, JSON Web Tokens, our own, Stripe's and model providers' keys, and passwords of URLs wherever they stand in a text,
 * messages and stacks of errors and of their causes included.
 */
export function createLog(options: { level: LogLevel; destination?: DestinationStream }): Log {
  const settings = {
    level: options.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (fields: Record<string, unknown>) => strike(fields, 0) as Record<string, unknown>,
    },
    hooks: {
      logMethod(this: Logger, args: Parameters<Logger['info']>, method: Logger['info']): void {
        const [first, message, ...rest] = args as unknown[];
        const fields = first instanceof Error ? { err: first } : first;
        // Without a message pino would take the error's own, past everything below.
        const text = message ?? messageOf(fields);
        const cleaned = [fields, text, ...rest].map((argument) =>
          typeof argument === 'string' ? strikeText(argument) : argument,
        );
        method.apply(this, cleaned as Parameters<Logger['info']>);
      },
    },
    serializers: { err: (error: unknown) => error },
  };
  return options.destination === undefined ? pino(settings) : pino(settings, options.destination);
}

const struckOut = '[redacted]';
const deepest = 6;
const secretName =
  /authorization|cookie|password|passwd|secret|token|credential|connection_?params|jwt|api_?key|private_?key|encryption_?key|database_?url|smtp_?url|redis_?url|connection_?string/i;
/** Names such as `documentTokens` are counts, not secrets. */
const countName = /tokens$/i;

const secretTexts: readonly [RegExp, string][] = [
  [/\b(bearer|basic)\s+[\w.~+/=-]+/gi, `$1 ${struckOut}`],
  [/\beyJ[\w-]*\.[\w-]+(?:\.[\w-]*)?/g, struckOut],
  [/\b(tg|sk|rk|pk|whsec)_[\w-]{6,}/g, `$1_${struckOut}`],
  [/\bsk-[\w-]{6,}/g, `sk-${struckOut}`],
  [/([a-z][a-z0-9+.-]*:\/\/)[^\s/@:]*:[^\s/@]*@/gi, `$1${struckOut}@`],
  [/\b((?:access_|refresh_|id_)?token|password|secret|api_?key)=[^\s&"']+/gi, `$1=${struckOut}`],
];

/** Takes secrets out of a text, such as the message of someone else's error. */
export function strikeText(text: string): string {
  let result = text;
  for (const [pattern, replacement] of secretTexts) result = result.replace(pattern, replacement);
  return result;
}

function messageOf(fields: unknown): string | undefined {
  const error = typeof fields === 'object' && fields !== null && 'err' in fields ? fields.err : undefined;
  return error instanceof Error ? error.message : undefined;
}

function strike(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return strikeText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (depth > deepest) return '[deeper]';
  if (value instanceof URL) return strikeText(value.href);
  if (value instanceof Error) return strikeError(value, depth);
  if (Array.isArray(value)) return value.map((item) => strike(item, depth + 1));
  return strikeFields(Object.entries(value), depth);
}

/** Name, message, stack, code and cause; not the other fields, where drivers put whole statements with their values. */
function strikeError(error: Error, depth: number): Record<string, unknown> {
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    message: strikeText(error.message),
    ...(error.stack === undefined ? {} : { stack: strikeText(error.stack) }),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(error.cause === undefined ? {} : { cause: strike(error.cause, depth + 1) }),
    ...(error instanceof AggregateError ? { errors: strike(error.errors, depth + 1) } : {}),
  };
}

function strikeFields(entries: readonly [string, unknown][], depth: number): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, value] of entries) {
    const secret = secretName.test(name) && !countName.test(name) && value !== null && typeof value !== 'boolean';
    result[name] = secret ? struckOut : strike(value, depth + 1);
  }
  return result;
}
