import { buildSchema, Field, ObjectType, Query, Resolver } from 'type-graphql';
import { graphql } from 'graphql';

@ObjectType()
class Parcel {
  @Field(() => String)
  label!: string;

  @Field(() => [String], { nullable: true })
  stamps?: string[] | undefined;
}

@Resolver(() => Parcel)
class ParcelResolver {
  @Query(() => Parcel)
  parcel(): Parcel {
    return Object.assign(new Parcel(), { label: 'fragile' });
  }
}

test('legacy decorators work under the test compiler without emitted metadata', async () => {
  const schema = await buildSchema({ resolvers: [ParcelResolver] });
  const answer = await graphql({ schema, source: '{ parcel { label stamps } }' });
  expect(answer).toEqual({ data: { parcel: { label: 'fragile', stamps: null } } });
});
