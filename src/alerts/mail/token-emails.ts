/** The addresses that people's tokens vouch for, as of when they were last seen. */
import type { Database } from '../../db/database.ts';
import type { Transaction } from '../../db/rows.ts';
import type { Clock } from '../../kernel/clock.ts';
import { type MailAddress, parseAddress } from './address.ts';

interface Options {
  readonly database: Database;
  readonly clock: Clock;
}

/** The address of a bearer, as their token tells it. */
export interface TokenEmail {
  readonly address: string;
  /** False where the identity provider says that it did not check it. */
  readonly verified: boolean;
}

export class TokenEmails {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Keeps the address of somebody whose token was just seen for the first time by this process. One that is not verified replaces none, and if it is the one that was
   * kept, that is forgotten: the identity provider no longer stands by it. What is no address says nothing.
   */
  async note(userId: string, { address: text, verified }: TokenEmail): Promise<void> {
    const { database, clock } = this.#options;
    const parsed = parseAddress(text);
    if (parsed === null) return;
    const { address } = parsed;
    if (verified) {
      await database.query(
        `insert into user_email as e (billing_entity_id, address, seen_at) values ($1, $2, $3)
         on conflict (billing_entity_id) do update set address = excluded.address, seen_at = excluded.seen_at
           where e.address <> excluded.address`,
        [userId, address, clock.now()],
      );
    } else {
      await database.query(`delete from user_email where billing_entity_id = $1 and lower(address) = lower($2)`, [
        userId,
        address,
      ]);
    }
  }
}

/** The kept addresses of these people; who has none is left out. */
export async function emailsOf(
  { client }: Pick<Transaction, 'client'>,
  userIds: readonly string[],
): Promise<ReadonlyMap<string, MailAddress>> {
  if (userIds.length === 0) return new Map();
  const { rows } = await client.query<{ billing_entity_id: string; address: string }>(
    `select e.billing_entity_id, e.address from user_email e where e.billing_entity_id = any($1::uuid[])`,
    [userIds],
  );
  return new Map(
    rows.flatMap(({ billing_entity_id: id, address }) => {
      const parsed = parseAddress(address);
      return parsed === null ? [] : [[id, parsed] as const];
    }),
  );
}
