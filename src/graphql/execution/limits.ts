import { Kind } from 'graphql';
import type { DocumentNode, FragmentDefinitionNode, SelectionSetNode } from 'graphql';
import type { Limits } from '../../config/limits.ts';

/** The limits that hold for a document, whatever its variables are. */
export type DocumentLimits = Pick<
  Limits,
  | 'documentBytes'
  | 'documentTokens'
  | 'documentDepth'
  | 'documentAliases'
  | 'documentRootFields'
  | 'documentFields'
  | 'documentDirectives'
>;

/** True when the text is longer than `maxBytes` in UTF-8. Counts bytes only when the count of characters leaves a doubt. */
export function isLongerThan(text: string, maxBytes: number): boolean {
  if (text.length > maxBytes) return true;
  return text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes;
}

/**
 * The first limit that a document breaks, in words; null when it keeps all. Runs before validation, because
 * validating a hostile document can itself be the attack, and in linear time: each fragment is measured once.
 */
export function brokenLimit(document: DocumentNode, limits: DocumentLimits): string | null {
  const measurer = new Measurer(document);
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    const measure = measurer.measure(definition.selectionSet);
    const directives = measure.directives + (definition.directives?.length ?? 0);
    const checks: readonly [what: string, value: number, most: number][] = [
      ['nests fields too deeply', measure.depth, limits.documentDepth],
      ['has too many aliases', measure.aliases, limits.documentAliases],
      ['has too many root fields', measure.rootFields, limits.documentRootFields],
      ['has too many fields', measure.fields, limits.documentFields],
      ['has too many directives', directives, limits.documentDirectives],
    ];
    for (const [what, value, most] of checks) {
      if (value > most) return `The document ${what}: ${value} is more than ${most}.`;
    }
  }
  // Fragments that no operation uses are refused by validation, but must not make it slow.
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.FRAGMENT_DEFINITION) continue;
    const { fields } = measurer.measure(definition.selectionSet);
    if (fields > limits.documentFields) {
      return `The document has too many fields: ${fields} is more than ${limits.documentFields}.`;
    }
  }
  return null;
}

interface Measure {
  depth: number;
  aliases: number;
  /** Fields directly in this set, fragments expanded. */
  rootFields: number;
  fields: number;
  directives: number;
}

class Measurer {
  readonly #fragments = new Map<string, FragmentDefinitionNode>();
  readonly #measured = new Map<string, Measure>();

  constructor(document: DocumentNode) {
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.#fragments.set(definition.name.value, definition);
    }
  }

  measure(selectionSet: SelectionSetNode): Measure {
    const total: Measure = { depth: 0, aliases: 0, rootFields: 0, fields: 0, directives: 0 };
    for (const selection of selectionSet.selections) {
      total.directives += selection.directives?.length ?? 0;
      if (selection.kind === Kind.FIELD) {
        const introspects = selection.name.value.startsWith('__');
        const inner = selection.selectionSet === undefined ? null : this.measure(selection.selectionSet);
        total.rootFields += 1;
        total.fields += 1 + (inner?.fields ?? 0);
        total.aliases += (selection.alias === undefined ? 0 : 1) + (inner?.aliases ?? 0);
        total.directives += inner?.directives ?? 0;
        // Introspection is deep by nature; GraphQL's own rule bounds what of it could multiply.
        if (!introspects) total.depth = Math.max(total.depth, 1 + (inner?.depth ?? 0));
      } else {
        const inner =
          selection.kind === Kind.INLINE_FRAGMENT
            ? this.measure(selection.selectionSet)
            : this.#fragment(selection.name.value);
        total.depth = Math.max(total.depth, inner.depth);
        total.aliases += inner.aliases;
        total.rootFields += inner.rootFields;
        total.fields += inner.fields;
        total.directives += inner.directives;
      }
    }
    return total;
  }

  /** Unknown fragments and circles count nothing: validation refuses both. */
  #fragment(name: string): Measure {
    const known = this.#measured.get(name);
    if (known !== undefined) return known;
    const nothing: Measure = { depth: 0, aliases: 0, rootFields: 0, fields: 0, directives: 0 };
    this.#measured.set(name, nothing);
    const fragment = this.#fragments.get(name);
    if (fragment === undefined) return nothing;
    const measure = this.measure(fragment.selectionSet);
    this.#measured.set(name, measure);
    return measure;
  }
}
