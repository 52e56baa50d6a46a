import { GraphQLNonNull, GraphQLObjectType, type GraphQLScalarType, GraphQLSchema, GraphQLString } from 'graphql';
import type { ExecutionResult } from 'graphql';
import { loadConfig } from '../../src/config/config.ts';
import { Operations } from '../../src/graphql/execution/operations.ts';
import {
  CreditsScalar,
  DateTimeScalar,
  JsonObjectScalar,
  PlanCodeScalar,
  SafeIntScalar,
} from '../../src/graphql/types/scalars.ts';
import { createLog } from '../../src/kernel/log.ts';

const SCALARS = [CreditsScalar, SafeIntScalar, PlanCodeScalar, DateTimeScalar, JsonObjectScalar] as const;

/** One field for each scalar that says what a resolver was given, and one that gives it back. */
const schema = new GraphQLSchema({
  query: new GraphQLObjectType({
    name: 'Query',
    fields: Object.fromEntries(
      SCALARS.flatMap((scalar: GraphQLScalarType) => {
        const args = { value: { type: new GraphQLNonNull(scalar) } };
        return [
          [
            `seen${scalar.name}`,
            { type: GraphQLString, args, resolve: (_root: unknown, { value }: Args) => shown(value) },
          ],
          [`echo${scalar.name}`, { type: scalar, args, resolve: (_root: unknown, { value }: Args) => value }],
        ];
      }),
    ),
  }),
});

interface Args {
  readonly value: unknown;
}

/** A value with its type, as no JSON would show it. */
function shown(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  return value instanceof Date ? `Date ${value.toISOString()}` : JSON.stringify(value);
}

const options = {
  schema,
  limits: loadConfig({}, 'local').limits,
  log: createLog({ level: 'silent' }),
  suggestions: false,
};
const operations = new Operations(options);

async function run(query: string, variables?: Record<string, unknown>): Promise<ExecutionResult> {
  const { operation, errors } = operations.prepare({ query, variables });
  return operation === null ? { errors } : operations.execute(operation, variables, {});
}

/** The answers to a literal in a document, written as it stands. */
const literal = (scalar: GraphQLScalarType, text: string): Promise<ExecutionResult> =>
  run(`{ seen: seen${scalar.name}(value: ${text}) echo: echo${scalar.name}(value: ${text}) }`);

/** The answers to a variable, which comes through JSON as a client would send it. */
const variable = (scalar: GraphQLScalarType, json: string): Promise<ExecutionResult> =>
  run(
    `query ($value: ${scalar.name}!) { seen: seen${scalar.name}(value: $value) echo: echo${scalar.name}(value: $value) }`,
    { value: JSON.parse(json) as unknown },
  );

function expectRefused({ data, errors }: ExecutionResult, words: RegExp): void {
  expect(data ?? null).toBeNull();
  expect(errors?.length).toBeGreaterThan(0);
  for (const { message, locations, extensions } of errors ?? []) {
    expect(message).toMatch(words);
    expect(locations).toHaveLength(1);
    expect(['BAD_USER_INPUT', 'GRAPHQL_VALIDATION_FAILED']).toContain(extensions['code']);
  }
}

