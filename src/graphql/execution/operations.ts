import { createSourceEventStream, execute, GraphQLError, Kind, OperationTypeNode, parse, validate } from 'graphql';
import type { DocumentNode, ExecutionResult, GraphQLSchema, OperationDefinitionNode } from 'graphql';
import type { Limits } from '../../config/limits.ts';
import { BoundedCache } from '../../kernel/bounded-cache.ts';
import { type Log, strikeText } from '../../kernel/log.ts';
import { costOf, planCost } from './cost.ts';
import type { CostPlan } from './cost.ts';
import { brief, codedError, executionError, thrownError } from './errors.ts';
import { mapEvents } from './events.ts';
import { brokenLimit, isLongerThan } from './limits.ts';
import { SharedResults } from './shared-results.ts';

/** A client's request, the same over HTTP and WebSocket. */
export interface OperationRequest {
  readonly query: string;
  readonly operationName?: string | null | undefined;
  readonly variables?: Record<string, unknown> | null | undefined;
}

/** An operation that passed every check. It can be executed any number of times. */
export interface Operation {
  readonly kind: 'query' | 'mutation' | 'subscription';
  readonly name: string | null;
  readonly document: DocumentNode;
  readonly node: OperationDefinitionNode;
}

/** The operation, or the errors that refuse it, which are fit for clients. */
export type Prepared =
  | { readonly operation: Operation; readonly errors: null }
  | { readonly operation: null; readonly errors: readonly GraphQLError[] };

/** Hears how each execution went, for metrics. */
export type OperationObserver = (kind: Operation['kind'], outcome: 'ok' | 'error', seconds: number) => void;

export interface OperationsOptions {
  readonly schema: GraphQLSchema;
  readonly limits: Limits;
  readonly log: Log;
  /** «Did you mean» in validation errors: handy at home, a leak in production. */
  readonly suggestions: boolean;
  readonly observe?: OperationObserver;
}

interface KnownOperation extends Operation {
  readonly costPlan: CostPlan;
  /** True for a subscription whose events look the same to all who may see them. */
  readonly isSameForAll: boolean;
}

interface KnownDocument {
  readonly operations: ReadonlyMap<string, KnownOperation>;
  readonly errors: readonly GraphQLError[] | null;
  /** Lexical tokens of its tree, which errors hold as well; 0: none was kept. */
  readonly tokens: number;
}

/** Measured: a token and its share of the tree hold 240 to 490 bytes, and what is worked out from it the rest. */
const TOKEN_BYTES = 600;
/** Bytes of the smallest document, and of each error with its stack. */
const DOCUMENT_BYTES = 2_000;
const ERROR_BYTES = 8_000;

/** A tree is up to 240 times as large as its text, so that texts alone would bound nothing. */
function sizeOfDocument({ tokens, errors }: KnownDocument): number {
  return DOCUMENT_BYTES + tokens * TOKEN_BYTES + (errors?.length ?? 0) * ERROR_BYTES;
}

/**
 * The one place where GraphQL documents are parsed, validated, limited and executed, for HTTP and WebSocket alike.
 * Use: `prepare`, then `execute` or `subscribe`. All errors that come out are fit for clients.
 */
export class Operations {
  readonly #schema: GraphQLSchema;
  readonly #limits: Limits;
  readonly #log: Log;
  readonly #suggestions: boolean;
  readonly #observe: OperationObserver | undefined;
  readonly #shared = new SharedResults();
  readonly #documents: BoundedCache<KnownDocument>;

  constructor(options: OperationsOptions) {
    this.#schema = options.schema;
    this.#limits = options.limits;
    this.#log = options.log;
    this.#suggestions = options.suggestions;
    this.#observe = options.observe;
    this.#documents = new BoundedCache({ bytes: options.limits.documentCacheBytes, sizeOf: sizeOfDocument });
  }

