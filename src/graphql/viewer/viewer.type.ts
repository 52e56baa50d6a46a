import { Field, ObjectType } from 'type-graphql';
import type { Principal } from '../../billing-entities/principal.ts';
import { ViewerKindEnum } from '../types/enums.ts';

@ObjectType({ description: 'Who is asking, as their token says.' })
export class Viewer {
  @Field(() => ViewerKindEnum, { simple: true, description: 'What kind of caller this is.' })
  readonly kind!: Principal['kind'];

  @Field(() => String, { simple: true, description: 'The token’s `sub`; an API key’s own id.' })
  readonly subject!: string;
}
