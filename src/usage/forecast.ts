/** The pace at which credits are used, and the instant at which they run out at that pace. */
import type { Clock } from '../kernel/clock.ts';
import { accountTime } from '../ledger/rules/account.ts';
import type { Accounts } from '../ledger/accounts.ts';
import type { Database } from '../db/database.ts';

export interface BalanceForecast {
  /** Mean credits a day over the last seven days, rounded to the nearest whole credit, halves up. */
  readonly dailyBurn: bigint;
  /** When available reaches 0 at the exact pace, rounded up to the millisecond; null: not before the period ends. */
  readonly exhaustsAt: Date | null;
}

/** The facts that a forecast is computed from. */
export interface Pace {
  /** The balance now, with every scheduled event applied. */
  readonly available: bigint;
  readonly periodEnd: Date;
  /** Credits of the last seven days, net of refunds; never negative. */
  readonly burnt: bigint;
  readonly now: Date;
}

const DAY_MS = 86_400_000;
const WINDOW_DAYS = 7n;
const WINDOW_MS = Number(WINDOW_DAYS) * DAY_MS;

interface Options {
  readonly database: Database;
  readonly accounts: Accounts;
  readonly clock: Clock;
}

export class Forecasts {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /** The forecast of this account, from its use in the last seven days; null when there is no account. */
  async forecast(billingEntityId: string): Promise<BalanceForecast | null> {
    const { accounts, clock } = this.#options;
    const account = await accounts.peek(billingEntityId);
    if (account === null) return null;
    const now = accountTime(account, clock.now());
    const burnt = await this.#burntSince(billingEntityId, new Date(now.getTime() - WINDOW_MS));
    return forecastOf({ available: account.available, periodEnd: account.period.end, burnt, now });
  }

  /** Credits of the hours that began at this instant or later. */
  async #burntSince(billingEntityId: string, since: Date): Promise<bigint> {
    const { rows } = await this.#options.database.query<{ burnt: string }>(
      `select coalesce(sum(credits), 0) as burnt from usage_rollup where billing_entity_id = $1 and hour >= $2`,
      [billingEntityId, since],
    );
    return BigInt(rows[0]?.burnt ?? 0);
  }
}

/** The forecast at this pace (pure). Credits that are used up are used up now, at any pace. */
export function forecastOf({ available, periodEnd, burnt, now }: Pace): BalanceForecast {
  const dailyBurn = (2n * burnt + WINDOW_DAYS) / (2n * WINDOW_DAYS);
  if (available === 0n) return { dailyBurn, exhaustsAt: now };
  if (burnt === 0n) return { dailyBurn, exhaustsAt: null };
  // In whole numbers: available × window is beyond what a float holds exactly.
  const lastsMs = (available * BigInt(WINDOW_MS) + burnt - 1n) / burnt;
  const isInPeriod = lastsMs < BigInt(periodEnd.getTime() - now.getTime());
  return { dailyBurn, exhaustsAt: isInPeriod ? new Date(now.getTime() + Number(lastsMs)) : null };
}
