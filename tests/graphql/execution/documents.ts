/** Valid documents over a schema, made at random: directives, fragments, aliases, variables in every place. */
import {
  type GraphQLArgument,
  type GraphQLCompositeType,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isUnionType,
  Kind,
  parse,
  visit,
} from 'graphql';

/** One way to run one operation of a document. */
export interface Run {
  readonly operationName: string;
  readonly kind: 'query' | 'mutation' | 'subscription';
  readonly variables: Record<string, unknown>;
}

export interface MadeDocument {
  readonly source: string;
  readonly runs: readonly Run[];
}

interface Variable {
  readonly name: string;
  readonly type: GraphQLInputType;
  /** As written; null: none. */
  readonly defaultValue: string | null;
}

interface Fragment {
  readonly name: string;
  readonly type: GraphQLCompositeType;
  readonly text: string;
}

/** A whole number from 0 to this, at random. */
export type UpTo = (most: number) => number;

/** A document with one to three operations, and a handful of ways to run them. Fields named in `without` are left out. */
export function makeDocument(upTo: UpTo, schema: GraphQLSchema, without: ReadonlySet<string>): MadeDocument {
  return new DocumentMaker(upTo, schema, without).make();
}

const KINDS = ['query', 'mutation', 'query', 'subscription', 'mutation'] as const;

class DocumentMaker {
  readonly #upTo: UpTo;
  readonly #schema: GraphQLSchema;
  readonly #without: ReadonlySet<string>;
  readonly #variables = new Map<string, Variable>();
  readonly #fragments: Fragment[] = [];
  #aliases = 0;
  #names = 0;

  constructor(upTo: UpTo, schema: GraphQLSchema, without: ReadonlySet<string>) {
    this.#upTo = upTo;
    this.#schema = schema;
    this.#without = without;
  }

