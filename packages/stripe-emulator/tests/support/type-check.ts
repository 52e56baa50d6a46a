import ts from 'typescript';

/** `json`: as answered. `form`: as sent, where everything is text and the empty text unsets. */
export type Reading = 'json' | 'form';

interface Property {
  readonly name: string;
  readonly type: ts.Type;
  readonly optional: boolean;
}

interface Place {
  readonly path: string;
  readonly reading: Reading;
}

/** Compares values with types of TypeScript, which are read as they are needed and then remembered. */
export class TypeCheck {
  readonly #checker: ts.TypeChecker;
  readonly #properties = new Map<ts.Type, readonly Property[]>();

  constructor(checker: ts.TypeChecker) {
    this.#checker = checker;
  }

  /** Lists the places at which the value is not of the type. */
  differences(value: unknown, type: ts.Type, reading: Reading): string[] {
    return this.#compare(value, type, { path: nameOf(type), reading });
  }

  /** The word that a property must be, such as `object`; null: it may be several, or none. */
  literalOf(type: ts.Type, name: string): string | null {
    const property = type.getProperty(name);
    const literal = property === undefined ? null : this.#checker.getTypeOfSymbol(property);
    return literal?.isStringLiteral() === true ? literal.value : null;
  }

  /** The type below a name, through lists and optional values; null: there is no such name. */
  propertyOf(type: ts.Type, name: string): ts.Type | null {
    for (const member of membersOf(type)) {
      const element = this.#elementOf(member);
      const found = element === null ? this.#propertiesOf(member).find((each) => each.name === name)?.type : null;
      const below = element === null ? (found ?? null) : this.propertyOf(element, name);
      if (below !== null) return below;
      const index = element === null && isObject(member) ? member.getStringIndexType() : undefined;
      if (index !== undefined) return index;
    }
    return null;
  }

  /** True when a parameter may be a single text, a list of them or a map of free names. */
  takesText(type: ts.Type): boolean {
    return membersOf(type).some((member) => {
      const element = this.#elementOf(member);
      if (element !== null) return this.takesText(element);
      if (!isObject(member)) return (member.flags & ts.TypeFlags.Null) === 0 && !isLiteral(member, '');
      return member.getStringIndexType() !== undefined;
    });
  }

  #compare(value: unknown, type: ts.Type, place: Place): string[] {
    const members = membersOf(type);
    if (members.some((each) => (each.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) !== 0)) return [];
    if (value === null) return has(members, ts.TypeFlags.Null) ? [] : [`${place.path}: null`];
    if (has(members, ts.TypeFlags.Void)) return JSON.stringify(value) === '{}' ? [] : [mismatch(value, type, place)];
    if (typeof value !== 'object') return this.#fitsScalar(value, members, place) ? [] : [mismatch(value, type, place)];
    const candidates = this.#candidates(value, members.filter(isObject), place.reading);
    const attempts = candidates.map((each) => this.#compareObject(value, each, place));
    const [best] = attempts.toSorted((a, b) => a.length - b.length);
    return best ?? [mismatch(value, type, place)];
  }

  #fitsScalar(value: unknown, members: readonly ts.Type[], { reading }: Place): boolean {
    const literals = members.filter((each) => each.isStringLiteral()).map((each) => each.value);
    if (typeof value === 'string') {
      if (literals.includes(value) || has(members, ts.TypeFlags.String)) return true;
      if (members.some(isDecimal) && /^-?\d+(\.\d+)?$/.test(value)) return true;
      // A word that the SDK leaves open is no reason to take any: where some are listed, it must be one of them.
      if (literals.length === 0 && members.some(isOpenString)) return true;
      if (reading === 'json') return false;
      const isList = members.some((each) => this.#elementOf(each) !== null);
      if (value === '' && (isList || members.some(isObject))) return true;
      if (/^-?\d+(\.\d+)?$/.test(value) && has(members, ts.TypeFlags.NumberLike)) return true;
      return ['true', 'false'].includes(value) && has(members, ts.TypeFlags.BooleanLike);
    }
    if (typeof value === 'number') return has(members, ts.TypeFlags.Number);
    if (typeof value !== 'boolean') return false;
    return members.some(
      (each) => (each.flags & ts.TypeFlags.BooleanLike) !== 0 && this.#checker.typeToString(each) !== String(!value),
    );
  }

