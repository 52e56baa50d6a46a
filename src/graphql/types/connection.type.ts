/** Connections and edges (Relay cursor specification), made alike for every kind of node. */
import { type ClassType, Extensions, Field, ObjectType } from 'type-graphql';
import { itemsOfPage } from '../execution/price.ts';

@ObjectType({ simpleResolvers: true, description: 'Where a page stands in its list (Relay cursor specification).' })
class PageInfo {
  @Field(() => Boolean, { description: 'Whether more follows this page.' })
  readonly hasNextPage!: boolean;

  @Field(() => Boolean, { description: 'Whether something came before this page.' })
  readonly hasPreviousPage!: boolean;

  @Field(() => String, { nullable: true, description: 'Cursor of the first edge; null when there is none.' })
  readonly startCursor!: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'Cursor of the last edge, to continue after; null when there is none.',
  })
  readonly endCursor!: string | null;
}

/** The connection class of a node class: `NameConnection` of `NameEdge`. `what` says in the plural what is listed. */
export function connectionOf(name: string, node: () => ClassType | object, what: string): ClassType {
  @ObjectType(`${name}Edge`, { simpleResolvers: true, description: `One of ${what}, with its place in the list.` })
  class Edge {
    @Field(() => String, { description: 'Opaque: continue after it by `after`.' })
    readonly cursor!: string;

    @Field(node as () => ClassType, { description: `One of ${what}.` })
    readonly node!: unknown;
  }

  @ObjectType(`${name}Connection`, { simpleResolvers: true, description: `A page of ${what}.` })
  class Connection {
    @Extensions({ price: itemsOfPage })
    @Field(() => [Edge], { description: 'What is on the page, in order.' })
    readonly edges!: readonly Edge[];

    @Field(() => PageInfo, { description: 'Whether and where the list goes on.' })
    readonly pageInfo!: PageInfo;
  }
  return Connection;
}
