import { defineEntity, p } from '@mikro-orm/core';

/** Sessions of the portal that were ended before their time. They are of people, not of a billing entity. */
export const EndedSessionRow = defineEntity({
  name: 'EndedSession',
  tableName: 'ended_session',
  properties: {
    id: p.uuid().primary(),
    /** The end that the session had in any case: afterwards nobody asks about it. */
    expiresAt: p.datetime(3),
  },
});
