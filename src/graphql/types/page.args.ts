import { ArgsType, Field, Int } from 'type-graphql';
import type { PageRequest } from '../../kernel/pagination.ts';

/** A page, as every connection takes it. `after` may be absent: read it by `pageOf`. */
@ArgsType()
export class PageArgs {
  @Field(() => Int, { defaultValue: 20, description: 'How many: 1 to 100.' })
  readonly first!: number;

  @Field(() => String, { nullable: true, description: 'Continue after this cursor; absent: from the beginning.' })
  readonly after?: string | null;
}

/** The page that the arguments ask for. */
export function pageOf({ first, after }: PageArgs): PageRequest {
  return { first, after: after ?? null };
}

/** The page of this entity that the arguments ask for, to be read with the same page of others. */
export function pageKeyOf<Terms>(
  { billingEntityId }: { readonly billingEntityId: string },
  args: PageArgs,
  terms: Terms,
): { billingEntityId: string; page: PageRequest; terms: Terms } {
  return { billingEntityId, page: pageOf(args), terms };
}
