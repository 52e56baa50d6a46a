import { ArgsType, Field, ID, InputType, ObjectType } from 'type-graphql';
import type { AuditLogFilter as DomainFilter } from '../../billing-entities/audit-log.ts';
import { auditLogEntryId } from '../../kernel/public-ids.ts';
import { connectionOf } from '../types/connection.type.ts';
import { PageArgs } from '../types/page.args.ts';
import { DateTimeScalar, JsonObjectScalar } from '../types/scalars.ts';

@ObjectType({
  description:
    'What somebody did to a billing entity, for good. Read by who it belongs to, by OWNER, ADMIN and BILLING, and by operators.',
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
    description: 'Who did it: `user:…`, `service:…` or `operator:…`, with their `sub`.',
  })
  readonly actor!: string;

  @Field(() => String, { simple: true, description: 'What they did, such as member.set.' })
  readonly action!: string;

  @Field(() => String, {
    simple: true,
    description: 'What they did it to: a person as `user:…`, an organization as `organization:…`, or an id.',
  })
  readonly subject!: string;

  @Field(() => JsonObjectScalar, {
    simple: true,
    nullable: true,
    description: 'How it was; null: it was not there. Never a secret.',
  })
  readonly before!: Readonly<Record<string, unknown>> | null;

  @Field(() => JsonObjectScalar, {
    simple: true,
    nullable: true,
    description: 'How it is since then; null: it is gone. Never a secret.',
  })
  readonly after!: Readonly<Record<string, unknown>> | null;

  @Field(() => String, { simple: true, nullable: true, description: 'Why, if they said so.' })
  readonly reason!: string | null;

  @Field(() => DateTimeScalar, { simple: true, description: 'When.' })
  readonly createdAt!: Date;
}

export const AuditLogConnection = connectionOf('AuditLog', () => AuditLogEntry, 'what was done to it, newest first');

@InputType({ description: 'Which entries of the audit log; conditions hold together.' })
class AuditLogFilter {
  @Field(() => [String], { nullable: true, description: 'By these actors, such as `user:ann`.' })
  readonly actors?: string[] | null;

  @Field(() => [String], { nullable: true, description: 'Of these actions, such as member.set.' })
  readonly actions?: string[] | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Done at or after this.' })
  readonly from?: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: 'Done before this.' })
  readonly to?: Date | null;
}

@ArgsType()
export class AuditLogArgs extends PageArgs {
  @Field(() => AuditLogFilter, { nullable: true, description: 'Which entries; absent: all.' })
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