  /** Checks a request: document, operation, page sizes and cost. Cheap for a document that was seen before. */
  prepare(request: OperationRequest): Prepared {
    if (isLongerThan(request.query, this.#limits.documentBytes)) {
      return refused('GRAPHQL_VALIDATION_FAILED', `The document is longer than ${this.#limits.documentBytes} bytes.`);
    }
    let document = this.#documents.get(request.query);
    if (document === undefined) {
      document = this.#checkWithinStack(request.query);
      this.#documents.set(request.query, document);
    }
    if (document.errors !== null) return { operation: null, errors: document.errors };
    const operation = findOperation(document, request.operationName);
    if (typeof operation === 'string') return refused('OPERATION_RESOLUTION_FAILURE', operation);
    const cost = costOf(operation.costPlan, request.variables, this.#limits.operationCost);
    if (typeof cost === 'string') return refused('BAD_USER_INPUT', cost);
    if (cost > this.#limits.operationCost) {
      return refused(
        'BAD_USER_INPUT',
        `The operation may ask for ${cost} objects, which is more than ${this.#limits.operationCost}: ask for smaller pages.`,
      );
    }
    return { operation, errors: null };
  }

  /**
   * Executes a prepared query or mutation, or one event (`root`) of a subscription. Never rejects. Queries and events
   * that resolve at once are answered at once, without a promise.
   */
  execute(
    operation: Operation,
    variables: Record<string, unknown> | null | undefined,
    context: unknown,
    root?: unknown,
  ): Promise<ExecutionResult> | ExecutionResult {
    const startedMs = performance.now();
    const known = operation as KnownOperation;
    try {
      const result = execute({
        schema: this.#schema,
        document: known.document,
        operationName: known.name,
        variableValues: variables ?? {},
        contextValue: context,
        rootValue: root,
      });
      if (!isPromise(result)) return this.#clientResult(known, result, startedMs);
      return result.then(
        (settled) => this.#clientResult(known, settled, startedMs),
        (error: unknown) => this.#failed(known, startedMs, error),
      );
    } catch (error) {
      return this.#failed(known, startedMs, error);
    }
  }

  /**
   * Starts a prepared subscription: a stream of results, or one result that says why not. Never rejects, but the
   * stream may, with an error fit for clients. Each event is resolved with a context of its own, so that nothing that
   * a context remembers outlives the event.
   */
  async subscribe(
    operation: Operation,
    variables: Record<string, unknown> | null | undefined,
    makeContext: () => unknown,
  ): Promise<ExecutionResult | AsyncIterableIterator<ExecutionResult, undefined>> {
    const startedMs = performance.now();
    const known = operation as KnownOperation;
    try {
      const source = await createSourceEventStream({
        schema: this.#schema,
        document: known.document,
        operationName: known.name,
        variableValues: variables ?? {},
        contextValue: makeContext(),
      });
      if (!isAsyncIterable(source)) {
        return this.#clientResult(known, source, startedMs);
      }
      this.#observe?.('subscription', 'ok', (performance.now() - startedMs) / 1000);
      const ask = known.isSameForAll ? this.#shared.for({ operation: known, variables }) : null;
      return mapEvents(
        source,
        (event) => {
          const execute = () => this.execute(known, variables, makeContext(), event);
          return ask === null ? execute() : ask(event as object, execute);
        },
        (error) => thrownError(error, this.#log),
      );
    } catch (error) {
      return this.#failed(known, startedMs, error);
    }
  }

  /** A document nested so deeply that reading it overflows the stack is wrong input like any other. */
  #checkWithinStack(query: string): KnownDocument {
    try {
      return this.#check(query);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const message = 'The document nests values or selections too deeply.';
      return { operations: new Map(), errors: [codedError('BAD_USER_INPUT', message)], tokens: 0 };
    }
  }

  #check(query: string): KnownDocument {
    const none = new Map<string, KnownOperation>();
    let document: DocumentNode;
    try {
      document = parse(query, { maxLexicalTokens: this.#limits.documentTokens });
    } catch (error) {
      if (!(error instanceof GraphQLError)) throw error;
      return { operations: none, errors: [codedError('GRAPHQL_PARSE_FAILED', error.message, error)], tokens: 0 };
    }
    const broken = brokenLimit(document, this.#limits);
    if (broken !== null) {
      return { operations: none, errors: [codedError('GRAPHQL_VALIDATION_FAILED', broken)], tokens: 0 };
    }
    const tokens = document.tokenCount ?? 0;
    const errors = validate(this.#schema, document, undefined, { maxErrors: 20 });
    if (errors.length > 0) {
      return {
        operations: none,
        errors: errors.map((error) => codedError('GRAPHQL_VALIDATION_FAILED', this.#worded(error.message), error)),
        tokens,
      };
    }
    const operations = new Map<string, KnownOperation>();
    for (const node of document.definitions) {
      if (node.kind !== Kind.OPERATION_DEFINITION) continue;
      const name = node.name?.value ?? null;
      const costPlan = planCost(this.#schema, document, node);
      operations.set(name ?? '', {
        kind: node.operation,
        name,
        document,
        node,
        costPlan,
        isSameForAll: isSameForAll(this.#schema, node),
      });
    }
    return { operations, errors: null, tokens };
  }

  #clientResult(known: KnownOperation, result: ExecutionResult, startedMs: number): ExecutionResult {
    const { errors } = result;
    this.#observe?.(known.kind, errors === undefined ? 'ok' : 'error', (performance.now() - startedMs) / 1000);
    if (errors === undefined) return result;
    if (result.data === undefined) return { errors: errors.map((error) => this.#requestError(error)) };
    return { data: result.data, errors: errors.map((error) => executionError(error, this.#log)) };
  }

  /** Errors of a request that was not executed at all: its variables, or what a subscription's source says. */
  #requestError(error: GraphQLError): GraphQLError {
    if (error.originalError === undefined && error.path === undefined) {
      return codedError('BAD_USER_INPUT', this.#worded(error.message), error);
    }
    if (error.message.startsWith('Variable "$')) {
      return codedError('BAD_USER_INPUT', this.#worded(error.message), error);
    }
    return executionError(error, this.#log);
  }

  #failed(known: KnownOperation, startedMs: number, error: unknown): ExecutionResult {
    this.#observe?.(known.kind, 'error', (performance.now() - startedMs) / 1000);
    return { errors: [thrownError(error, this.#log)] };
  }

  #worded(message: string): string {
    // GraphQL repeats values that it could not read, and a secret may be among them.
    const struck = strikeText(brief(message));
    return this.#suggestions ? struck : struck.replace(/ ?Did you mean .*\?$/s, '');
  }
}

function refused(
  code: 'GRAPHQL_VALIDATION_FAILED' | 'OPERATION_RESOLUTION_FAILURE' | 'BAD_USER_INPUT',
  message: string,
): Prepared {
  return { operation: null, errors: [codedError(code, message)] };
}

function findOperation(document: KnownDocument, name: string | null | undefined): KnownOperation | string {
  if (name) return document.operations.get(name) ?? 'The document has no operation of that name.';
  const [only, another] = document.operations.values();
  if (only === undefined) return 'The document has no operation.';
  return another === undefined
    ? only
    : 'The document has more than one operation: operationName must say which to run.';
}

function isPromise(value: Promise<ExecutionResult> | ExecutionResult): value is Promise<ExecutionResult> {
  return 'then' in value;
}

function isAsyncIterable(value: ExecutionResult | AsyncIterable<unknown>): value is AsyncIterable<unknown> {
  return Symbol.asyncIterator in value;
}

/** True when every root field of a subscription declares the extension `sameForAll`. */
function isSameForAll(schema: GraphQLSchema, node: OperationDefinitionNode): boolean {
  const fields = schema.getSubscriptionType()?.getFields();
  return (
    node.operation === OperationTypeNode.SUBSCRIPTION &&
    node.selectionSet.selections.every(
      (selection) => selection.kind === Kind.FIELD && fields?.[selection.name.value]?.extensions['sameForAll'] === true,
    )
  );
}
