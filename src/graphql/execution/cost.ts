import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  getNamedType,
  getNullableType,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLSchema,
  isCompositeType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  SchemaMetaFieldDef,
  type SelectionSetNode,
  typeFromAST,
  TypeMetaFieldDef,
  type ValueNode,
  valueFromASTUntyped,
  visit,
} from 'graphql';
import { introspectionPrices } from './introspection-price.ts';
import { anObject, aPage, type Price, unknownList } from './price.ts';

type Variables = Readonly<Record<string, unknown>>;

/**
 * The cost of an operation as far as its document tells, computed once: the prices of its fields, each multiplied by the
 * lists above it. Parts that depend on variables stay open.
 */
export interface CostPlan {
  /** The cost that does not depend on variables. */
  readonly fixed: number;
  readonly parts: readonly Part[];
}

interface Part {
  readonly field: string;
  readonly price: Price;
  readonly args: (variables: Variables) => Variables;
  readonly inner: CostPlan;
}

/** The cost of one request in objects; or a text that says why the request is wrong. */
export type Cost = number | string;

/** The price that a field declares; undefined: it declares none. */
export function priceOf(field: Pick<GraphQLField<unknown, unknown>, 'extensions'>): Price | undefined {
  return field.extensions['price'] as Price | undefined;
}

/** Plans the cost of a valid operation, in time linear in its fields with fragments expanded. */
export function planCost(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode): CostPlan {
  const rootType = schema.getRootType(operation.operation);
  return rootType
    ? new Planner(schema, document, operation).plan(operation.selectionSet, rootType)
    : { fixed: 0, parts: [] };
}

/** Applies the client's variables to a plan. `most`: the limit for one operation. */
export function costOf(plan: CostPlan, variables: Variables | null | undefined, most: number): Cost {
  const cost = sumOf(plan, variables ?? {}, most);
  return typeof cost === 'string' ? cost : Math.ceil(cost);
}

function sumOf(plan: CostPlan, variables: Variables, most: number): Cost {
  let cost = plan.fixed;
  for (const { field, price, args, inner } of plan.parts) {
    const each = sumOf(inner, variables, most);
    if (typeof each === 'string') return each;
    const priced = price({ args: args(variables), inner: each, most });
    if (typeof priced === 'string') return `\`first\` of ${field} ${priced}`;
    cost += priced;
  }
  return cost;
}

const FREE: CostPlan = { fixed: 0, parts: [] };

class Planner {
  readonly #schema: GraphQLSchema;
  readonly #fragments = new Map<string, FragmentDefinitionNode>();
  readonly #planned = new Map<string, CostPlan>();
  readonly #defaults: Variables;

  constructor(schema: GraphQLSchema, document: DocumentNode, { variableDefinitions = [] }: OperationDefinitionNode) {
    this.#schema = schema;
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.#fragments.set(definition.name.value, definition);
    }
    this.#defaults = Object.fromEntries(
      variableDefinitions.flatMap(({ variable, defaultValue }) =>
        defaultValue === undefined ? [] : [[variable.name.value, valueFromASTUntyped(defaultValue)]],
      ),
    );
  }

  plan(selectionSet: SelectionSetNode, type: GraphQLCompositeType): CostPlan {
    let fixed = 0;
    const parts: Part[] = [];
    for (const selection of selectionSet.selections) {
      const part =
        selection.kind === Kind.FIELD
          ? this.#field(selection, type)
          : selection.kind === Kind.FRAGMENT_SPREAD
            ? this.#fragment(selection.name.value)
            : this.plan(selection.selectionSet, this.#conditionType(selection.typeCondition?.name.value) ?? type);
      fixed += part.fixed;
      parts.push(...part.parts);
    }
    return { fixed, parts };
  }

  #field(node: FieldNode, parent: GraphQLCompositeType): CostPlan {
    const field = this.#definition(node, parent);
    if (field === undefined) return FREE;
    const type = getNamedType(field.type);
    const isComposite = isCompositeType(type);
    const price = this.#price(field, parent);
    if (price === null) return FREE;
    const inner = isComposite && node.selectionSet !== undefined ? this.plan(node.selectionSet, type) : FREE;
    if (price === anObject) return { fixed: 1 + inner.fixed, parts: inner.parts };
    return { fixed: 0, parts: [{ field: node.name.value, price, args: this.#args(node, field), inner }] };
  }

  #definition(
    { name: { value: name } }: FieldNode,
    parent: GraphQLCompositeType,
  ): GraphQLField<unknown, unknown> | undefined {
    if (name === SchemaMetaFieldDef.name) return SchemaMetaFieldDef;
    if (name === TypeMetaFieldDef.name) return TypeMetaFieldDef;
    return isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[name] : undefined;
  }

  /** null: a plain value of an object, which is a part of it. */
  #price(field: GraphQLField<unknown, unknown>, parent: GraphQLCompositeType): Price | null {
    const known = introspectionPrices(this.#schema, parent, field) ?? priceOf(field);
    if (known !== undefined) return known;
    if (field.args.some(({ name }) => name === 'first')) return aPage;
    if (isListType(getNullableType(field.type))) return unknownList;
    const isRoot = [this.#schema.getQueryType(), this.#schema.getMutationType()].includes(parent as never);
    return isRoot || isCompositeType(getNamedType(field.type)) ? anObject : null;
  }

  /** The field's arguments, of the variables that a client sends. An absent variable leaves the argument its default. */
  #args(node: FieldNode, field: GraphQLField<unknown, unknown>): Part['args'] {
    const given = new Map(node.arguments?.map(({ name, value }) => [name.value, value]));
    const readers = field.args.map(
      ({ name, defaultValue }) => [name, this.#reader(given.get(name), defaultValue)] as const,
    );
    return (variables) => Object.fromEntries(readers.map(([name, read]) => [name, read(variables)]));
  }

  #reader(value: ValueNode | undefined, usual: unknown): (variables: Variables) => unknown {
    if (value === undefined) return () => usual;
    if (value.kind === Kind.VARIABLE) {
      const name = value.name.value;
      return (variables) => variables[name] ?? this.#defaults[name] ?? usual;
    }
    if (!hasVariables(value)) {
      const constant = valueFromASTUntyped(value);
      return () => constant;
    }
    return (variables) => valueFromASTUntyped(value, { ...this.#defaults, ...variables });
  }

  #fragment(name: string): CostPlan {
    const known = this.#planned.get(name);
    if (known !== undefined) return known;
    const fragment = this.#fragments.get(name);
    const type = this.#conditionType(fragment?.typeCondition.name.value);
    const plan = fragment === undefined || type === null ? FREE : this.plan(fragment.selectionSet, type);
    this.#planned.set(name, plan);
    return plan;
  }

  #conditionType(name: string | undefined): GraphQLCompositeType | null {
    if (name === undefined) return null;
    const type = typeFromAST(this.#schema, { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: name } });
    return isCompositeType(type) ? type : null;
  }
}

function hasVariables(value: ValueNode): boolean {
  let found = false;
  visit(value, { Variable: () => void (found = true) });
  return found;
}