  /** Members whose words (`object`, `deleted`, `type`) say that the value is one of them; all, if none says so. */
  #candidates(value: object, members: readonly ts.Type[], reading: Reading): readonly ts.Type[] {
    if (members.length < 2 || reading === 'form') return members;
    const fits = members.filter((member) =>
      ['object', 'type', 'deleted'].every((name) => {
        const property = member.getProperty(name);
        const type = property === undefined ? null : this.#checker.getTypeOfSymbol(property);
        if (type?.isStringLiteral() === true) return (value as Record<string, unknown>)[name] === type.value;
        const isTrue = type !== null && this.#checker.typeToString(type) === 'true';
        return !isTrue || (value as Record<string, unknown>)[name] === true;
      }),
    );
    return fits.length === 0 ? members : fits;
  }

  #compareObject(value: object, type: ts.Type, place: Place): string[] {
    const element = this.#elementOf(type);
    if (element !== null) {
      const list = listOf(value, place.reading);
      if (list === null) return [mismatch(value, type, place)];
      return list.flatMap((each) => this.#compare(each, element, { ...place, path: `${place.path}[]` }));
    }
    if (Array.isArray(value)) return [mismatch(value, type, place)];
    const properties = this.#propertiesOf(type);
    const index = type.getStringIndexType();
    const given = value as Record<string, unknown>;
    const known = new Map(properties.map((each) => [each.name, each]));
    const missing = properties
      .filter((each) => !each.optional && !Object.hasOwn(given, each.name))
      .map((each) => `${place.path}.${each.name}: missing`);
    const wrong = Object.entries(given).flatMap(([name, each]) => {
      const expected = known.get(name)?.type ?? index;
      const path = `${place.path}.${name}`;
      return expected === undefined ? [`${path}: unknown`] : this.#compare(each, expected, { ...place, path });
    });
    return [...missing, ...wrong];
  }

  #elementOf(type: ts.Type): ts.Type | null {
    if (!this.#checker.isArrayType(type)) return null;
    return this.#checker.getTypeArguments(type as ts.TypeReference)[0] ?? null;
  }

  #propertiesOf(type: ts.Type): readonly Property[] {
    const known = this.#properties.get(type);
    if (known !== undefined) return known;
    const properties = type.getProperties().flatMap((symbol): Property[] => {
      const inner = this.#checker.getTypeOfSymbol(symbol);
      // `fetchRelatedObject()` and its like are the SDK's own.
      if (inner.getCallSignatures().length > 0) return [];
      const optional = (symbol.flags & ts.SymbolFlags.Optional) !== 0;
      return [{ name: symbol.name, type: inner, optional }];
    });
    this.#properties.set(type, properties);
    return properties;
  }
}

function membersOf(type: ts.Type): readonly ts.Type[] {
  return type.isUnion() ? type.types : [type];
}

function isLiteral(type: ts.Type, value: string): boolean {
  return type.isStringLiteral() && type.value === value;
}

function has(members: readonly ts.Type[], flag: ts.TypeFlags): boolean {
  return members.some((each) => (each.flags & flag) !== 0);
}

function isObject(type: ts.Type): boolean {
  return (type.flags & ts.TypeFlags.Object) !== 0 && !isDecimal(type);
}

/** `string & Record<never, never>`: any word besides those that are listed. */
function isOpenString(type: ts.Type): boolean {
  return type.isIntersection() && type.types.some((each) => (each.flags & ts.TypeFlags.String) !== 0);
}

function isDecimal(type: ts.Type): boolean {
  return type.aliasSymbol?.name === 'Decimal' || (type.isIntersection() && type.types.some(isDecimalClass));
}

function isDecimalClass(type: ts.Type): boolean {
  return type.getSymbol()?.name === 'DecimalImpl';
}

/** In a form a list may come as numbered names. */
function listOf(value: object, reading: Reading): unknown[] | null {
  if (Array.isArray(value)) return [...(value as readonly unknown[])];
  if (reading === 'json' || !Object.keys(value).every((name) => /^\d+$/.test(name))) return null;
  return Object.values(value as Record<string, unknown>);
}

function nameOf(type: ts.Type): string {
  return (type.aliasSymbol ?? type.getSymbol())?.name ?? 'value';
}

function mismatch(value: unknown, type: ts.Type, { path }: Place): string {
  return `${path}: ${(JSON.stringify(value) ?? 'undefined').slice(0, 60)} is no ${nameOf(type)}`;
}
