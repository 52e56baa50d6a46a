/** Connections and edges (Relay cursor specification), made alike for every kind of node. */
import { type ClassType, Extensions, Field, ObjectType } from 'type-graphql';
import { itemsOfPage } from '../execution/price.ts';

@ObjectType({ simpleResolvers: true, description: 'The place of a page in its list (Relay cursor specification).' })
class PageInfo {
  @Field(() => Boolean, { description: 'True when more follows this page.' })
  readonly hasNextPage!: boolean;

  @Field(() => Boolean, { description: 'True when something came before this page.' })
  readonly hasPreviousPage!: boolean;

  @Field(() => String, { nullable: true, description: 'Cursor of the first edge; null when there is none.' })
  readonly startCursor!: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'Cursor of the last edge, to continue after; null when there is none.',
  })
  readonly endCursor!: string | null;
}

/** Makes the connection class of a node class: `NameConnection` of `NameEdge`. `what` names the nodes in the plural. */
export function connectionOf(name: string, node: () => ClassType | object, what: string): ClassType {
  @ObjectType(`${name}Edge`, { simpleResolvers: true, description: `One of ${what}, with its place in the list.` })
  class Edge {
    @Field(() => String, { description: 'Opaque: pass it as `after` to continue behind it.' })
    readonly cursor!: string;

    @Field(node as () => ClassType, { description: `One of ${what}.` })
    readonly node!: unknown;
  }

  @ObjectType(`${name}Connection`, { simpleResolvers: true, description: `A page of ${what}.` })
  class Connection {
    @Extensions({ price: itemsOfPage })
    @Field(() => [Edge], { description: 'The items of the page, in order.' })
    readonly edges!: readonly Edge[];

    @Field(() => PageInfo, { description: 'The place of the page in the list.' })
    readonly pageInfo!: PageInfo;
  }
  return Connection;
}
