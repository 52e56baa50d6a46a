/** Ids that the ledger makes. */
import { v5 as uuidv5, v7 as uuidv7 } from 'uuid';

const NAMESPACE = 'a4c1f6de-5d0b-5b5e-9a64-0f6f1d7f3c11';

/** A new one; of a name always the same, so that what is made once has a primary key that holds it to that. */
export function newId(name?: string): string {
  return name === undefined ? uuidv7() : uuidv5(name, NAMESPACE);
}
