import type { EntityManager } from '@mikro-orm/postgresql';
import { type SubscriptionFinding, SubscriptionFindingRow } from './finding.entity.ts';
import type { Finding } from './findings.ts';

/** The findings of these entities, the oldest first. */
export function findFindings(em: EntityManager, billingEntityIds: readonly string[]): Promise<SubscriptionFinding[]> {
  return em.find(
    SubscriptionFindingRow,
    { billingEntityId: { $in: [...billingEntityIds] } },
    { orderBy: { since: 'asc', kind: 'asc', subject: 'asc' } },
  );
}

/**
 * Makes these the findings of the entity. A finding that lasts keeps its instant, and is told in its newest words.
 * @returns those that are new
 */
export async function noteFindings(
  em: EntityManager,
  { billingEntityId, findings, now }: { billingEntityId: string; findings: readonly Finding[]; now: Date },
): Promise<Finding[]> {
  const known = await findFindings(em, [billingEntityId]);
  const isSame = (a: Finding, b: Finding): boolean => a.kind === b.kind && a.subject === b.subject;
  for (const { kind, subject } of known.filter((each) => !findings.some((finding) => isSame(finding, each)))) {
    await em.nativeDelete(SubscriptionFindingRow, { billingEntityId, kind, subject });
  }
  for (const { kind, subject, reason } of findings) {
    const since = known.find((each) => isSame(each, { kind, subject, reason }))?.since ?? now;
    await em.upsert(
      SubscriptionFindingRow,
      { billingEntityId, kind, subject, reason, since },
      { onConflictFields: ['billingEntityId', 'kind', 'subject'] },
    );
  }
  return findings.filter((finding) => !known.some((each) => isSame(each, finding)));
}
