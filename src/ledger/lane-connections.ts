/** Connections on which the batches of a lane are sent one behind the other. */
import type { Pool, PoolClient } from 'pg';
import { isTransient } from '../db/errors.ts';

interface Lent {
  readonly client: Promise<PoolClient>;
  users: number;
  isBroken: boolean;
}

export class LaneConnections {
  readonly #pool: Pool;
  readonly #lent = new Map<number, Lent>();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Works on the connection of a lane, behind whoever works on it already. It goes back to the pool when nobody does any more. */
  async use<T>(lane: number, work: (client: PoolClient) => Promise<T>): Promise<T> {
    let lent = this.#lent.get(lane);
    if (lent === undefined) this.#lent.set(lane, (lent = { client: this.#pool.connect(), users: 0, isBroken: false }));
    lent.users += 1;
    try {
      return await work(await lent.client);
    } catch (error) {
      lent.isBroken ||= isTransient(error);
      throw error;
    } finally {
      lent.users -= 1;
      if (lent.users === 0) {
        this.#lent.delete(lane);
        const { isBroken } = lent;
        void lent.client.then(
          (client) => client.release(isBroken),
          () => undefined,
        );
      }
    }
  }
}
