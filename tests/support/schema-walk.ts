/** Documents that ask for everything a schema leads to, made from the schema: what is new in it is walked by itself. */
import {
  getNamedType,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  isEnumType,
  isObjectType,
  isRequiredArgument,
  isScalarType,
} from 'graphql';

export interface WalkOptions {
  readonly schema: GraphQLSchema;
  /** How often a type may stand on one path, so that circles end. */
  readonly visits: number;
  /** Rows of each page, by how many pages stand above it; the last holds for all deeper ones. */
  readonly rows: readonly number[];
  /** `Type.field` → its arguments, as written. Several: it is asked for with each. Of a field not named here: none. */
  readonly args: Readonly<Record<string, readonly string[]>>;
}

/** Fields whose arguments nobody said: the walk would pass them over. */
class UnknownArguments extends Error {
  constructor(field: string) {
    super(`${field} needs arguments: say in the walk's table what to ask it for`);
  }
}

/** The selection of everything that a field leads to, `{ … }` included; empty for one that gives no object. @throws UnknownArguments */
export function everythingUnder(field: GraphQLField<unknown, unknown>, options: WalkOptions): string {
  return new Walker(options).under(field, { visits: new Map(), pages: 0 }) ?? '';
}

interface Place {
  readonly visits: ReadonlyMap<string, number>;
  readonly pages: number;
}

class Walker {
  readonly #options: WalkOptions;

  constructor(options: WalkOptions) {
    this.#options = options;
  }

  object(type: GraphQLObjectType, place: Place): string | null {
    const visited = (place.visits.get(type.name) ?? 0) + 1;
    // Edges and pages are no stations of their own: they are there once for each list.
    const isListPart = type.name.endsWith('Edge') || type.name.endsWith('Connection') || type.name === 'PageInfo';
    if (!isListPart && visited > this.#options.visits) return null;
    const inner = { ...place, visits: new Map(place.visits).set(type.name, visited) };
    const fields = Object.values(type.getFields()).flatMap((field) => this.#field(type, field, inner));
    return fields.length === 0 ? null : `{ __typename ${fields.join(' ')} }`;
  }

  under(field: GraphQLField<unknown, unknown>, place: Place): string | null {
    const type = getNamedType(field.type);
    if (isScalarType(type) || isEnumType(type)) return '';
    if (isObjectType(type)) return this.object(type, place);
    const members = this.#options.schema.getPossibleTypes(type).flatMap((member) => {
      const selection = this.object(member, place);
      // Members may have fields of one name and of different types, which one answer cannot hold.
      return selection === null ? [] : `... on ${member.name} ${renamed(member.name, selection)}`;
    });
    return `{ __typename ${members.join(' ')} }`;
  }

  #field(parent: GraphQLObjectType, field: GraphQLField<unknown, unknown>, place: Place): string[] {
    const isPage = field.args.some(({ name }) => name === 'first');
    const selection = this.under(field, { ...place, pages: place.pages + (isPage ? 1 : 0) });
    if (selection === null) return [];
    const said = this.#options.args[`${parent.name}.${field.name}`];
    if (said === undefined && field.args.some(isRequiredArgument)) {
      throw new UnknownArguments(`${parent.name}.${field.name}`);
    }
    const rows = isPage ? `first: ${this.#options.rows[place.pages] ?? this.#options.rows.at(-1)}` : '';
    // What is asked for below the first station is asked for in one way only.
    const ways = (said ?? ['']).slice(0, (place.visits.get(parent.name) ?? 1) === 1 ? undefined : 1);
    return ways.map((way, index) => {
      const args = [rows, way].filter((each) => each !== '').join(', ');
      const alias = ways.length > 1 ? `${field.name}_${index}: ` : '';
      return `${alias}${field.name}${args === '' ? '' : `(${args})`} ${selection}`.trim();
    });
  }
}

/** The fields directly in a selection, each under a name of its type's own. */
function renamed(type: string, selection: string): string {
  let depth = 0;
  let round = 0;
  /** True behind an alias: the name that follows is the field's own. */
  let named = false;
  return selection.replace(/[{}()]|[A-Za-z_]\w*:?/g, (token) => {
    if (token === '{') depth += 1;
    else if (token === '}') depth -= 1;
    else if (token === '(') round += 1;
    else if (token === ')') round -= 1;
    else if (depth === 1 && round === 0 && token !== '__typename') {
      const isNamed = named;
      named = token.endsWith(':');
      if (named) return `${type}_${token}`;
      return isNamed ? token : `${type}_${token}: ${token}`;
    }
    return token;
  });
}
