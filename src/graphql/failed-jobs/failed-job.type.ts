import { Field, ID, Int, ObjectType } from 'type-graphql';
import { connectionOf } from '../types/connection.type.ts';
import { DateTimeScalar } from '../types/scalars.ts';

@ObjectType({
  simpleResolvers: true,
  description:
    'Work in the background whose last attempt failed. It is tried again by itself, at growing intervals, for some days.',
})
class FailedJob {
  @Field(() => ID, { description: 'Opaque.' })
  readonly id!: string;

  @Field(() => String, { description: 'What was to be done.' })
  readonly task!: string;

  @Field(() => ID, { nullable: true, description: 'Whom it concerns; null where that is not known, or nobody.' })
  readonly billingEntityId!: string | null;

  @Field(() => Int, { description: 'How often it was tried.' })
  readonly attempts!: number;

  @Field(() => String, { description: 'Why the last attempt failed.' })
  readonly lastError!: string;

  @Field(() => DateTimeScalar, { description: 'When the last attempt failed.' })
  readonly failedAt!: Date;

  @Field(() => DateTimeScalar, { description: 'When it was asked for.' })
  readonly createdAt!: Date;
}

export const FailedJobConnection = connectionOf('FailedJob', () => FailedJob, 'failed jobs, newest first');
