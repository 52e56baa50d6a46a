import { Field, ID, Int, ObjectType } from 'type-graphql';
import { connectionOf } from '../types/connection.type.ts';
import { DateTimeScalar } from '../types/scalars.ts';

@ObjectType({
  simpleResolvers: true,
  description: 'A background job whose last attempt failed. It is retried at growing intervals for some days.',
})
class FailedJob {
  @Field(() => ID, { description: 'Opaque.' })
  readonly id!: string;

  @Field(() => String, { description: 'The task.' })
  readonly task!: string;

  @Field(() => ID, {
    nullable: true,
    description: 'The billing entity that it is for; null when it is for none or that is not known.',
  })
  readonly billingEntityId!: string | null;

  @Field(() => Int, { description: 'The number of attempts so far.' })
  readonly attempts!: number;

  @Field(() => String, { description: 'The error of the last attempt.' })
  readonly lastError!: string;

  @Field(() => DateTimeScalar, { description: 'When the last attempt failed.' })
  readonly failedAt!: Date;

  @Field(() => DateTimeScalar, { description: 'When it was created.' })
  readonly createdAt!: Date;
}

export const FailedJobConnection = connectionOf('FailedJob', () => FailedJob, 'failed jobs, newest first');
