import { Arg, Ctx, Mutation, Resolver } from 'type-graphql';
import { requirePrincipal } from '../../billing-entities/access.ts';
import { requireVisible } from '../request/authorization.ts';
import type { RequestContext } from '../request/context.ts';
import { HostedSession } from '../types/hosted-session.type.ts';
import { CreateExportInput, toExport } from './export.type.ts';

@Resolver()
export class ExportResolver {
  @Mutation(() => HostedSession, {
    description:
      'A single-use link to a CSV file, valid five minutes. USAGE: who may read the entity’s usage; LEDGER: who may read the whole entity.',
  })
  async createExport(
    @Arg('input', () => CreateExportInput, { description: 'What the file shall hold.' }) input: CreateExportInput,
    @Ctx() context: RequestContext,
  ): Promise<HostedSession> {
    const principal = requirePrincipal(context.principal);
    const entity = await requireVisible(context, input.billingEntityId);
    return context.services.exports.createLink(principal, entity, toExport(input));
  }
}
