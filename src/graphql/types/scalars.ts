import {
  GraphQLError,
  GraphQLScalarType,
  Kind,
  type ObjectValueNode,
  type ValueNode,
  valueFromASTUntyped,
} from 'graphql';
import { PLANS } from '../../plans/plans.ts';

const MAX = BigInt(Number.MAX_SAFE_INTEGER);
const SAFE_INTEGERS = 'https://tc39.es/ecma262/#sec-number.issafeinteger';

/**
 * Whole numbers that JSON carries exactly, bigint inside. A literal is read from its text, so that one that is too large is
 * refused and not rounded. An answer that is too large becomes the largest number: a sum must not break the page that
 * shows it.
 */
function integerScalar(name: string, description: string): GraphQLScalarType<bigint, number> {
  const refuse = (value: string, node?: ValueNode): never => {
    throw badInput(`${name} must be a whole number within ±(2^53−1), not ${value}`, node);
  };
  return new GraphQLScalarType<bigint, number>({
    name,
    description,
    specifiedByURL: SAFE_INTEGERS,
    serialize(value) {
      if (typeof value === 'bigint') return Number(value > MAX ? MAX : value < -MAX ? -MAX : value);
      if (Number.isSafeInteger(value)) return value as number;
      throw new TypeError(`${name} cannot represent ${String(value)}`);
    },
    parseValue(value) {
      if (typeof value === 'bigint' && value <= MAX && value >= -MAX) return value;
      return Number.isSafeInteger(value) ? BigInt(value as number) : refuse(shown(value));
    },
    parseLiteral(node) {
      if (node.kind !== Kind.INT) return refuse(textOf(node), node);
      const value = BigInt(node.value);
      return value <= MAX && value >= -MAX ? value : refuse(node.value, node);
    },
  });
}

/** Whole credits. */
export const CreditsScalar = integerScalar(
  'Credits',
  'Whole credits, a JSON integer within ±(2^53−1). Answers saturate there: a larger value is shown as the largest.',
);

/** Counts and quantities. */
export const SafeIntScalar = integerScalar(
  'SafeInt',
  'A JSON integer within ±(2^53−1). Counts and quantities must not be negative: BAD_USER_INPUT (in a batch: that item alone). Answers saturate there: a larger value is shown as the largest.',
);

/** A plan's code, as a string or, in a document, as a bare name. */
export const PlanCodeScalar = new GraphQLScalarType<string, string>({
  name: 'PlanCode',
  description:
    'Code of a plan in `plans`, such as FREE_TRIAL or PRO: a string, or a bare name in a document. Unknown: BAD_USER_INPUT.',
  serialize: String,
  parseValue: (value) => planCode(value),
  parseLiteral: (node) => planCode(node.kind === Kind.STRING || node.kind === Kind.ENUM ? node.value : null, node),
});

/** RFC 3339 with a zone in, UTC out; a Date inside. */
export const DateTimeScalar = new GraphQLScalarType<Date, string>({
  name: 'DateTime',
  description:
    'An instant, RFC 3339 with a zone, to the millisecond, of the years 0001 to 9999 in UTC; always UTC on output.',
  // Answers have its form exactly; more of RFC 3339 is taken than it asks for.
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time',
  serialize(value) {
    if (!(value instanceof Date)) throw new TypeError('DateTime cannot represent what is not a Date');
    return value.toISOString();
  },
  parseValue: (value) => instant(value),
  parseLiteral: (node) => instant(node.kind === Kind.STRING ? node.value : null, node),
});

/** A plain JSON object. */
export const JsonObjectScalar = new GraphQLScalarType<Record<string, unknown>, Record<string, unknown>>({
  name: 'JSONObject',
  description: 'A JSON object.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc8259#section-4',
  serialize: (value) => value as Record<string, unknown>,
  parseValue: (value) => jsonObject(value),
  parseLiteral(node, variables) {
    if (node.kind !== Kind.OBJECT) return jsonObject(null, node);
    const value = jsonObject(valueFromASTUntyped(node, variables), node);
    literals.set(value, node);
    return value;
  },
});

/** The literals that objects were read from, whose numbers may have more digits than were read. */
const literals = new WeakMap<object, ObjectValueNode>();

/** The literal in a document that this object was read from; null: it came in a variable. */
export function literalOf(value: object): ObjectValueNode | null {
  return literals.get(value) ?? null;
}

const EARLIEST_MS = Date.parse('0001-01-01T00:00:00.000Z');
const LATEST_MS = Date.parse('9999-12-31T23:59:59.999Z');
const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

function instant(value: unknown, node?: ValueNode): Date {
  const parts = typeof value === 'string' ? RFC_3339.exec(value) : null;
  if (parts === null) throw badInput('DateTime must be RFC 3339 with a zone, such as 2026-01-31T12:00:00Z', node);
  const [, year, month, day, hour, minute, second, , zone] = parts;
  // Date would roll February 30 over to March and accept 24:00; neither can be what the caller meant.
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
  if (!exists) throw badInput(`DateTime ${parts[0]} does not exist`, node);
  const date = new Date(parts[0].toUpperCase());
  // An offset can lead beyond these years, where neither RFC 3339 nor the database has a text for the instant.
  if (date.getTime() < EARLIEST_MS || date.getTime() > LATEST_MS) {
    throw badInput('DateTime must lie in the years 0001 to 9999', node);
  }
  return date;
}

function planCode(value: unknown, node?: ValueNode): string {
  const plan = PLANS.find(({ code }) => code === value);
  if (plan === undefined) throw badInput('there is no plan of this code', node);
  return plan.code;
}

function jsonObject(value: unknown, node?: ValueNode): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badInput('JSONObject must be an object', node);
  }
  return value as Record<string, unknown>;
}

function textOf(node: ValueNode): string {
  return 'value' in node ? shown(node.value) : node.kind;
}

/** A short text of a value, to help its sender. Lists and objects are only named. */
function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

/** `node`: the literal, so that the error names its place; GraphQL itself adds the place of a variable. */
function badInput(message: string, node?: ValueNode): GraphQLError {
  return new GraphQLError(message, { nodes: node ?? null, extensions: { code: 'BAD_USER_INPUT' } });
}
