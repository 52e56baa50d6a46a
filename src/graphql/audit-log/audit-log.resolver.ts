import { Args, Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import type { AuditLogEntry } from '../../billing-entities/audit-log.ts';
import type { BillingEntity as Row } from '../../billing-entities/billing-entity.entity.ts';
import type { Page } from '../../kernel/pagination.ts';
import { BillingEntity } from '../billing-entities/billing-entity.type.ts';
import { nullUnless } from '../request/authorization.ts';
import type { RequestContext } from '../request/context.ts';
import { pageKeyOf } from '../types/page.args.ts';
import { AuditLogArgs, AuditLogConnection, toAuditLogFilter } from './audit-log.type.ts';

@Resolver(() => BillingEntity)
export class AuditLogResolver {
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
      context.loaders.pages.auditLog.load(pageKeyOf(entity, args, toAuditLogFilter(args))),
    );
  }
}
