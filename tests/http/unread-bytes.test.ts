import fc from 'fast-check';
import type { Principal } from '../../src/billing-entities/principal.ts';
import { UnreadBytes } from '../../src/http/unread-bytes.ts';

const person = (subject: string): Principal => ({
  kind: 'USER',
  subject,
  billingEntityId: `entity of ${subject}`,
  expiresAt: new Date(0),
});

describe('unread bytes', () => {
  const unread = (): UnreadBytes => new UnreadBytes({ principal: 1000, anonymous: 100, all: 4000 });

  it('are bounded for a principal over all of its tokens, and for strangers by their address', () => {
    const bytes = unread();
    const ada = bytes.holderOf(person('ada'), '1.1.1.1');
    expect(bytes.holderOf({ ...person('ada'), expiresAt: new Date(1) }, '2.2.2.2')).toBe(ada);
    bytes.reserve(ada, 900);
    expect([bytes.refusal(ada, 100), bytes.refusal(ada, 101)?.code]).toEqual([null, 'RATE_LIMITED']);
    const stranger = bytes.holderOf(null, '1.1.1.1');
    bytes.reserve(stranger, 100);
    expect(bytes.refusal(stranger, 1)).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 1000 });
    expect(bytes.refusal(bytes.holderOf(null, '1.1.1.2'), 1)).toBeNull();
  });

  it('let an answer above the bound through to who has nothing unread', () => {
    const bytes = unread();
    expect(bytes.refusal(bytes.holderOf(null, '1.1.1.1'), 5000)).toBeNull();
  });

  it('of a crowd leave a quarter to those who read', () => {
    const bytes = unread();
    const crowd = Array.from({ length: 4 }, (_, at) => bytes.holderOf(person(`slow ${at}`), undefined));
    for (const each of crowd) bytes.reserve(each, 750);
    expect(bytes.refusal(crowd[0] as never, 1)?.code).toBe('UNAVAILABLE');
    const reader = bytes.holderOf(person('reader'), undefined);
    expect([bytes.refusal(reader, 1000), bytes.refusal(reader, 1001)?.code]).toEqual([null, 'UNAVAILABLE']);
  });

  it('come back to nothing, in whatever order they are released', () => {
    const moves = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 5000 })), {
      maxLength: 50,
    });
    fc.assert(
      fc.property(moves, fc.infiniteStream(fc.nat()), (reserved, order) => {
        const bytes = unread();
        for (const [name, count] of reserved) bytes.reserve(bytes.holderOf(person(name), undefined), count);
        expect(bytes.all).toBe(reserved.reduce((sum, [, count]) => sum + count, 0));
        const left = [...reserved];
        while (left.length > 0) {
          const [[name, count]] = left.splice((order.next().value as number) % left.length, 1) as [[string, number]];
          bytes.release(bytes.holderOf(person(name), undefined), count);
        }
        expect([bytes.all, bytes.holders]).toEqual([0, 0]);
      }),
    );
    const bytes = unread();
    expect(() => bytes.release(bytes.holderOf(null, ''), 1)).toThrow('more unread bytes');
  });
});
