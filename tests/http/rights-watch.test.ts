import type { ApiKeyPrincipal, UserPrincipal } from '../../src/billing-entities/principal.ts';
import type { Rights } from '../../src/graphql/request/rights.ts';
import { RightsWatch } from '../../src/http/rights-watch.ts';
import type { SocketSession } from '../../src/http/socket-session.ts';
import { Starts } from '../../src/http/starts.ts';
import { createLog } from '../../src/kernel/log.ts';
import { ManualScheduler } from '../live/manual-scheduler.ts';

const expiresAt = new Date('2100-01-01');
const user: UserPrincipal = { kind: 'USER', subject: 'ann', billingEntityId: 'a', expiresAt };
const bearer: ApiKeyPrincipal = { kind: 'API_KEY', subject: 'key_1', billingEntityId: 'a', apiKeyId: '1', expiresAt };

class FakeSession {
  readonly starts = new Starts();
  readonly ended: string[] = [];
  readonly closed: number[] = [];
  readonly principal: UserPrincipal | ApiKeyPrincipal;

  constructor(principal: UserPrincipal | ApiKeyPrincipal) {
    this.principal = principal;
  }

  watch(id: string, name = id): void {
    const start = this.starts.begin(id, 1);
    if (start === null) throw new Error(`${id} names something`);
    start.watch = { billingEntityId: 'a', rights: ['credits.read'], suspendedSince: null, principal: this.principal };
    start.streams({ return: async () => void this.ended.push(name) } as unknown as AsyncGenerator<never>);
  }

  close(code: number): void {
    this.closed.push(code);
  }
}

function setUp(answers: Partial<Rights> = {}) {
  const asked: string[] = [];
  const rights: Rights = {
    endedAmong(watches) {
      asked.push(`${watches.length} watches`);
      return answers.endedAmong?.(watches) ?? Promise.resolve(new Set());
    },
    goodAmong(bearers) {
      asked.push(`${bearers.length} bearers`);
      return answers.goodAmong?.(bearers) ?? Promise.resolve(new Set(bearers));
    },
  };
  const sessions = new Set<FakeSession>();
  const scheduler = new ManualScheduler();
  const watch = new RightsWatch({
    rights,
    sessions: sessions as unknown as ReadonlySet<SocketSession>,
    scheduler,
    log: createLog({ level: 'silent' }),
  });
  const opened = (session: FakeSession): FakeSession => {
    sessions.add(session);
    watch.start();
    return session;
  };
  return { asked, sessions, scheduler, watch, opened };
}

describe('the watch over rights', () => {
  it('asks for everything together, at least twice a second, and nothing where nothing is open', async () => {
    const { asked, sessions, scheduler, opened } = setUp();
    const plain = opened(new FakeSession(user));
    await scheduler.advance(1_000);
    expect(asked).toEqual([]);
    for (let index = 0; index < 50; index += 1) plain.watch(`w${index}`);
    opened(new FakeSession(bearer)).watch('mine');
    await scheduler.advance(400);
    expect(asked.toSorted()).toEqual(['1 bearers', '51 watches']);
    sessions.clear();
    await scheduler.advance(10_000);
    expect(asked).toHaveLength(2);
    expect(scheduler.planned).toBe(0);
  });

  it('ends what lost its right, and only that', async () => {
    const { scheduler, opened } = setUp({
      endedAmong: (watches) => Promise.resolve(new Set(watches.slice(0, 1))),
      goodAmong: () => Promise.resolve(new Set()),
    });
    const [people, keys] = [opened(new FakeSession(user)), opened(new FakeSession(bearer))];
    people.watch('first');
    people.watch('second');
    await scheduler.advance(400);
    expect([people.ended, people.closed]).toEqual([['first'], []]);
    expect([keys.ended, keys.closed]).toEqual([[], [4403]]);
  });

  it('spares what was opened under the same name while it asked', async () => {
    const session = new FakeSession(user);
    const { scheduler, opened } = setUp({
      endedAmong(watches) {
        session.starts.completed('s');
        session.watch('s', 'the other');
        return Promise.resolve(new Set(watches));
      },
    });
    opened(session).watch('s');
    await scheduler.advance(400);
    expect(session.ended).toEqual(['s']);
  });

  it('goes on after the database was away, and not after it was stopped', async () => {
    let isAway = true;
    const { asked, scheduler, watch, opened } = setUp({
      endedAmong: () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve(new Set())),
    });
    opened(new FakeSession(user)).watch('s');
    await scheduler.advance(400);
    isAway = false;
    await scheduler.advance(400);
    expect(asked).toHaveLength(2);
    watch.stop();
    await scheduler.advance(1_000);
    expect(asked).toHaveLength(2);
    opened(new FakeSession(user));
    expect(scheduler.planned).toBe(0);
  });
});