describe('scalars', () => {
  describe.each([CreditsScalar, SafeIntScalar])('$name', (scalar) => {
    it.each(['0', '5', '-5', '9007199254740991', '-9007199254740991'])('takes and gives %s', async (text) => {
      const expected = { data: { seen: `${text}n`, echo: Number(text) } };
      expect(await literal(scalar, text)).toEqual(expected);
      expect(await variable(scalar, text)).toEqual(expected);
    });

    it.each(['9007199254740992', '9007199254740993', '-9007199254740992', '1e400', '1.5', '"5"', 'true', '[5]', '{}'])(
      'refuses %s, wherever it stands',
      async (text) => {
        const words = new RegExp(`${scalar.name} must be a whole number within ±\\(2\\^53−1\\)`);
        if (text !== '[5]' && text !== '{}') expectRefused(await literal(scalar, text), words);
        expectRefused(await variable(scalar, text), words);
      },
    );

    it('reads the text of a literal, which a number would round into its range', async () => {
      expect(Number('9007199254740991.4')).toBe(Number.MAX_SAFE_INTEGER);
      for (const text of ['9007199254740991.4', '5.0', '5e0']) {
        expectRefused(await literal(scalar, text), /must be a whole number/);
      }
    });

    it('names in its refusal what was sent', async () => {
      const { errors } = await literal(scalar, '9007199254740993');
      expect(errors?.[0]?.message).toContain('not 9007199254740993');
    });
  });

  describe('PlanCode', () => {
    it('takes a string or a bare name', async () => {
      const expected = { data: { seen: '"PRO"', echo: 'PRO' } };
      expect(await literal(PlanCodeScalar, '"PRO"')).toEqual(expected);
      expect(await literal(PlanCodeScalar, 'PRO')).toEqual(expected);
      expect(await variable(PlanCodeScalar, '"PRO"')).toEqual(expected);
    });

    it.each(['"pro"', '"GOLD"', '""', '1', 'null'])('refuses %s', async (text) => {
      const words = /no plan of this code|must not be null|found null/;
      expectRefused(await literal(PlanCodeScalar, text), words);
      expectRefused(await variable(PlanCodeScalar, text), words);
    });
  });

  describe('DateTime', () => {
    it.each([
      ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.000Z'],
      ['2026-01-31t12:00:00z', '2026-01-31T12:00:00.000Z'],
      ['2026-01-31T12:00:00.5+05:30', '2026-01-31T06:30:00.500Z'],
      ['2026-01-01T00:30:00-23:59', '2026-01-02T00:29:00.000Z'],
      ['2024-02-29T23:59:59.123456789Z', '2024-02-29T23:59:59.123Z'],
      ['2000-02-29T00:00:00Z', '2000-02-29T00:00:00.000Z'],
      ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
      ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
    ])('takes %s and gives %s', async (text, utc) => {
      const expected = { data: { seen: `Date ${utc}`, echo: utc } };
      expect(await literal(DateTimeScalar, JSON.stringify(text))).toEqual(expected);
      expect(await variable(DateTimeScalar, JSON.stringify(text))).toEqual(expected);
    });

    it.each([
      '"2026-01-31T12:00:00"',
      '"2026-01-31"',
      '"2026-01-31 12:00:00Z"',
      '"2026-01-31T12:00Z"',
      '"2026-01-31T12:00:00+0530"',
      '"2026-01-31T12:00:00Z "',
      '"+002026-01-31T12:00:00Z"',
      '"now"',
      '1769860800000',
      'true',
    ])('refuses %s: it is not RFC 3339 with a zone', async (text) => {
      const words = /DateTime must be RFC 3339 with a zone/;
      expectRefused(await literal(DateTimeScalar, text), words);
      expectRefused(await variable(DateTimeScalar, text), words);
    });

    it.each([
      '2026-02-30T00:00:00Z',
      '2026-02-29T00:00:00Z',
      '1900-02-29T00:00:00Z',
      '2026-04-31T00:00:00Z',
      '2026-00-01T00:00:00Z',
      '2026-13-01T00:00:00Z',
      '2026-01-00T00:00:00Z',
      '2026-01-01T24:00:00Z',
      '2026-01-01T00:60:00Z',
      '2026-01-01T00:00:60Z',
      '2026-01-01T00:00:00+24:00',
      '2026-01-01T00:00:00+00:60',
    ])('refuses %s: it does not exist', async (text) => {
      expectRefused(await literal(DateTimeScalar, JSON.stringify(text)), /does not exist/);
      expectRefused(await variable(DateTimeScalar, JSON.stringify(text)), /does not exist/);
    });

    it.each(['0000-06-01T00:00:00Z', '0001-01-01T00:00:00+00:01', '9999-12-31T23:59:59-00:01'])(
      'refuses %s: in UTC it leaves the years that can be written',
      async (text) => {
        expectRefused(await literal(DateTimeScalar, JSON.stringify(text)), /years 0001 to 9999/);
        expectRefused(await variable(DateTimeScalar, JSON.stringify(text)), /years 0001 to 9999/);
      },
    );
  });

  describe('JSONObject', () => {
    it('takes and gives an object', async () => {
      const value = { a: 1, b: [true, null, { c: 'ü' }], d: 0.5 };
      const expected = { data: { seen: JSON.stringify(value), echo: value } };
      expect(await literal(JsonObjectScalar, '{ a: 1, b: [true, null, { c: "ü" }], d: 0.5 }')).toEqual(expected);
      expect(await variable(JsonObjectScalar, JSON.stringify(value))).toEqual(expected);
    });

    it('takes variables inside of a literal, anew each time', async () => {
      const query =
        'query ($a: String, $absent: String) { echo: echoJSONObject(value: { a: $a, b: [$a, { c: $a }], d: $absent }) }';
      for (const a of ['one', 'two', null]) {
        const { data, errors } = await run(query, { a });
        expect(errors).toBeUndefined();
        expect(JSON.parse(JSON.stringify(data))).toEqual({ echo: { a, b: [a, { c: a }] } });
      }
    });

    it('keeps a member called __proto__ a member', async () => {
      const { data } = await variable(JsonObjectScalar, '{"__proto__":{"polluted":true}}');
      expect(JSON.stringify(data?.['echo'])).toBe('{"__proto__":{"polluted":true}}');
      expect('polluted' in {}).toBe(false);
    });

    it.each(['[]', '[{}]', '"{}"', '1', 'true'])('refuses %s', async (text) => {
      const words = /JSONObject must be an object/;
      expectRefused(await literal(JsonObjectScalar, text), words);
      expectRefused(await variable(JsonObjectScalar, text), words);
    });
  });
});

describe('a whole number beyond what JSON carries', () => {
  it.each([
    [2n ** 53n - 1n, 2 ** 53 - 1],
    [2n ** 53n, 2 ** 53 - 1],
    [10n ** 40n, 2 ** 53 - 1],
    [-(2n ** 53n), -(2 ** 53 - 1)],
    [-(10n ** 40n), -(2 ** 53 - 1)],
  ])('of %p is answered as %p: a page that adds up is never broken by what it comes to', (value, shown) => {
    expect(CreditsScalar.serialize(value)).toBe(shown);
    expect(SafeIntScalar.serialize(value)).toBe(shown);
  });
});

describe('what a resolver returns by mistake', () => {
  it.each([2 ** 53, -(2 ** 53), 0.5, Number.NaN, '5', true])(
    '%p never becomes credits: it is a bug, not a number',
    (value) => {
      expect(() => CreditsScalar.serialize(value)).toThrow('Credits cannot represent');
      expect(() => SafeIntScalar.serialize(value)).toThrow('SafeInt cannot represent');
    },
  );

  it('never becomes an instant unless it is one', () => {
    for (const value of ['2026-01-31T12:00:00Z', 1_769_860_800_000, new Date(Number.NaN)]) {
      expect(() => DateTimeScalar.serialize(value)).toThrow();
    }
  });
});
