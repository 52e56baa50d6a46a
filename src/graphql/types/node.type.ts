import { Field, ID, InterfaceType } from 'type-graphql';

/** Things that can be asked for again by their ids alone (Relay's global object identification). */
@InterfaceType({
  description:
    'What `node` finds by its id alone. No two nodes share an id. Read by those who may read it where it is listed.',
})
export abstract class Node {
  @Field(() => ID, { description: 'Opaque and stable, and of no other node.' })
  readonly id!: string;
}
