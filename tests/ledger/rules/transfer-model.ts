/**
 * Accounts between which credits move, the naive way: lots in a list that is sorted at every look. A lot knows where its credits
 * were bought and who transferred them last. Every purchase has a priority of its own, so that no order is left to chance.
 */
interface Purchase {
  readonly id: string;
  readonly account: string;
  readonly priority: number;
  readonly amount: bigint;
  readonly mayLeave: boolean;
  /** In milliseconds. */
  readonly until: number;
  expired: bigint;
  isClawed: boolean;
}

interface Lot {
  readonly purchase: Purchase;
  readonly via: string | null;
  readonly born: number;
  left: bigint;
}

/** As much as was wanted, or how much there is. */
export type Answer = 'done' | bigint;

export class TransferModel {
  readonly #purchases = new Map<string, Purchase>();
  readonly #lots = new Map<string, Lot[]>();
  readonly #held = new Map<string, bigint>();
  readonly #owed = new Map<string, bigint>();
  #step = 0;

  constructor(accounts: readonly string[]) {
    for (const account of accounts) this.#lots.set(account, []);
  }

  /** Everything that an account has, in the order in which it is drawn. */
  state(account: string): unknown {
    return {
      lots: this.#in(account).map(({ purchase, via, left }) => [purchase.id, via, left]),
      available: this.#available(account),
      held: this.held(account),
      owed: this.#owed.get(account) ?? 0n,
    };
  }

  held(account: string): bigint {
    return this.#held.get(account) ?? 0n;
  }

  buy(purchase: Omit<Purchase, 'expired' | 'isClawed'>): Answer {
    const bought = { ...purchase, expired: 0n, isClawed: false };
    this.#purchases.set(purchase.id, bought);
    this.#put(purchase.account, { purchase: bought, via: null, left: purchase.amount });
    return this.#settled('done');
  }

  move(from: string, to: string, credits: bigint): Answer {
    return this.#move(from, to, credits, (lot) => lot.left);
  }

  /** Takes back what was bought in `to`, or was transferred by it; nothing that is held. */
  takeBack(from: string, to: string, credits: bigint): Answer {
    return this.#move(from, to, credits, (lot) =>
      lot.via === to || lot.purchase.account === to ? this.#unheld(from, lot) : 0n,
    );
  }

  use(account: string, credits: bigint): Answer {
    const available = this.#available(account);
    if (credits > available) return available;
    this.#take(account, credits);
    return this.#settled('done');
  }

  hold(account: string, credits: bigint): Answer {
    const available = this.#available(account);
    if (credits > available) return available;
    this.#held.set(account, this.held(account) + credits);
    return 'done';
  }

  release(account: string): Answer {
    this.#held.delete(account);
    return this.#settled('done');
  }

  /** Lets time pass. Nothing may be held. */
  pass(now: number): Answer {
    for (const lots of this.#lots.values()) {
      for (const lot of lots) {
        if (lot.purchase.until > now) continue;
        lot.purchase.expired += lot.left;
        lot.left = 0n;
      }
    }
    return 'done';
  }

  /** Takes back everything that was bought, wherever it is. What expired costs nothing; what is used or held is owed. */
  clawBack(id: string): Answer {
    const purchase = this.#purchases.get(id) as Purchase;
    if (purchase.isClawed) return 'done';
    purchase.isClawed = true;
    let missing = purchase.amount - purchase.expired;
    const accounts = [purchase.account, ...[...this.#lots.keys()].filter((each) => each !== purchase.account)];
    const lots = accounts.flatMap((account) =>
      this.#in(account)
        .filter((lot) => lot.purchase === purchase)
        .map((lot) => ({ account, lot })),
    );
    const [bought, moved] = [lots.filter(({ lot }) => lot.via === null), lots.filter(({ lot }) => lot.via !== null)];
    for (const { account, lot } of [...bought, ...moved]) {
      const taken = this.#unheld(account, lot);
      lot.left -= taken;
      missing -= taken;
    }
    this.#owed.set(purchase.account, (this.#owed.get(purchase.account) ?? 0n) + missing);
    return this.#settled('done');
  }

  #move(from: string, to: string, credits: bigint, mostOf: (lot: Lot) => bigint): Answer {
    this.#step += 1;
    const most = this.#in(from).map((lot) => ({ lot, most: lot.purchase.mayLeave ? mostOf(lot) : 0n }));
    const movable = most.reduce((sum, each) => sum + each.most, 0n);
    const available = this.#available(from) < movable ? this.#available(from) : movable;
    if (credits > available) return available;
    let missing = credits;
    for (const { lot, most: least } of most) {
      const taken = least < missing ? least : missing;
      if (taken === 0n) continue;
      missing -= taken;
      lot.left -= taken;
      this.#put(to, { purchase: lot.purchase, via: from, left: taken });
    }
    return this.#settled('done');
  }

  #put(account: string, arriving: Omit<Lot, 'born'>): void {
    const alike = this.#in(account).find(
      ({ purchase, via }) => purchase === arriving.purchase && via !== null && via === arriving.via,
    );
    if (alike !== undefined) alike.left += arriving.left;
    else this.#lots.get(account)?.push({ ...arriving, born: this.#step });
  }

  #in(account: string): Lot[] {
    const lots = (this.#lots.get(account) ?? []).filter(({ left }) => left > 0n);
    return lots.sort((a, b) => a.purchase.priority - b.purchase.priority || a.born - b.born);
  }

  #available(account: string): bigint {
    return this.#in(account).reduce((sum, { left }) => sum + left, 0n) - this.held(account);
  }

  /** What is held lies on what would be drawn first. */
  #unheld(account: string, lot: Lot): bigint {
    let held = this.held(account);
    for (const each of this.#in(account)) {
      const covered = each.left < held ? each.left : held;
      if (each === lot) return each.left - covered;
      held -= covered;
    }
    return 0n;
  }

  #take(account: string, credits: bigint): void {
    let missing = credits;
    for (const lot of this.#in(account)) {
      const taken = lot.left < missing ? lot.left : missing;
      lot.left -= taken;
      missing -= taken;
    }
  }

  /** What is owed is paid as soon as there is something to pay it with. */
  #settled(answer: Answer): Answer {
    for (const [account, owed] of this.#owed) {
      const available = this.#available(account);
      const paid = available < owed ? available : owed;
      this.#take(account, paid);
      this.#owed.set(account, owed - paid);
    }
    return answer;
  }
}
