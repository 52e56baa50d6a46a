import {
  BREAK,
  getNamedType,
  GraphQLError,
  isAbstractType,
  isScalarType,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import type { DocumentNode, ExecutionResult, GraphQLAbstractType, GraphQLSchema, GraphQLTypeResolver } from 'graphql';
import { compileQuery, isCompiledQuery } from 'graphql-jit';

/** An operation compiled to JavaScript: (root, context, variables) → result. */
export type CompiledOperation = (
  root: unknown,
  context: unknown,
  variables: Record<string, unknown> | null | undefined,
) => Promise<ExecutionResult> | ExecutionResult;

/**
 * Compiles operations of one schema. Compiled code must never throw where graphql-js would have caught: it would
 * leave the request without an answer. So type resolvers are made safe, and documents that compiled code would get
 * wrong stay with graphql-js (`mustBeInterpreted`).
 */
export class Compiler {
  readonly #schema: GraphQLSchema;
  readonly #budget: CompileBudget;

  constructor(schema: GraphQLSchema, compilesPerSecond: number) {
    this.#schema = schema;
    this.#budget = new CompileBudget(compilesPerSecond);
    for (const type of Object.values(schema.getTypeMap())) if (isAbstractType(type)) makeSafe(type);
  }

  /** null: this operation cannot be compiled, ever. undefined: not now, because too many were compiled lately. */
  compile(document: DocumentNode, operationName: string | null): CompiledOperation | null | undefined {
    if (!this.#budget.take()) return undefined;
    if (mustBeInterpreted(this.#schema, document)) return null;
    const compiled = compileQuery(this.#schema, document, operationName ?? undefined, {
      disablingCapturingStackErrors: true,
    });
    return isCompiledQuery(compiled) ? (compiled.query as CompiledOperation) : null;
  }
}

/**
 * Lets values of unions and interfaces say their own type in `__typename`, and only there. type-graphql's own
 * `resolveType` is async, which compiled operations cannot await: call this on its schema, and give every member of a
 * union or interface a `__typename`.
 */
export function resolveTypesByTypename(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (isAbstractType(type)) type.resolveType = (value) => typenameOf(value);
  }
  return schema;
}

/** Errors of compiled code know lines and columns only; gives them back their place in the source. */
export function withSource(error: GraphQLError, document: DocumentNode): GraphQLError {
  const source = document.loc?.source;
  if (source === undefined || error.nodes !== undefined || error.locations === undefined) return error;
  const lineStarts = [0];
  for (const match of source.body.matchAll(/\r\n|[\n\r]/g)) lineStarts.push(match.index + match[0].length);
  const positions = error.locations.map(({ line, column }) => (lineStarts[line - 1] ?? 0) + column - 1);
  return new GraphQLError(error.message, {
    source,
    positions,
    path: error.path ?? null,
    originalError: error.originalError ?? null,
    extensions: error.extensions ?? {},
  });
}

const asyncTypes = new WeakSet<GraphQLAbstractType>();
const safeResolvers = new WeakSet<GraphQLTypeResolver<unknown, unknown>>();

function makeSafe(type: GraphQLAbstractType): void {
  const original = type.resolveType as GraphQLTypeResolver<unknown, unknown> | null | undefined;
  if (!original || safeResolvers.has(original)) return;
  if (original.constructor.name === 'AsyncFunction') {
    asyncTypes.add(type);
    return;
  }
  const safe: GraphQLTypeResolver<unknown, unknown> = (value, context, info, abstractType) => {
    try {
      return original(value, context, info, abstractType);
    } catch {
      return undefined;
    }
  };
  safeResolvers.add(safe);
  type.resolveType = safe;
}

function typenameOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('__typename' in value)) return undefined;
  return typeof value.__typename === 'string' ? value.__typename : undefined;
}

/**
 * Whether compiled code would get this document wrong:
 * - Text that clients write becomes part of the code, where graphql-jit takes some of it for markers of its own and
 *   what follows them for code (`objectStringify`). So none is compiled; text in variables stays text.
 * - Within an object given to a scalar, it forgets variables.
 * - `__proto__` as a name would set a prototype instead of a member.
 * - It cannot await type resolvers.
 */
function mustBeInterpreted(schema: GraphQLSchema, document: DocumentNode): boolean {
  const typeInfo = new TypeInfo(schema);
  let found = false;
  const find = (): typeof BREAK => {
    found = true;
    return BREAK;
  };
  visit(
    document,
    visitWithTypeInfo(typeInfo, {
      StringValue: find,
      Name: ({ value }) => (value === '__proto__' ? find() : undefined),
      ObjectValue: () => (isScalarType(getNamedType(typeInfo.getInputType())) ? find() : undefined),
      Field() {
        const type = getNamedType(typeInfo.getType());
        return isAbstractType(type) && asyncTypes.has(type) ? find() : undefined;
      },
    }),
  );
  return found;
}

/** A bucket that fills again steadily. */
class CompileBudget {
  readonly #perSecond: number;
  #left: number;
  #sinceMs = performance.now();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#left = perSecond;
  }

  take(): boolean {
    const nowMs = performance.now();
    this.#left = Math.min(this.#perSecond, this.#left + ((nowMs - this.#sinceMs) / 1000) * this.#perSecond);
    this.#sinceMs = nowMs;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
