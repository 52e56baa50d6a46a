import { Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import type { UsageBucket as Bucket } from '../usage/usage-summary.ts';
import { Party } from './billing-entity.type.ts';
import type { RequestContext } from './context.ts';
import { partyOf } from './party.ts';
import { UsageBucket } from './usage-summary.type.ts';

@Resolver(() => UsageBucket)
export class UsageBucketResolver {
  @FieldResolver(() => Party, { nullable: true, description: 'Who used it; null also for use by nobody named.' })
  user(@Root() { userId }: Bucket, @Ctx() context: RequestContext): Promise<Party> | null {
    return userId === null ? null : partyOf(userId, context);
  }
}
