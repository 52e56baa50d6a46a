import { Kind, OperationTypeNode } from 'graphql';
import type { DocumentNode, FieldNode, OperationDefinitionNode, SelectionSetNode, ValueNode } from 'graphql';

type Variables = Readonly<Record<string, unknown>>;

/** The argument that holds the items of a batch. */
const ITEMS = 'inputs';

/** Counts the commands that one root field of a mutation carries. */
type Field = (variables: Variables) => number;
const one: Field = () => 1;

/** Worked out once per operation. */
const known = new WeakMap<OperationDefinitionNode, readonly Field[]>();

/**
 * The number of commands in a request: one for each root field of a mutation, or for each item of a batch; any other
 * request counts as one. The count takes the client's word, before anything is executed; execution refuses what is wrong.
 */
export function commandsOf(
  { document, node }: { readonly document: DocumentNode; readonly node: OperationDefinitionNode },
  variables: Variables | null | undefined,
): number {
  if (node.operation !== OperationTypeNode.MUTATION) return 1;
  let fields = known.get(node);
  if (fields === undefined) {
    fields = fieldsOf(node.selectionSet, document, defaultsOf(node));
    known.set(node, fields);
  }
  let commands = 0;
  for (const count of fields) commands += count(variables ?? {});
  return commands;
}

function fieldsOf(selectionSet: SelectionSetNode, document: DocumentNode, defaults: Defaults): Field[] {
  return selectionSet.selections.flatMap((selection) => {
    switch (selection.kind) {
      case Kind.FIELD:
        return [commandsOfField(selection, defaults)];
      case Kind.INLINE_FRAGMENT:
        return fieldsOf(selection.selectionSet, document, defaults);
      case Kind.FRAGMENT_SPREAD: {
        const fragment = document.definitions.find(
          (each) => each.kind === Kind.FRAGMENT_DEFINITION && each.name.value === selection.name.value,
        );
        return fragment?.kind === Kind.FRAGMENT_DEFINITION ? fieldsOf(fragment.selectionSet, document, defaults) : [];
      }
    }
  });
}

function commandsOfField({ arguments: given }: FieldNode, defaults: Defaults): Field {
  const value = given?.find(({ name }) => name.value === ITEMS)?.value;
  if (value?.kind === Kind.LIST) return () => Math.max(1, value.values.length);
  if (value?.kind !== Kind.VARIABLE) return one;
  const name = value.name.value;
  const usual = defaults.get(name);
  const absent = usual?.kind === Kind.LIST ? Math.max(1, usual.values.length) : 1;
  return (variables) => {
    const items = variables[name];
    return items === undefined ? absent : Array.isArray(items) ? Math.max(1, items.length) : 1;
  };
}

type Defaults = ReadonlyMap<string, ValueNode>;

function defaultsOf({ variableDefinitions = [] }: OperationDefinitionNode): Defaults {
  return new Map(
    variableDefinitions.flatMap(({ variable, defaultValue }) =>
      defaultValue === undefined ? [] : [[variable.name.value, defaultValue] as const],
    ),
  );
}
