/** Credits that go back to where they came from, over any history (rule 23), held against a naive model. */
import fc from 'fast-check';
import type { Command, Decision } from '../../../src/ledger/rules/commands.ts';
import { newId } from '../../../src/ledger/store/new-id.ts';
import { grantOf, reserveOf, START, useOf } from './proven-account.ts';
import { PureLedger } from './pure-ledger.ts';
import { type Answer, TransferModel } from './transfer-model.ts';

const DAY_MS = 86_400_000;
const ACCOUNTS = ['person', 'friend', 'pool', 'club'] as const;
type Name = (typeof ACCOUNTS)[number];
const idOf = (name: Name): string => `01900000-0000-7000-8000-00000000000${ACCOUNTS.indexOf(name) + 1}`;

const account = fc.constantFrom(...ACCOUNTS);
const credits = fc.bigInt(1n, 25n);
const way = fc.tuple(account, account).filter(([from, to]) => from !== to);

type Step =
  | {
      readonly do: 'buy';
      readonly at: Name;
      readonly credits: bigint;
      readonly days: number;
      readonly mayLeave: boolean;
    }
  | { readonly do: 'move' | 'take back'; readonly way: readonly [Name, Name]; readonly credits: bigint }
  | { readonly do: 'use' | 'hold'; readonly at: Name; readonly credits: bigint }
  | { readonly do: 'release'; readonly at: Name }
  | { readonly do: 'pass'; readonly days: number }
  | { readonly do: 'claw back'; readonly nth: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('buy' as const),
      at: account,
      credits,
      days: fc.constantFrom(1, 3, 999),
      // A promotion among them stays where it is.
      mayLeave: fc.constantFrom(true, true, true, false),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('move' as const), way, credits }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('take back' as const), way, credits }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('use' as const, 'hold' as const), at: account, credits }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('release' as const), at: account }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pass' as const), days: fc.constantFrom(1, 2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('claw back' as const), nth: fc.nat(9) }) },
);

/** The same steps taken by the core and by the model. */
class Both {
  readonly ledger = new PureLedger();
  readonly #model = new TransferModel(ACCOUNTS.map(idOf));
  readonly #bought: { readonly id: string; readonly account: string; readonly amount: bigint }[] = [];
  readonly #holds = new Map<string, string[]>();
  #now = START;

  constructor() {
    for (const name of ACCOUNTS) this.ledger.open(idOf(name), START);
  }

  take(next: Step): void {
    this.#now = new Date(this.#now.getTime() + 1_000);
    switch (next.do) {
      case 'buy':
        this.#buy(next);
        break;
      case 'move':
      case 'take back': {
        const [from, to] = next.way.map(idOf) as [string, string];
        const isReturn = next.do === 'take back';
        const answer = isReturn
          ? this.#model.takeBack(from, to, next.credits)
          : this.#model.move(from, to, next.credits);
        const command = {
          kind: 'transfer',
          toBillingEntityId: to,
          amount: next.credits,
          isReturn,
          reason: null,
        } as const;
        this.#expect(answer, { ...command, billingEntityId: from, actor: 'test', idempotency: null });
        break;
      }
      case 'use': {
        const at = { billingEntityId: idOf(next.at) };
        this.#expect(this.#model.use(idOf(next.at), next.credits), { ...useOf(next.credits * 10n), ...at });
        break;
      }
      case 'hold': {
        const id = newId();
        const at = { billingEntityId: idOf(next.at), ttlMs: 100 * DAY_MS };
        const answer = this.#model.hold(idOf(next.at), next.credits);
        if (answer === 'done') this.#holds.set(idOf(next.at), [...(this.#holds.get(idOf(next.at)) ?? []), id]);
        this.#expect(answer, { ...reserveOf(next.credits * 10n, id), ...at });
        break;
      }
      case 'release':
        this.#release(idOf(next.at));
        break;
      case 'pass':
        for (const name of ACCOUNTS) this.#release(idOf(name));
        this.#now = new Date(this.#now.getTime() + next.days * DAY_MS);
        this.#model.pass(this.#now.getTime());
        break;
      case 'claw back': {
        const bought = this.#bought[next.nth];
        if (bought === undefined) break;
        const { id: grantId, account: billingEntityId, amount: target } = bought;
        const elsewhere = ACCOUNTS.map(idOf).filter((each) => each !== billingEntityId);
        const command = { kind: 'clawback', billingEntityId, grantId, target, elsewhere, reason: 'test' } as const;
        this.#expect(this.#model.clawBack(grantId), { ...command, actor: 'test', idempotency: null });
      }
    }
    for (const name of ACCOUNTS) {
      const { grants, available, held, owed } = this.ledger.advance(idOf(name), this.#now);
      const lots = grants
        .filter(({ state }) => state === 'ACTIVE')
        .map(({ root, transferredBy, remaining }) => [root.grantId, transferredBy, remaining]);
      expect({ lots, available, held, owed }).toEqual(this.#model.state(idOf(name)));
    }
  }

  #buy({ at, credits: amount, days, mayLeave }: Extract<Step, { do: 'buy' }>): void {
    const [id, where] = [newId(), idOf(at)];
    const [priority, until] = [this.#bought.length + 1, this.#now.getTime() + days * DAY_MS];
    this.#bought.push({ id, account: where, amount });
    const answer = this.#model.buy({ id, account: where, priority, amount, mayLeave, until });
    const terms = { billingEntityId: where, grantId: id, priority, expiresAt: new Date(until) };
    this.#expect(answer, grantOf(amount, { ...terms, source: mayLeave ? 'PURCHASE' : 'PROMOTION' }));
  }

  #release(where: string): void {
    const of = { billingEntityId: where, actor: 'test', anyReservation: true, idempotency: null } as const;
    for (const reservationId of this.#holds.get(where) ?? []) {
      expect(this.ledger.execute({ ...of, kind: 'release', reservationId }, this.#now).kind).toBe('applied');
    }
    this.#holds.delete(where);
    this.#model.release(where);
  }

  #expect(answer: Answer, command: Command): void {
    const decision = this.ledger.execute(command, this.#now);
    expect(cameTo(decision)).toEqual(answer);
  }
}

function cameTo(decision: Decision): unknown {
  if (decision.kind === 'applied') return 'done';
  return decision.kind === 'refused' ? decision.available : decision;
}

it('credits move, return, are used, held, expire and are clawed back as a naive model says', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }), (steps) => {
      const both = new Both();
      for (const each of steps) both.take(each);
      expect(ACCOUNTS.flatMap((name) => both.ledger.verify(idOf(name)).problems)).toEqual([]);
    }),
    { numRuns: 400 },
  );
});