  make(): MadeDocument {
    const bodies = Array.from({ length: this.#upTo(2) + 1 }, (_, at) => this.#operation(`O${at}`));
    const fragments = this.#fragments.map(({ name, type, text }) => `fragment ${name} on ${type.name} ${text}`);
    const operations = bodies.map(({ name, kind, text }) => {
      const used = this.#usedBy(text, fragments);
      const definitions = used.map(
        (each) => `$${each.name}: ${String(each.type)}${each.defaultValue === null ? '' : ` = ${each.defaultValue}`}`,
      );
      return {
        name,
        kind,
        used,
        text: `${kind} ${name}${definitions.length > 0 ? `(${definitions.join(', ')})` : ''} ${text}`,
      };
    });
    const spread = new Set(fragments.concat(bodies.map(({ text }) => text)).flatMap(spreadsIn));
    const source = [
      ...operations.map(({ text }) => text),
      ...fragments.filter((_text, at) => spread.has(this.#fragments[at]?.name as string)),
    ].join('\n');
    const runs = Array.from({ length: 3 + this.#upTo(3) }, (): Run => {
      const { name, kind, used } = this.#pick(operations);
      return { operationName: name, kind, variables: this.#values(used) };
    });
    return { source, runs };
  }

  #operation(name: string): { name: string; kind: Run['kind']; text: string } {
    const kind = this.#pick(KINDS);
    if (kind === 'subscription') {
      // A subscription has one root field, without a directive.
      const root = this.#schema.getSubscriptionType() as GraphQLObjectType;
      return { name, kind, text: `{ ${this.#field(root, 3, { plain: true })} }` };
    }
    const root = (kind === 'query' ? this.#schema.getQueryType() : this.#schema.getMutationType()) as GraphQLObjectType;
    return { name, kind, text: this.#selection(root, 3) };
  }

  #selection(type: GraphQLCompositeType, depth: number): string {
    const parts = Array.from({ length: 1 + this.#upTo(3) }, () => this.#part(type, depth));
    return `{ ${parts.join(' ')} }`;
  }

  #part(type: GraphQLCompositeType, depth: number): string {
    const chosen = this.#upTo(9);
    if (chosen < 2 && depth > 0) return this.#inlineFragment(type, depth);
    if (chosen < 4 && depth > 0) return this.#spread(type, depth);
    return this.#field(type, depth, { plain: false });
  }

  #inlineFragment(type: GraphQLCompositeType, depth: number): string {
    const on = this.#chance(30) ? null : this.#narrowed(type);
    return `... ${on === null ? '' : `on ${on.name} `}${this.#directives()}${this.#selection(on ?? type, depth - 1)}`;
  }

  #spread(type: GraphQLCompositeType, depth: number): string {
    const known = this.#fragments.filter((each) => this.#overlap(each.type, type));
    const fragment = known.length > 0 && this.#chance(50) ? this.#pick(known) : this.#makeFragment(type, depth);
    return `...${fragment.name} ${this.#directives()}`;
  }

  /** Known only when it is complete, so that none leads to itself. */
  #makeFragment(type: GraphQLCompositeType, depth: number): Fragment {
    const on = this.#narrowed(type);
    const text = this.#selection(on, depth - 1);
    const fragment = { name: `F${(this.#names += 1)}`, type: on, text };
    this.#fragments.push(fragment);
    return fragment;
  }

  #narrowed(type: GraphQLCompositeType): GraphQLCompositeType {
    if (!isAbstractType(type)) return type;
    return this.#pick([type, ...this.#schema.getPossibleTypes(type)]);
  }

  #overlap(one: GraphQLCompositeType, other: GraphQLCompositeType): boolean {
    if (one === other) return true;
    if (isAbstractType(one)) return !isAbstractType(other) && this.#schema.isSubType(one, other);
    return isAbstractType(other) && this.#schema.isSubType(other, one);
  }

  #field(type: GraphQLCompositeType, depth: number, { plain }: { plain: boolean }): string {
    const fields = isUnionType(type)
      ? []
      : Object.values(type.getFields()).filter(
          (field) =>
            !this.#without.has(`${type.name}.${field.name}`) &&
            (depth > 0 || !isCompositeType(getNamedType(field.type))),
        );
    if (fields.length === 0 || (!plain && this.#chance(6))) return `__typename ${plain ? '' : this.#directives()}`;
    const field = this.#pick(fields);
    const named = getNamedType(field.type);
    const args = field.args.map((arg) => this.#argument(arg)).filter((text) => text !== null);
    // Fields of one response key are merged, for which they must be alike: those with arguments have a key of their own.
    const alias = plain || (field.args.length === 0 && this.#chance(75)) ? '' : `a${(this.#aliases += 1)}: `;
    const inner = isCompositeType(named) ? this.#selection(named, depth - 1) : '';
    return `${alias}${field.name}${args.length > 0 ? `(${args.join(', ')})` : ''} ${plain ? '' : this.#directives()}${inner}`;
  }

  #directives(): string {
    if (!this.#chance(40)) return '';
    const names = this.#chance(15) ? ['include', 'skip'] : [this.#pick(['include', 'skip'])];
    const boolean = this.#schema.getDirective('skip')?.args[0] as GraphQLArgument;
    return names.map((name) => `@${name}(if: ${this.#written(boolean.type, { hasDefault: false })}) `).join('');
  }

  /** An argument or a member of an input object; null: left out. */
  #argument({ name, type, defaultValue }: GraphQLArgument | GraphQLInputField, depth = 2): string | null {
    const hasDefault = defaultValue !== undefined;
    if ((hasDefault || !isNonNullType(type)) && this.#chance(depth < 2 ? 60 : 30)) return null;
    return `${name}: ${this.#written(type, { hasDefault }, depth)}`;
  }

  /** A variable, or a literal with or without variables in it. */
  #written(type: GraphQLInputType, { hasDefault }: { hasDefault: boolean }, depth = 2): string {
    return this.#chance(45) ? `$${this.#variableFor(type, hasDefault).name}` : this.#literal(type, depth);
  }

  #literal(type: GraphQLInputType, depth: number): string {
    return !isNonNullType(type) && this.#chance(12) ? 'null' : this.#nonNull(type, depth, false);
  }

  #nonNull(type: GraphQLInputType, depth: number, isConstant: boolean): string {
    if (isNonNullType(type)) return this.#nonNull(type.ofType, depth, isConstant);
    const written = (inner: GraphQLInputType): string =>
      isConstant ? this.#nonNull(inner, depth - 1, true) : this.#written(inner, { hasDefault: false }, depth - 1);
    if (isListType(type)) {
      // One item stands for a list of one; of lists of lists it would stand for what no variable within fits.
      if (!isListType(getNullableType(type.ofType)) && this.#chance(15)) {
        return this.#nonNull(type.ofType, depth, isConstant);
      }
      return `[${Array.from({ length: depth > 0 ? this.#upTo(3) : 0 }, () => written(type.ofType)).join(', ')}]`;
    }
    if (isInputObjectType(type)) {
      const members = Object.values(type.getFields()).map((field) => {
        const mustBe = isNonNullType(field.type) && field.defaultValue === undefined;
        if (depth <= 0 && !mustBe) return null;
        if (isConstant) return mustBe || this.#chance(40) ? `${field.name}: ${written(field.type)}` : null;
        return this.#argument(field, depth - 1);
      });
      return `{ ${members.filter((text) => text !== null).join(', ')} }`;
    }
    if (isEnumType(type)) return this.#pick(type.getValues()).name;
    const value = this.#scalar(type.name);
    return typeof value === 'string' ? JSON.stringify(value) : String(value);
  }

  #scalar(name: string): unknown {
    if (name === 'Boolean') return this.#chance(50);
    if (name === 'String') return this.#pick(['', 'a', 'b $c', '"', 'é', '__proto__']);
    return this.#upTo(9);
  }

