import { createHash } from 'node:crypto';
import { stringify } from 'uuid';

/**
 * The made-up id of whoever an organization knows by this external id. It follows from what the inviter said and from
 * nothing else: it tells nothing of the person, is the same whenever they are named again, and belongs to no entity.
 * Invitees come after all users in the order of ids, which begin with their time.
 */
export function inviteeIdOf(organizationId: string, externalId: string): string {
  const bytes = createHash('sha256').update(`invitee ${organizationId} ${externalId}`).digest().subarray(0, 16);
  bytes[0] = 0xff;
  // Version 8, a UUID of one's own making: no other kind of id can be the same.
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return stringify(bytes);
}
