import { ArgsType, Field, ID, InputType } from 'type-graphql';
import { BillingEntityTypeEnum } from '../types/enums.ts';
import { PageArgs } from '../types/page.args.ts';

@InputType({ description: 'Names a billing entity.' })
export class BillingEntityInput {
  @Field(() => ID, { description: 'Its id.' })
  readonly billingEntityId!: string;
}

@ArgsType()
export class BillingEntitiesArgs extends PageArgs {
  @Field(() => String, { nullable: true, description: 'Looked for in names and external ids, whatever their case.' })
  readonly search?: string | null;

  @Field(() => BillingEntityTypeEnum, { nullable: true, description: 'Only users, or only organizations.' })
  readonly type?: 'USER' | 'ORGANIZATION' | null;
}
