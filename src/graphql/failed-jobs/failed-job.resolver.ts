import { Arg, Args, Ctx, ID, Mutation, Query, Resolver } from 'type-graphql';
import { requireOperator } from '../../billing-entities/access.ts';
import type { FailedJob } from '../../jobs/tasks.ts';
import type { Page } from '../../kernel/pagination.ts';
import type { RequestContext } from '../request/context.ts';
import { PageArgs, pageOf } from '../types/page.args.ts';
import { FailedJobConnection } from './failed-job.type.ts';

@Resolver()
export class FailedJobResolver {
  @Query(() => FailedJobConnection, { description: 'Background work that failed, newest first. Operators only.' })
  failedJobs(
    @Args(() => PageArgs) page: PageArgs,
    @Arg('task', () => String, { nullable: true, description: 'Of this task only.' }) task: string | null | undefined,
    @Ctx() { principal, loaders }: RequestContext,
  ): Promise<Page<FailedJob>> {
    requireOperator(principal);
    return loaders.reads.failedJobs.list(pageOf(page), task ?? null);
  }

  @Mutation(() => Boolean, {
    description:
      'Tries a failed job again at once, with all its attempts before it. No such job: NOT_FOUND. Operators only.',
  })
  async retryJob(
    @Arg('id', () => ID, { description: 'The failed job’s id.' }) id: string,
    @Ctx() { principal, services }: RequestContext,
  ): Promise<boolean> {
    requireOperator(principal);
    await services.failedJobs.retry(id);
    return true;
  }
}
