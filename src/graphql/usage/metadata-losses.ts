/** Metadata is stored as it was sent, or refused: these functions find what reading it has lost. */
import type { OperationDefinitionNode, TypeNode, ValueNode } from 'graphql';
import { Kind } from 'graphql';
import { strikeText } from '../../kernel/log.ts';
import { isKept, type LostAt } from '../../kernel/sent-json.ts';
import type { SentVariables } from '../request/context.ts';
import { literalOf } from '../types/scalars.ts';

/** The request that metadata came in. */
interface Source {
  /** undefined: its text was not kept, and nothing is known of it. */
  readonly sent: SentVariables | undefined;
  readonly operation: OperationDefinitionNode;
}

/** The first thing that was lost of metadata, in words for its sender; undefined: it is as it was sent. */
export function lostOf(
  metadata: Readonly<Record<string, unknown>> | null | undefined,
  source: Source,
): string | undefined {
  if (metadata === undefined) return undefined;
  if (metadata === null) {
    return source.sent?.json.endsInNull === true ? worded({ loss: 'twice', path: [] }) : undefined;
  }
  const literal = literalOf(metadata);
  const lost = literal === null ? source.sent?.json.lossIn(metadata) : lossInLiteral(literal, [], source);
  return lost ? worded(lost) : undefined;
}

type Path = LostAt['path'];

/** `type`: a variable of a type that is not kept as it is sent. */
interface LostInLiteral extends Omit<LostAt, 'loss'> {
  readonly loss: LostAt['loss'] | 'type';
}

function lossInLiteral(node: ValueNode, path: Path, source: Source): LostInLiteral | null {
  switch (node.kind) {
    case Kind.INT:
    case Kind.FLOAT:
      return isKept(node.value) ? null : { loss: 'number', path };
    case Kind.LIST:
      return first(node.values, (value, index) => lossInLiteral(value, [...path, index], source));
    case Kind.OBJECT:
      return first(node.fields, ({ name, value }) => lossInLiteral(value, [...path, name.value], source));
    case Kind.VARIABLE:
      return lossInVariable(node.name.value, path, source);
    case Kind.STRING:
    case Kind.BOOLEAN:
    case Kind.NULL:
    case Kind.ENUM:
      return null;
  }
}

function first<T>(items: readonly T[], find: (item: T, index: number) => LostInLiteral | null): LostInLiteral | null {
  for (const [index, item] of items.entries()) {
    const lost = find(item, index);
    if (lost !== null) return lost;
  }
  return null;
}

/** A variable inside of a literal. One that was not sent has its default, which is a literal as well. */
function lossInVariable(name: string, path: Path, source: Source): LostInLiteral | null {
  const { sent, operation } = source;
  const { type, defaultValue } =
    operation.variableDefinitions?.find(({ variable }) => variable.name.value === name) ?? {};
  const typeName = type && nameOf(type);
  const values = sent?.values ?? {};
  const isSent = Object.hasOwn(values, name);
  if (typeName === undefined || (!isSent && defaultValue === undefined)) return null;
  if (!JSON_TYPES.has(typeName)) return { loss: 'type', path };
  if (isSent) {
    const lost = sent?.json.lossInMember(values, name) ?? null;
    return lost && { ...lost, path: [...path, ...lost.path] };
  }
  // Of the others the default is kept whole: an ID is text, and an Int has few digits.
  const mayLose = defaultValue !== undefined && (typeName === 'Float' || typeName === 'JSONObject');
  return mayLose ? lossInLiteral(defaultValue, path, source) : null;
}

/** The types of variables that are kept as JSON. Others become values of our own: an instant of any zone becomes one in UTC. */
const JSON_TYPES: ReadonlySet<string> = new Set(['JSONObject', 'String', 'Boolean', 'Int', 'Float', 'ID']);

function nameOf(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : nameOf(type.type);
}

/** Longer paths are cut. */
const LONGEST_PLACE = 200;

function worded({ loss, path }: LostInLiteral): string {
  const place = `metadata${path.map(step).join('')}`;
  // A name may be anything, also what must not be repeated.
  const shown = strikeText(place.length > LONGEST_PLACE ? `${place.slice(0, LONGEST_PLACE).toWellFormed()}…` : place);
  switch (loss) {
    case 'number':
      return `${shown} is a number that would not come back as it was sent: send it as a string`;
    case 'twice':
      return `${shown} was sent more than once in one object: send it once`;
    case 'text':
      return `${shown} is not well-formed UTF-8`;
    case 'type':
      return `${shown} is a variable of a type that is not kept as it is sent: ${TYPES_TAKEN}`;
  }
}

const TYPES_TAKEN = `declare it as ${[...JSON_TYPES].join(', ').replace(/, (?=\w+$)/, ' or ')}`;

function step(key: string | number): string {
  if (typeof key === 'number') return `[${key}]`;
  return /^[A-Za-z_]\w*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}
