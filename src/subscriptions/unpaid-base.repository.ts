/** Grants of base credits that nobody has paid for. They are noted before they are clawed back, so that the note tells why. */
import type { EntityManager } from '@mikro-orm/postgresql';
import { UnpaidBaseRow } from './unpaid-base.entity.ts';

/** The entity's grants that are noted. */
export async function findUnpaidBases(em: EntityManager, billingEntityId: string): Promise<string[]> {
  const found = await em.find(UnpaidBaseRow, { billingEntityId }, { orderBy: { grantId: 'asc' } });
  return found.map(({ grantId }) => grantId);
}

/** Notes grants. A grant that is noted already stays so. */
export async function noteUnpaidBases(
  em: EntityManager,
  billingEntityId: string,
  grantIds: readonly string[],
): Promise<void> {
  await em.upsertMany(
    UnpaidBaseRow,
    grantIds.map((grantId) => ({ billingEntityId, grantId })),
    { onConflictFields: ['billingEntityId', 'grantId'], onConflictAction: 'ignore' },
  );
}

export async function deleteUnpaidBase(em: EntityManager, billingEntityId: string, grantId: string): Promise<void> {
  await em.nativeDelete(UnpaidBaseRow, { billingEntityId, grantId });
}
