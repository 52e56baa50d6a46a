import type { RequiredEntityData } from '@mikro-orm/core';
import { v7 as uuidv7 } from 'uuid';
import type { Mail } from './mail.entity.ts';

/** A mail that was just made, and may leave at once. */
export function newMail(
  made: Pick<Mail, 'billingEntityId' | 'addressId' | 'kind' | 'recipient' | 'content'>,
  now: Date,
): RequiredEntityData<Mail> {
  return {
    ...{ ...made, id: uuidv7(), createdAt: now, nextAttemptAt: now },
    ...{ claimedUntil: null, sentAt: null, failedAt: null, failure: null },
  };
}
