import { sumOfUsed, type Users, verifyAccount } from './accounts.ts';
import type { Tollgate } from './tollgate.ts';

/** A figure is worth nothing if it was reached by being wrong: what must hold after all rows. */
export interface Proof {
  readonly what: string;
  readonly holds: boolean;
  readonly detail: string;
}

/** Compares the credits that were acknowledged with those that the accounts say were used, and has ledgers recomputed. */
export async function prove(tollgate: Tollgate, acknowledged: ReadonlyMap<Users, number>): Promise<Proof[]> {
  const proofs: Proof[] = [];
  for (const [users, credits] of acknowledged) {
    const { accounts, used } = await sumOfUsed(tollgate, users);
    proofs.push({
      what: `credits used are the credits acknowledged (${users.prefix}*)`,
      holds: used === credits && accounts === users.count,
      detail: `${used} used, ${credits} acknowledged, ${accounts} of ${users.count} accounts`,
    });
    // One account of many stands for them: each verification reads the whole ledger of its account.
    const sample = users.pool ?? `${users.prefix}${users.count - 1}`;
    const type = users.pool === undefined ? 'USER' : 'ORGANIZATION';
    const { consistent, entriesChecked, problems } = await verifyAccount(tollgate, sample, type);
    proofs.push({
      what: `the ledger adds up (${sample})`,
      holds: consistent && problems.length === 0,
      detail: consistent ? `${entriesChecked} entries recomputed` : problems.slice(0, 3).join('; '),
    });
  }
  return proofs;
}