  #variableFor(location: GraphQLInputType, hasDefault: boolean): Variable {
    const fitting = [...this.#variables.values()].filter(({ type, defaultValue }) => {
      if (String(type) === String(location)) return true;
      if (!isNonNullType(location)) return String(type) === `${String(location)}!`;
      return String(type) === String(location.ofType) && (hasDefault || defaultValue !== null);
    });
    if (fitting.length > 0 && this.#chance(60)) return this.#pick(fitting);
    const nullable = isNonNullType(location) ? location.ofType : location;
    const mayBeNullable = !isNonNullType(location) || hasDefault;
    const type = this.#chance(mayBeNullable ? 85 : 30) ? nullable : location;
    const mustHaveDefault = !isNonNullType(type) && !mayBeNullable;
    const defaultValue = mustHaveDefault || this.#chance(35) ? this.#nonNull(type, 1, true) : null;
    const variable = { name: `v${this.#variables.size}`, type, defaultValue };
    this.#variables.set(variable.name, variable);
    return variable;
  }

  #values(used: readonly Variable[]): Record<string, unknown> {
    const values: Record<string, unknown> = {};
    for (const { name, type, defaultValue } of used) {
      const mayBeAbsent = defaultValue !== null || !isNonNullType(type);
      if (this.#chance(mayBeAbsent ? 40 : 2)) continue;
      if (this.#chance(isNonNullType(type) ? 1 : 20)) values[name] = null;
      else values[name] = this.#chance(1) ? { wrong: true } : this.#value(type, 2);
    }
    return values;
  }

  #value(type: GraphQLInputType, depth: number): unknown {
    if (isNonNullType(type)) return this.#value(type.ofType, depth);
    const orNull = (inner: GraphQLInputType): unknown =>
      !isNonNullType(inner) && this.#chance(20) ? null : this.#value(inner, depth - 1);
    if (isListType(type)) {
      if (this.#chance(15)) return this.#value(type.ofType, depth);
      return Array.from({ length: depth > 0 ? this.#upTo(3) : 0 }, () => orNull(type.ofType));
    }
    if (isInputObjectType(type)) {
      const members = Object.values(type.getFields()).filter(
        (field) => (isNonNullType(field.type) && field.defaultValue === undefined) || (depth > 0 && this.#chance(45)),
      );
      return Object.fromEntries(members.map((field) => [field.name, orNull(field.type)]));
    }
    return isEnumType(type) ? this.#pick(type.getValues()).name : this.#scalar(type.name);
  }

  /** The variables of an operation and of every fragment that it leads to. */
  #usedBy(text: string, fragments: readonly string[]): Variable[] {
    const seen = new Set<string>();
    const names = new Set<string>();
    const look = (part: string): void => {
      for (const name of variablesIn(part)) names.add(name);
      for (const spread of spreadsIn(part)) {
        if (seen.has(spread)) continue;
        seen.add(spread);
        look(fragments[this.#fragments.findIndex(({ name }) => name === spread)] as string);
      }
    };
    look(text);
    return [...this.#variables.values()].filter(({ name }) => names.has(name));
  }

  #chance(percent: number): boolean {
    return this.#upTo(99) < percent;
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#upTo(items.length - 1)] as T;
  }
}

function variablesIn(text: string): string[] {
  const names: string[] = [];
  visit(parse(text), { Variable: ({ name }) => void names.push(name.value) });
  return names;
}

function spreadsIn(text: string): string[] {
  const names: string[] = [];
  visit(parse(text), { [Kind.FRAGMENT_SPREAD]: (node) => void names.push(node.name.value) });
  return names;
}
