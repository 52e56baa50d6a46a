import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import type { Exchange } from '../../src/api.ts';
import type { Fields } from '../../src/parameters.ts';
import { TypeCheck } from './type-check.ts';

/** A method of the SDK: the call it makes, what it takes and what it promises. */
interface SdkMethod {
  readonly name: string;
  readonly method: string;
  readonly pattern: RegExp;
  readonly takes: ts.Type | null;
  readonly gives: ts.Type;
  readonly givesList: boolean;
}

/** The declarations of the SDK, wherever npm put it. */
const sdk = join(dirname(createRequire(import.meta.url).resolve('stripe')), '../esm');

/** The SDK's declarations, read once and only as far as they are asked for. contract.ts keeps this module once in a process. */
let contract: Contract | null = null;

/**
 * Where calls and answers differ from what the installed SDK declares: unknown or missing parameters and fields, wrong
 * kinds, words that are not in an enum. One line for each difference; each only once.
 */
export function contractViolations(exchanges: readonly Exchange[]): string[] {
  contract ??= new Contract();
  const found = new Set<string>();
  for (const exchange of exchanges) for (const line of contract.violations(exchange)) found.add(line);
  return [...found];
}

/** The same for webhooks: the object that an event carries. `customer.subscription.updated` carries a Subscription. */
export function objectViolations(object: unknown): string[] {
  contract ??= new Contract();
  return contract.objectViolations(object);
}

/** Parameters that a route accepts and the SDK's method does not have. */
export function unknownParameters(route: { method: string; path: string; fields: Fields }): string[] {
  contract ??= new Contract();
  return contract.unknownParameters(route);
}

class Contract {
  readonly #program: ts.Program;
  readonly #checker: ts.TypeChecker;
  readonly #types: TypeCheck;
  readonly #methods: readonly SdkMethod[];
  readonly #byObject = new Map<string, ts.Type>();

