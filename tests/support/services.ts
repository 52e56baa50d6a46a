import { pino } from 'pino';
import type { Clock } from '../../src/kernel/clock.ts';
import { type DomainServices, openServices, type ServicesOptions } from '../../src/services.ts';

/** A clock that stands until it is moved. */
export class TestClock implements Clock {
  #now: Date;

  constructor(now = new Date('2026-03-10T12:00:00.000Z')) {
    this.#now = now;
  }

  now(): Date {
    return this.#now;
  }

  set(instant: string | Date): void {
    this.#now = new Date(instant);
  }

  forwardMs(durationMs: number): void {
    this.#now = new Date(this.#now.getTime() + durationMs);
  }
}

/** The domain on a test database, as one process of an installation would open it. */
export function openTestServices(
  databaseUrl: string,
  overrides: Partial<ServicesOptions> = {},
): Promise<DomainServices> {
  return openServices({
    databaseUrl,
    redisUrl: null,
    clock: new TestClock(),
    log: pino({ level: 'silent' }),
    ledger: { lanes: 2, maxBatch: 500, maxQueued: 20_000, patienceMs: 10_000 },
    readConnections: 4,
    sweepIntervalMs: 3_600_000,
    encryptionKeys: [{ id: 'k1', key: Buffer.alloc(32, 7) }],
    stripe: null,
    tendIntervalMs: 3_600_000,
    publicUrl: () => new URL('http://tollgate.test/'),
    organizations: { ids: 'open', perOwner: 100, membersEach: 10_000, invitationsEach: 500, newPeopleADay: 500 },
    exportStreams: { all: 4, principal: 2 },
    ...overrides,
  });
}
