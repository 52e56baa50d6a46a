/** Everything that the ledger's SQL needs to know of a table, from the one description that the table has. */
import {
  BigIntType,
  BlobType,
  BooleanType,
  DateTimeType,
  type InferEntity,
  IntegerType,
  JsonType,
  SmallIntType,
  TextType,
  UuidType,
} from '@mikro-orm/core';
import { columnName } from '../../db/columns.ts';
import { type ColumnValue, checksum } from './checksum.ts';

/** A column as it is written: its name, its type, and the value that a row has there. */
export type Column<Row> = readonly [name: string, type: string, value: (row: Row) => ColumnValue];

/** The part of `defineEntity`'s result that SQL needs. */
interface Description {
  readonly meta: { readonly tableName?: string; readonly properties: object };
}

type Property<D> = string & keyof InferEntity<D>;

/** Properties that a row has under the same name and with the same values, so that they need no codec. */
type Plain<D, Row> = {
  [Key in Property<D>]: Key extends keyof Row
    ? [InferEntity<D>[Key], Extract<Row[Key], null>, Row[Key]] extends [Row[Key], InferEntity<D>[Key], ColumnValue]
      ? Key
      : never
    : never;
}[Property<D>];

type SnakeCase<Text extends string> = Text extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${SnakeCase<Rest>}`
  : '';

/** Columns that say something of the row itself. The rules know neither, and no checksum covers them. */
type OfTheRow = 'checksum' | 'stamp';
const OF_THE_ROW: readonly string[] = ['checksum', 'stamp'] satisfies OfTheRow[];

/** A row of a table, as a statement gives it that selects `columns`. */
export type StoredRow<D, Unread extends string = never> = {
  [Key in Exclude<Property<D>, Unread | OfTheRow> as SnakeCase<Key>]: InferEntity<D>[Key];
};

/** A codec: the values that the database spells otherwise than the rules do. */
interface Codec<D extends Description, Read, Written, Unread extends string> {
  /** The name of the table in statements that select `columns`. */
  readonly alias: string;
  /** The values of columns that are no plain property of a row. */
  readonly write: Readonly<Record<Exclude<Property<D>, Plain<D, Written> | OfTheRow>, (row: Written) => ColumnValue>>;
  /** The properties of a row that are no plain columns. */
  readonly read: (stored: StoredRow<D, Unread>) => Omit<Read, Plain<D, Written>>;
  /** Columns that only statements read, never the rules. */
  readonly unread?: readonly (Unread & Property<D>)[];
  /**
   * Columns that were added when there were checksums already, release by release, and stand last. A row has the checksum of
   * the first release that had all of its columns that are not null, 0 or false.
   */
  readonly later?: readonly (readonly Property<D>[])[];
}

/** A table, described once. Its lists are made when the module is loaded, so that no row pays for them. */
export interface Table<Read, Written, Stored> {
  /** The select list: every column that the rules read. */
  readonly columns: string;
  /** Every column that has a value of its own. */
  readonly unchecked: readonly Column<Written>[];
  /** Every column. The last one is the checksum, where the table has one, and covers all others in this order. */
  readonly written: readonly Column<Written>[];
  readonly checksumOf: (row: Written) => string;
  readonly toRow: (stored: Stored) => Read;
}

/** Derives a table's lists from its description. `Read` is a row as it is loaded, `Written` one as it is written. */
export function tableOf<Read extends object, Written extends Read = Read>() {
  return <D extends Description, Unread extends string = never>(
    description: D,
    codec: Codec<D, Read, Written, Unread>,
  ): Table<Read, Written, StoredRow<D, Unread>> => {
    const { alias, read, later = [], unread = [] } = codec;
    const write: Readonly<Partial<Record<string, (row: Written) => ColumnValue>>> = codec.write;
    const properties = Object.keys(description.meta.properties).filter((name) => !OF_THE_ROW.includes(name));
    const columnOf = (name: string): Column<Written> => [
      columnName(name),
      typeOf(description, name),
      write[name] ?? ((row) => row[name as keyof Written] as ColumnValue),
    ];
    const releases: readonly (readonly string[])[] = later;
    const first = properties.filter((name) => !releases.flat().includes(name)).map(columnOf);
    const added = releases.map((names) => names.map(columnOf));
    const unchecked = [...first, ...added.flat()];
    const checksumOf = (row: Written): string => {
      const values = [first, ...added].map((columns) => columns.map(([, , value]) => value(row)));
      while (values.length > 1 && values.at(-1)?.every((value) => isNothing(value))) values.pop();
      return checksum(values.flat());
    };
    const hasChecksum = 'checksum' in description.meta.properties;
    const loaded = properties.filter((name) => !(unread as readonly string[]).includes(name));
    const plain = loaded.filter((name) => write[name] === undefined).map((name) => [name, columnName(name)] as const);
    return {
      columns: loaded.map((name) => `${alias}.${columnName(name)}`).join(', '),
      unchecked,
      written: hasChecksum ? [...unchecked, ['checksum', 'bytea', checksumOf]] : unchecked,
      checksumOf,
      toRow: (stored) => {
        const row = read(stored) as Record<string, unknown>;
        for (const [name, column] of plain) row[name] = (stored as Readonly<Record<string, unknown>>)[column];
        return row as Read;
      },
    };
  };
}

function isNothing(value: ColumnValue): boolean {
  return value === null || value === 0n || value === false;
}

/** The columns of these names alone. */
export function only<Row>(columns: readonly Column<Row>[], names: readonly string[]): readonly Column<Row>[] {
  return columns.filter(([name]) => names.includes(name));
}

const TYPES = new Map<unknown, string>([
  [UuidType, 'uuid'],
  [TextType, 'text'],
  [BigIntType, 'bigint'],
  [IntegerType, 'int'],
  [SmallIntType, 'smallint'],
  [BooleanType, 'boolean'],
  [DateTimeType, 'timestamptz'],
  [JsonType, 'jsonb'],
  [BlobType, 'bytea'],
]);

function typeOf({ meta }: Description, name: string): string {
  const property = (
    meta.properties as Readonly<Record<string, { columnTypes?: string[]; columnType?: string; type?: object }>>
  )[name];
  // A type is given as its class, or as an object of it.
  const { columnTypes, columnType, type } = property ?? {};
  const found = columnTypes?.[0] ?? columnType ?? TYPES.get(type) ?? TYPES.get(type?.constructor);
  if (found === undefined) throw new Error(`column ${name} of ${meta.tableName} has a type that SQL does not know`);
  return found;
}
