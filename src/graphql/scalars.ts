import { GraphQLError, GraphQLScalarType, Kind, type ValueNode, valueFromASTUntyped } from 'graphql';
import { PLANS } from '../plans/plans.ts';

const MAX = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * Whole numbers that JSON carries exactly. Inside they are bigint; a literal is read from its text, so that one that is
 * too large is refused rather than rounded.
 */
function integerScalar(name: string, description: string): GraphQLScalarType<bigint, number> {
  const refuse = (value: string): never => {
    throw new GraphQLError(`${name} must be a whole number within ±(2^53−1), not ${value}`, {
      extensions: { code: 'BAD_USER_INPUT' },
    });
  };
  return new GraphQLScalarType<bigint, number>({
    name,
    description,
    serialize(value) {
      if (typeof value === 'bigint' && value <= MAX && value >= -MAX) return Number(value);
      if (Number.isSafeInteger(value)) return value as number;
      throw new TypeError(`${name} cannot represent ${String(value)}`);
    },
    parseValue(value) {
      if (typeof value === 'bigint' && value <= MAX && value >= -MAX) return value;
      return Number.isSafeInteger(value) ? BigInt(value as number) : refuse(JSON.stringify(value) ?? 'nothing');
    },
    parseLiteral(node) {
      if (node.kind !== Kind.INT) return refuse(textOf(node));
      const value = BigInt(node.value);
      return value <= MAX && value >= -MAX ? value : refuse(node.value);
    },
  });
}

/** Whole credits. */
export const CreditsScalar = integerScalar('Credits', 'Whole credits, a JSON integer within ±(2^53−1).');

/** Counts and quantities. */
export const SafeIntScalar = integerScalar(
  'SafeInt',
  'A JSON integer within ±(2^53−1). Counts and quantities must not be negative: BAD_USER_INPUT (in a batch: that item alone).',
);

/** A plan's code, as a string or, in a document, as a bare name. */
export const PlanCodeScalar = new GraphQLScalarType<string, string>({
  name: 'PlanCode',
  description:
    'Code of a plan in `plans`, such as FREE_TRIAL or PRO: a string, or a bare name in a document. Unknown: BAD_USER_INPUT.',
  serialize: String,
  parseValue: (value) => planCode(value),
  parseLiteral: (node) => planCode(node.kind === Kind.STRING || node.kind === Kind.ENUM ? node.value : null),
});

/** RFC 3339 with a zone in, UTC out; a Date inside. */
export const DateTimeScalar = new GraphQLScalarType<Date, string>({
  name: 'DateTime',
  description: 'An instant, RFC 3339 with a zone; always UTC on output.',
  serialize(value) {
    if (!(value instanceof Date)) throw new TypeError('DateTime cannot represent what is not a Date');
    return value.toISOString();
  },
  parseValue: (value) => instant(value),
  parseLiteral: (node) => instant(node.kind === Kind.STRING ? node.value : null),
});

/** A plain JSON object. */
export const JsonObjectScalar = new GraphQLScalarType<Record<string, unknown>, Record<string, unknown>>({
  name: 'JSONObject',
  description: 'A JSON object.',
  serialize: (value) => value as Record<string, unknown>,
  parseValue: (value) => jsonObject(value),
  parseLiteral: (node, variables) =>
    jsonObject(node.kind === Kind.OBJECT ? valueFromASTUntyped(node, variables) : null),
});

const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

function instant(value: unknown): Date {
  const parts = typeof value === 'string' ? RFC_3339.exec(value) : null;
  if (parts === null) throw badInput('DateTime must be RFC 3339 with a zone, such as 2026-01-31T12:00:00Z');
  const [, year, month, day, hour, minute, second, , zone] = parts;
  // Date rolls February 30 over to March and takes 24:00; neither is an instant that anybody meant.
  const daysInMonth = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  const [zoneHours, zoneMinutes] = /^[zZ]$/.test(zone as string)
    ? [0, 0]
    : (zone as string).slice(1).split(':').map(Number);
  const exists =
    Number(month) >= 1 &&
    Number(month) <= 12 &&
    Number(day) >= 1 &&
    Number(day) <= daysInMonth &&
    Number(hour) <= 23 &&
    Number(minute) <= 59 &&
    Number(second) <= 59 &&
    (zoneHours ?? 0) <= 23 &&
    (zoneMinutes ?? 0) <= 59;
  if (!exists) throw badInput(`DateTime ${parts[0]} does not exist`);
  return new Date(parts[0].toUpperCase());
}

function planCode(value: unknown): string {
  const plan = PLANS.find(({ code }) => code === value);
  if (plan === undefined) throw badInput('there is no plan of this code');
  return plan.code;
}

function jsonObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badInput('JSONObject must be an object');
  }
  return value as Record<string, unknown>;
}

function textOf(node: ValueNode): string {
  return 'value' in node ? JSON.stringify(node.value) : node.kind;
}

function badInput(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT' } });
}