  constructor() {
    this.#program = ts.createProgram([join(sdk, 'stripe.esm.node.d.ts')], {
      lib: ['lib.es2022.d.ts'],
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      noEmit: true,
      skipLibCheck: true,
      strict: true,
      types: [],
    });
    this.#checker = this.#program.getTypeChecker();
    this.#types = new TypeCheck(this.#checker);
    // Literal paths first: `/v1/invoices/create_preview` is no invoice.
    const ids = ({ pattern }: SdkMethod): number => pattern.source.split('[^').length;
    this.#methods = globSync('resources/**/*.js', { cwd: sdk })
      .flatMap((file) => this.#methodsOf(file))
      .toSorted((a, b) => ids(a) - ids(b));
    for (const { gives } of this.#methods) {
      const name = this.#types.literalOf(gives, 'object');
      if (name !== null && !this.#byObject.has(name)) this.#byObject.set(name, gives);
    }
  }

  violations({ method, path, parameters, status, answer }: Exchange): string[] {
    if (status >= 400) return errorViolations(answer).map((line) => `${method} ${path}: ${line}`);
    const called = this.#find(method, path);
    if (called === null) return [`${method} ${path}: no method of the SDK makes this call`];
    const asked = parameters as Record<string, unknown>;
    const taken = called.takes === null ? [] : this.#types.differences(asked, called.takes, 'form');
    const given = called.givesList
      ? listDifferences(answer).concat(
          (answer as { data: unknown[] }).data.flatMap((each) => this.#types.differences(each, called.gives, 'json')),
        )
      : this.#types.differences(answer, called.gives, 'json');
    return [
      ...taken.map((line) => `${called.name} takes ${line}`),
      ...given.map((line) => `${called.name} gives ${line}`),
    ];
  }

  objectViolations(object: unknown): string[] {
    const name = String((object as { object?: unknown }).object);
    const type = this.#byObject.get(name);
    return type === undefined ? [`${name} is no object of the SDK`] : this.#types.differences(object, type, 'json');
  }

  unknownParameters({ method, path, fields }: { method: string; path: string; fields: Fields }): string[] {
    const called = this.#find(method, path.replaceAll(/:\w+/g, 'x'));
    if (called === null) return [`${method} ${path}: no method of the SDK makes this call`];
    const walk = (type: ts.Type | null, below: Fields, prefix: string): string[] =>
      Object.entries(below).flatMap(([name, field]) => {
        const inner = type === null ? null : this.#types.propertyOf(type, name);
        if (inner === null) return name === 'expand' ? [] : [`${called.name} has no ${prefix}${name}`];
        if (field.fields === undefined) {
          return this.#types.takesText(inner) ? [] : [`${called.name} takes an object for ${prefix}${name}`];
        }
        return walk(inner, field.fields, `${prefix}${name}.`);
      });
    return walk(called.takes, fields, '');
  }

  #find(method: string, path: string): SdkMethod | null {
    return this.#methods.find((each) => each.method === method && each.pattern.test(path)) ?? null;
  }

  /** The JavaScript says which call a method makes, the declarations beside it what it takes and gives. */
  #methodsOf(file: string): SdkMethod[] {
    const text = readFileSync(join(sdk, file), 'utf8');
    const declarations = this.#program.getSourceFile(join(sdk, file.replace(/\.js$/, '.d.ts')));
    if (declarations === undefined) return [];
    const found: SdkMethod[] = [];
    const pattern =
      /^ {4}(\w+)\((?:\w+, )*params, options\) \{\s+(?:const transformResponseData[\s\S]{1,200}?\};\s+)?return this\._makeRequest\('(\w+)', [`'](\/v[12]\/[^`']+)[`']/gm;
    const calls = new Map(
      [...text.matchAll(pattern)].map(([, name = '', method = '', path = '']) => [name, { method, path }]),
    );
    ts.forEachChild(declarations, (node) => {
      if (!ts.isClassDeclaration(node)) return;
      for (const member of node.members) {
        if (!ts.isMethodDeclaration(member) || !ts.isIdentifier(member.name) || member.type === undefined) continue;
        const call = calls.get(member.name.text);
        if (call === undefined || !ts.isTypeReferenceNode(member.type)) continue;
        const promised = member.type.typeArguments?.[0];
        if (promised === undefined) continue;
        const givesList = member.type.typeName.getText(declarations) === 'ApiListPromise';
        // Promise<Response<T>>: what is promised, without what the SDK adds about the transport.
        const inner =
          !givesList && ts.isTypeReferenceNode(promised) ? (promised.typeArguments?.[0] ?? promised) : promised;
        const params = member.parameters.find((each) => each.name.getText(declarations) === 'params')?.type;
        found.push({
          name: `${node.name?.text ?? ''}.${member.name.text}`,
          method: call.method,
          pattern: new RegExp(`^${call.path.replaceAll('.', '\\.').replaceAll(/\$\{.+?\}(?=\/|$)/g, '[^/]+')}$`),
          takes: params === undefined ? null : this.#checker.getTypeFromTypeNode(params),
          gives: this.#checker.getTypeFromTypeNode(inner),
          givesList,
        });
      }
    });
    return found;
  }
}

/** The fields that every list has around its data. */
function listDifferences(answer: unknown): string[] {
  const { object, data, has_more: more, url, ...rest } = answer as Record<string, unknown>;
  const isList = object === 'list' && Array.isArray(data) && typeof more === 'boolean' && typeof url === 'string';
  return isList && Object.keys(rest).length === 0 ? [] : [`something else than a list: ${JSON.stringify(answer)}`];
}

function errorViolations(answer: unknown): string[] {
  const { error } = answer as { error?: { type?: unknown; message?: unknown } };
  const types = ['api_error', 'card_error', 'idempotency_error', 'invalid_request_error'];
  const isError = types.includes(String(error?.type)) && typeof error?.message === 'string';
  return isError ? [] : [`an error that is not Stripe's: ${JSON.stringify(answer)}`];
}
