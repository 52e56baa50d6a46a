import { Field, ObjectType } from 'type-graphql';
import { DateTimeScalar } from './scalars.ts';

@ObjectType({ simpleResolvers: true, description: 'An address to open in a browser.' })
export class HostedSession {
  @Field(() => String, { description: 'The address. Whoever has it may use it: keep it as secret as a token.' })
  readonly url!: string;

  @Field(() => DateTimeScalar, { nullable: true, description: 'When it stops working; null: not known here.' })
  readonly expiresAt!: Date | null;
}
