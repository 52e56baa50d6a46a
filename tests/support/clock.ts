import type { Clock } from '../../src/kernel/clock.ts';

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
