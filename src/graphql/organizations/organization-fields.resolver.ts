import { Args, Ctx, Extensions, FieldResolver, Resolver, Root } from 'type-graphql';
import type { AuditLogEntry } from '../../billing-entities/audit-log.ts';
import type { BillingEntity as Row } from '../../billing-entities/billing-entity.entity.ts';
import type { Membership as DomainMembership } from '../../billing-entities/membership.entity.ts';
import type { Page } from '../../kernel/pagination.ts';
import { AuditLogArgs, AuditLogConnection, toAuditLogFilter } from '../audit-log/audit-log.type.ts';
import { nullUnless, onlyUserId } from '../authorization.ts';
import { BillingEntity } from '../billing-entities/billing-entity.type.ts';
import type { RequestContext } from '../context.ts';
import { MembersArgs, MembershipConnection } from './membership.type.ts';
import { pageOf, wanted } from '../page.args.ts';
import { aPageLookedThrough } from '../execution/price.ts';

/** What a billing entity leads to that concerns who administers it. */
@Resolver(() => BillingEntity)
export class OrganizationFieldsResolver {
  @Extensions({ price: aPageLookedThrough('search', 100) })
  @FieldResolver(() => MembershipConnection, {
    nullable: true,
    description:
      'Members with what each used in this period, in a stable order. A plain member sees themselves. null: a user’s account, or the caller may not read it.',
  })
  async members(
    @Root() entity: Row,
    @Args(() => MembersArgs) args: MembersArgs,
    @Ctx() context: RequestContext,
  ): Promise<Page<DomainMembership> | null> {
    if (entity.type !== 'ORGANIZATION') return null;
    return nullUnless(context, { entity, operation: 'members.read' }, async () => {
      const only = { onlyUserId: await onlyUserId(context, entity, 'members.readAll') };
      const { search = null } = args;
      if (search === null) return context.loaders.pages.members.load(wanted(entity, args, only));
      return context.loaders.reads.members.list(entity.billingEntityId, pageOf(args), { search, ...only });
    });
  }

  @FieldResolver(() => AuditLogConnection, {
    nullable: true,
    description: 'What administrators and operators did to it, newest first. null: the caller may not read it.',
  })
  auditLog(
    @Root() entity: Row,
    @Args(() => AuditLogArgs) args: AuditLogArgs,
    @Ctx() context: RequestContext,
  ): Promise<Page<AuditLogEntry> | null> {
    return nullUnless(context, { entity, operation: 'auditLog.read' }, () =>
      context.loaders.pages.auditLog.load(wanted(entity, args, toAuditLogFilter(args))),
    );
  }
}
