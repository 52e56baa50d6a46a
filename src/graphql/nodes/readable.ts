/**
 * Single things by their ids, each for callers who may read the list that it stands in; null for everybody else. Where a
 * thing is shown beside another, such as a grant in a draw, the other's rights hold, and they give no right to ask for it
 * here. @throws Refusal NOT_FOUND for a malformed id, which `node` answers alike
 */
import type { RaisedAlert } from '../../alerts/raised-alert.ts';
import type { ApiKey } from '../../api-keys/api-key.ts';
import type { AuditLogEntry } from '../../billing-entities/audit-log.ts';
import type { Operation } from '../../billing-entities/authorization.ts';
import type { BillingEntity } from '../../billing-entities/billing-entity.entity.ts';
import type { Membership } from '../../billing-entities/membership.entity.ts';
import {
  parseAlertId,
  parseApiKeyId,
  parseAuditLogEntryId,
  parseEntryId,
  parseGrantId,
  parseMembershipId,
  parseRecordId,
  parseReservationId,
} from '../../kernel/public-ids.ts';
import type { Entry, UsageRecord } from '../../ledger/rules/entries.ts';
import type { Grant } from '../../ledger/rules/grants.ts';
import type { Reservation } from '../../ledger/rules/reservations.ts';
import { mayOf, nullIfNotFound, nullUnless, onlyMember, requireVisible } from '../request/authorization.ts';
import type { RequestContext } from '../request/context.ts';
import { isReadableRecord } from '../usage/usage-record.access.ts';

/** A billing entity that exists for the caller. */
export async function readableEntity(context: RequestContext, id: string): Promise<BillingEntity> {
  return requireVisible(context, id);
}

/** A grant of an account whose list of grants the caller may read. */
export async function readableGrant(context: RequestContext, id: string): Promise<Grant | null> {
  const key = parseGrantId(id);
  return ifAllowed(context, key, 'grants.read', () => context.loaders.grant.load(key));
}

/** An entry of a ledger that the caller may read. */
export async function readableEntry(context: RequestContext, id: string): Promise<Entry | null> {
  const key = parseEntryId(id);
  return ifAllowed(context, key, 'ledger.read', () => context.loaders.entry.load(key));
}

/** A record that the caller finds in its payer's history, or in that of the organization where it was used. */
export async function readableRecord(context: RequestContext, id: string): Promise<UsageRecord | null> {
  const { line, ...key } = parseRecordId(id);
  const record = (await context.loaders.recordsOfEntry.load(key)).find((each) => each.line === line);
  if (record === undefined) return null;
  for (const billingEntityId of [record.billingEntityId, record.organizationId]) {
    if (billingEntityId === null) continue;
    const entity = await nullIfNotFound(requireVisible(context, billingEntityId));
    if (entity !== null && (await isReadableRecord(context, entity, record))) return record;
  }
  return null;
}

/** A reservation of an account whose reservations the caller may read. */
export async function readableReservation(context: RequestContext, id: string): Promise<Reservation | null> {
  const key = parseReservationId(id);
  return ifAllowed(context, key, 'reservations.read', () => context.loaders.reservation.load(key));
}

/** A key of an entity whose keys the caller may read; and the caller itself, if it is a key. */
export async function readableApiKey(context: RequestContext, id: string): Promise<ApiKey | null> {
  const { principal, loaders } = context;
  const ref = parseApiKeyId(id);
  if (principal?.kind === 'API_KEY' && principal.apiKeyId === ref.id) return loaders.apiKey.load(ref);
  return ifAllowed(context, ref, 'apiKeys.read', () => loaders.apiKey.load(ref));
}

/** A membership or an invitation that the caller finds among the members of its organization. */
export async function readableMembership(context: RequestContext, id: string): Promise<Membership | null> {
  const key = parseMembershipId(id);
  const entity = await requireVisible(context, key.organizationId);
  return nullUnless(context, { entity, operation: 'members.read' }, async () => {
    const only = await onlyMember(context, entity, 'members.readAll');
    const membership = await context.loaders.namedMembership.load(key);
    return only === null || membership?.userId === only ? membership : null;
  });
}

/** An entry of an audit log that the caller may read. */
export async function readableAuditLogEntry(context: RequestContext, id: string): Promise<AuditLogEntry | null> {
  const key = parseAuditLogEntryId(id);
  return ifAllowed(context, key, 'auditLog.read', () => context.loaders.auditLogEntry.load(key));
}

/** An alert that the caller finds among those of its entity. */
export async function readableAlert(context: RequestContext, id: string): Promise<RaisedAlert | null> {
  const ref = parseAlertId(id);
  const entity = await requireVisible(context, ref.billingEntityId);
  return nullUnless(context, { entity, operation: 'alerts.read' }, async () => {
    const only = await onlyMember(context, entity, 'alerts.readAll');
    const alert = await context.loaders.reads.alerts.find(ref);
    return only === null || alert?.memberId === only ? alert : null;
  });
}

async function ifAllowed<T>(
  context: RequestContext,
  owned: { readonly billingEntityId: string },
  operation: Operation,
  read: () => Promise<T | null>,
): Promise<T | null> {
  return (await mayOf(context, owned, operation)) ? read() : null;
}
