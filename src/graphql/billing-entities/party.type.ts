import { Field, ID, ObjectType } from 'type-graphql';
import { BillingEntityTypeEnum } from '../types/enums.ts';

@ObjectType({
  simpleResolvers: true,
  description: 'Enough to name a payer, a person or an organization; never its money.',
})
export class Party {
  @Field(() => ID, {
    description: 'The billing entity’s own id. A store that knows records by id alone must tell the two types apart.',
  })
  readonly id!: string;

  @Field(() => BillingEntityTypeEnum, { description: 'A user or an organization.' })
  readonly type!: 'USER' | 'ORGANIZATION';

  @Field(() => String, { description: 'The identity provider’s id: a user’s `sub`, an organization’s id there.' })
  readonly externalId!: string;

  @Field(() => String, { description: 'Its name, for people.' })
  readonly name!: string;
}
