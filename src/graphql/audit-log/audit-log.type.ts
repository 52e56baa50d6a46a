import { ArgsType, Field, ID, InputType, ObjectType } from 'type-graphql';
import type { AuditLogFilter as DomainFilter } from '../../billing-entities/audit-log.ts';
import { auditLogEntryId } from '../../kernel/public-ids.ts';
import { connectionOf } from '../types/connection.type.ts';
import { Node } from '../types/node.type.ts';
import { PageArgs } from '../types/page.args.ts';
import { DateTimeScalar, JsonObjectScalar } from '../types/scalars.ts';

@ObjectType({
  implements: Node,
  description:
    'An act on a billing entity, recorded for good. Read by the user it belongs to, by OWNER, ADMIN and BILLING, and by operators.',
})
class AuditLogEntry {
  /** Not a field: part of the public id. */
  readonly billingEntityId!: string;

  @Field(() => ID, { name: 'id', description: 'Opaque and stable.' })
  get publicId(): string {
    return auditLogEntryId(this.billingEntityId, this.id);
  }

  /** Not a field: unique within its billing entity alone. */
  readonly id!: string;

  @Field(() => String, {
    simple: true,
    description: 'The actor: `user:…`, `service:…` or `operator:…`, with their `sub`.',
  })
  readonly actor!: string;

  @Field(() => String, { simple: true, description: 'The act, such as member.set.' })
  readonly action!: string;

  @Field(() => String, {
    simple: true,
    description: 'The object of the act: a person as `user:…`, an organization as `organization:…`, or an id.',
  })
  readonly subject!: string;

  @Field(() => JsonObjectScalar, {
    simple: true,
    nullable: true,
    description: 'The state before; null: it did not exist. Never a secret.',
  })
  readonly before!: Readonly<Record<string, unknown>> | null;

  @Field(() => JsonObjectScalar, {
    simple: true,
    nullable: true,
    description: 'The state after; null: it no longer exists. Never a secret.',
  })
  readonly after!: Readonly<Record<string, unknown>> | null;

  @Field(() => String, { simple: true, nullable: true, description: 'The reason, if one was given.' })
  readonly reason!: string | null;

  @Field(() => DateTimeScalar, { simple: true, description: 'The time of the act.' })
  readonly createdAt!: Date;
}

export const AuditLogConnection = connectionOf(
  'AuditLog',
  () => AuditLogEntry,
  'entries of the audit log, newest first',
);

@InputType({ description: 'A filter of the audit log; every condition must hold.' })
class AuditLogFilter {
  @Field(() => [String], { nullable: true, description: 'By these actors, such as `user:ann`.' })
  readonly actors?: string[] | null;

  @Field(() => [String], { nullable: true, description: 'These acts, such as member.set.' })
  readonly actions?: string[] | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Done at or after this.' })
  readonly from?: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Done before this.' })
  readonly to?: Date | null;
}

@ArgsType()
export class AuditLogArgs extends PageArgs {
  @Field(() => AuditLogFilter, { nullable: true, description: 'The entries to show; absent: all.' })
  readonly filter?: AuditLogFilter | null;
}

/** The filter with nothing left open. */
export function toAuditLogFilter({ filter }: AuditLogArgs): DomainFilter {
  return {
    actors: filter?.actors ?? null,
    actions: filter?.actions ?? null,
    from: filter?.from ?? null,
    to: filter?.to ?? null,
  };
}
