import {
  getNamedType,
  isCompositeType,
  isInterfaceType,
  isObjectType,
  Kind,
  typeFromAST,
  valueFromASTUntyped,
} from 'graphql';
import type {
  DocumentNode,
  FieldNode,
  FragmentDefinitionNode,
  GraphQLCompositeType,
  GraphQLField,
  GraphQLSchema,
  OperationDefinitionNode,
  SelectionSetNode,
} from 'graphql';

/** Most items of one page. */
const largestPage = 100;

/**
 * What an operation may ask for, worked out once per document: every object counts 1, and what stands under a field
 * with `first` counts as many times. Lists without `first` count once, so that a batch costs what its answer looks like
 * and not how many items it has: batches have a bound of their own.
 */
export interface CostPlan {
  /** Objects that are asked for in any case. */
  readonly fixed: number;
  readonly pages: readonly PagePlan[];
}

interface PagePlan {
  readonly field: string;
  /** As written, or the name of the variable that says it and what holds in its absence. */
  readonly size: number | { readonly variable: string; readonly absent: number };
  readonly each: CostPlan;
}

/** The cost of one request; or, as a text, what is wrong with one of its page sizes. */
export type Cost = number | string;

/** Works out the plan of a valid operation, in time linear in its fields, fragments expanded. */
export function planCost(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode): CostPlan {
  const rootType = schema.getRootType(operation.operation);
  return rootType
    ? new Planner(schema, document, operation).plan(operation.selectionSet, rootType)
    : { fixed: 0, pages: [] };
}

/** Applies variables, as the client sent them, to a plan. A variable of the wrong type counts as the largest page; execution refuses it. */
export function costOf(plan: CostPlan, variables: Readonly<Record<string, unknown>> | null | undefined): Cost {
  let cost = plan.fixed;
  for (const page of plan.pages) {
    const size = typeof page.size === 'number' ? page.size : variableSize(page.size, variables);
    if (size < 1 || size > largestPage) return `\`first\` of ${page.field} must be from 1 to ${largestPage}.`;
    const each = costOf(page.each, variables);
    if (typeof each === 'string') return each;
    cost += size * each;
  }
  return cost;
}

function variableSize(
  size: { variable: string; absent: number },
  variables: Readonly<Record<string, unknown>> | null | undefined,
): number {
  const value = variables?.[size.variable];
  if (value === undefined || value === null) return size.absent;
  return typeof value === 'number' ? value : largestPage;
}

class Planner {
  readonly #schema: GraphQLSchema;
  readonly #operation: OperationDefinitionNode;
  readonly #fragments = new Map<string, FragmentDefinitionNode>();
  readonly #planned = new Map<string, CostPlan>();

  constructor(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) {
    this.#schema = schema;
    this.#operation = operation;
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.#fragments.set(definition.name.value, definition);
    }
  }

  plan(selectionSet: SelectionSetNode, type: GraphQLCompositeType): CostPlan {
    let fixed = 0;
    const pages: PagePlan[] = [];
    for (const selection of selectionSet.selections) {
      const part =
        selection.kind === Kind.FIELD
          ? this.#field(selection, type)
          : selection.kind === Kind.FRAGMENT_SPREAD
            ? this.#fragment(selection.name.value)
            : this.plan(selection.selectionSet, this.#conditionType(selection.typeCondition?.name.value) ?? type);
      fixed += part.fixed;
      pages.push(...part.pages);
    }
    return { fixed, pages };
  }

  #field(node: FieldNode, parent: GraphQLCompositeType): CostPlan {
    const field = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[node.name.value] : undefined;
    if (field === undefined || node.selectionSet === undefined) return { fixed: 0, pages: [] };
    const type = getNamedType(field.type);
    if (!isCompositeType(type)) return { fixed: 0, pages: [] };
    const inner = this.plan(node.selectionSet, type);
    const size = this.#pageSize(node, field);
    if (size === null) return { fixed: 1 + inner.fixed, pages: inner.pages };
    const isPlain = typeof size === 'number' && size >= 1 && size <= largestPage && inner.pages.length === 0;
    return isPlain
      ? { fixed: 1 + size * inner.fixed, pages: [] }
      : { fixed: 1, pages: [{ field: node.name.value, size, each: inner }] };
  }

  #pageSize(node: FieldNode, field: GraphQLField<unknown, unknown>): PagePlan['size'] | null {
    const argument = field.args.find((candidate) => candidate.name === 'first');
    if (argument === undefined) return null;
    const usual = typeof argument.defaultValue === 'number' ? argument.defaultValue : 20;
    const value = node.arguments?.find((candidate) => candidate.name.value === 'first')?.value;
    if (value === undefined || value.kind === Kind.NULL) return usual;
    if (value.kind === Kind.VARIABLE) {
      const variable = value.name.value;
      const definition = this.#operation.variableDefinitions?.find(
        (candidate) => candidate.variable.name.value === variable,
      );
      const given: unknown =
        definition?.defaultValue === undefined ? usual : valueFromASTUntyped(definition.defaultValue);
      return { variable, absent: typeof given === 'number' ? given : usual };
    }
    return value.kind === Kind.INT ? Number(value.value) : usual;
  }

  #fragment(name: string): CostPlan {
    const known = this.#planned.get(name);
    if (known !== undefined) return known;
    const fragment = this.#fragments.get(name);
    const type = this.#conditionType(fragment?.typeCondition.name.value);
    const plan =
      fragment === undefined || type === null ? { fixed: 0, pages: [] } : this.plan(fragment.selectionSet, type);
    this.#planned.set(name, plan);
    return plan;
  }

  #conditionType(name: string | undefined): GraphQLCompositeType | null {
    if (name === undefined) return null;
    const type = typeFromAST(this.#schema, { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: name } });
    return isCompositeType(type) ? type : null;
  }
}
