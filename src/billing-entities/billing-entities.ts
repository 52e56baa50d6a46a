/** Users and organizations: found, made on first sight, listed, suspended. */
import { v7 as uuidv7 } from 'uuid';
import { columnsOf } from '../db/columns.ts';
import type { Database } from '../db/database.ts';
import { FoldedReads } from '../db/folded-reads.ts';
import type { Rows } from '../db/rows.ts';
import { BoundedCache } from '../kernel/bounded-cache.ts';
import type { Clock } from '../kernel/clock.ts';
import { openAccount } from '../ledger/store/open-account.ts';
import { checkReason } from './audit-reason.ts';
import { checkPage, decodeCursor, type Page, type PageRequest, toPage } from '../kernel/pagination.ts';
import { Refusal } from '../kernel/refusal.ts';
import { isStorableText } from '../kernel/text.ts';
import { type BillingEntity, BillingEntityRow } from './billing-entity.entity.ts';
import { lockEntity, updateEntity } from './billing-entity.repository.ts';
import { writeAuditRow } from '../ledger/store/audit-rows.ts';
import { checkExternalId } from './entity-input.ts';

export type BillingEntityType = BillingEntity['type'];

/** A person as their token, or whoever names them, describes them. */
export interface UserDescription {
  /** The identity provider's id. */
  readonly externalId: string;
  readonly name: string | null;
  /** True where naming them gives them the trial: at their own sign-in, or by a service or an operator (rule 4). */
  readonly withTrial: boolean;
}

/** By whom, and why. */
interface Suspension {
  readonly billingEntityId: string;
  readonly actor: string;
  readonly reason: string;
}

/** The same of its end, which may be told without a reason. */
interface Reinstatement extends Omit<Suspension, 'reason'> {
  readonly reason: string | null;
}

interface Options {
  readonly rows: Rows;
  readonly database: Database;
  readonly clock: Clock;
  /** Gives the account its trial, once in its life. */
  readonly giveTrial: (billingEntityId: string) => Promise<void>;
}

/** Some forty thousand users. */
const KNOWN_USERS_BYTES = 16 * 1_048_576;
const ENTITY_COLUMNS = columnsOf(BillingEntityRow, 'b');

export class BillingEntities {
  readonly #rows: Rows;
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #giveTrial: Options['giveTrial'];
  /** Users that are known to be complete: nothing about them can become untrue but their name. */
  readonly #known = new BoundedCache<{ billingEntityId: string; name: string | null }>({ bytes: KNOWN_USERS_BYTES });
  readonly #arriving = new Map<string, Promise<string>>();
  readonly #read: FoldedReads<string, BillingEntity | null>;

  constructor({ rows, database, clock, giveTrial }: Options) {
    this.#rows = rows;
    this.#database = database;
    this.#clock = clock;
    this.#giveTrial = giveTrial;
    this.#read = new FoldedReads({ read: (ids) => this.#readAll(ids), nameOf: (id) => id });
  }

  /**
   * The user's billing entity, made now if nobody named them before. However many requests race, on however many
   * processes, there is one entity and one trial.
   * @throws Refusal BAD_USER_INPUT for an external id that cannot be one.
   */
  async ensureUser(user: UserDescription): Promise<string> {
    const known = this.#known.get(knownKey(user));
    if (known !== undefined && (user.name === null || user.name === known.name)) return known.billingEntityId;

    // Requests of one process that race for the same newcomer share one arrival.
    const key = JSON.stringify([user.externalId, user.name, user.withTrial]);
    const arriving = this.#arriving.get(key) ?? this.#arrive(user).finally(() => this.#arriving.delete(key));
    this.#arriving.set(key, arriving);
    return arriving;
  }

  async #arrive(user: UserDescription): Promise<string> {
    checkExternalId(user.externalId, 'userExternalId');
    const billingEntityId = await this.#claimKey('USER', user.externalId);
    await this.#complete(billingEntityId, user);
    if (user.withTrial) await this.#giveTrial(billingEntityId);
    this.#known.set(knownKey(user), { billingEntityId, name: user.name });
    return billingEntityId;
  }

  /** The entity that the directory names for this key, entered now if there was none. The first to enter it wins. */
  async #claimKey(type: BillingEntityType, externalId: string): Promise<string> {
    const found = await this.#findKey(type, externalId);
    if (found !== null) return found;
    await this.#database.query(
      `insert into entity_key (namespace, key, billing_entity_id) values ($1, $2, $3) on conflict (namespace, key) do nothing`,
      [type, externalId, uuidv7()],
    );
    return (await this.#findKey(type, externalId)) as string;
  }

  async #findKey(type: BillingEntityType, externalId: string): Promise<string | null> {
    const { rows } = await this.#database.query<{ billing_entity_id: string }>(
      `select billing_entity_id from entity_key where namespace = $1 and key = $2`,
      [type, externalId],
    );
    return rows[0]?.billing_entity_id ?? null;
  }

  /** Makes the entity's own rows, or what a process that died left unmade. Every statement may run again. */
  async #complete(billingEntityId: string, { externalId, name }: UserDescription): Promise<void> {
    const now = this.#clock.now();
    await this.#database.transaction(async (client) => {
      await client.query(
        `insert into billing_entity (billing_entity_id, type, external_id, name, created_at)
         values ($1, 'USER', $2, coalesce($3, $2), $4)
         on conflict (billing_entity_id) do update set name = $3
           where $3::text is not null and billing_entity.name <> $3`,
        [billingEntityId, externalId, name, now],
      );
      await openAccount(client, { billingEntityId, now });
    });
  }

  /** The entities of these ids that exist. */
  async byIds(ids: readonly string[]): Promise<Map<string, BillingEntity>> {
    const found = (await this.#read.askAll(ids)).filter((entity) => entity !== null);
    return new Map(found.map((entity) => [entity.billingEntityId, entity]));
  }

  async #readAll(ids: readonly string[]): Promise<(BillingEntity | null)[]> {
    // Whole SQL, prepared once a connection: each use asks who pays, and each list for the entities that its rows name.
    const { rows } = await this.#database.query<BillingEntity>({
      name: 'entities-by-ids',
      text: `select ${ENTITY_COLUMNS} from billing_entity b where b.billing_entity_id = any($1::uuid[])`,
      values: [ids],
    });
    const found = new Map(rows.map((row) => [row.billingEntityId, row]));
    return ids.map((id) => found.get(id) ?? null);
  }

  /** The entity with this id of the identity provider, or null. */
  async byExternalId(type: BillingEntityType, externalId: string): Promise<BillingEntity | null> {
    // What cannot be stored names nobody.
    if (!isStorableText(externalId)) return null;
    const id = await this.#findKey(type, externalId);
    return id === null ? null : ((await this.byIds([id])).get(id) ?? null);
  }

  /** Every entity, newest first. `search` is looked for in names and external ids, whatever their case. */
  async list(
    page: PageRequest,
    { search, type }: { search: string | null; type: BillingEntityType | null },
  ): Promise<Page<BillingEntity>> {
    checkPage(page);
    if (search !== null && !isStorableText(search)) {
      throw new Refusal('BAD_USER_INPUT', 'search must be well-formed text');
    }
    const after = decodeCursor(page.after, ['uuid']);
    const pattern = search === null ? null : `%${search.replace(/[\\%_]/g, '\\$&')}%`;
    const where = {
      ...(after && { billingEntityId: { $lt: after[0] } }),
      ...(type && { type }),
      ...(pattern && { $or: [{ externalId: { $ilike: pattern } }, { name: { $ilike: pattern } }] }),
    };
    // Ids are made in order of time.
    const inOrder = { orderBy: { billingEntityId: 'desc' }, limit: page.first + 1 } as const;
    const rows = await this.#rows.read((em) => em.find(BillingEntityRow, where, inOrder));
    return toPage(rows, page, (row) => [row.billingEntityId]);
  }

  /** From its answer on, every process refuses the entity's use. Again: the first suspension stands. @throws Refusal NOT_FOUND */
  async suspend({ billingEntityId, actor, reason }: Suspension): Promise<BillingEntity> {
    const trimmed = checkReason(reason);
    return this.#change(
      { billingEntityId, actor, action: 'entity.suspend', reason: trimmed },
      { suspendedAt: this.#clock.now(), suspensionReason: trimmed },
    );
  }

  /** Lifts a suspension; without one, nothing changes. A reason is audited where one is given. @throws Refusal NOT_FOUND */
  async reinstate({ billingEntityId, actor, reason }: Reinstatement): Promise<BillingEntity> {
    return this.#change(
      { billingEntityId, actor, action: 'entity.reinstate', reason: reason === null ? null : checkReason(reason) },
      { suspendedAt: null, suspensionReason: null },
    );
  }

  /** Suspends or reinstates under the entity's lock, and audits it. An entity that is already so stays as it is. */
  #change(
    { billingEntityId, ...cause }: { billingEntityId: string; actor: string; action: string; reason: string | null },
    suspension: Pick<BillingEntity, 'suspendedAt' | 'suspensionReason'>,
  ): Promise<BillingEntity> {
    return this.#rows.transaction(async ({ em, client }) => {
      const entity = await lockEntity(em, billingEntityId);
      const [before, after] = [statusOf(entity), statusOf(suspension)];
      if (before === after) return entity;
      await updateEntity(em, billingEntityId, suspension);
      await writeAuditRow(client, {
        ...cause,
        billingEntityId,
        subject: `${entity.type.toLowerCase()}:${entity.externalId}`,
        before: { status: before },
        after: { status: after },
        createdAt: this.#clock.now(),
      });
      return { ...entity, ...suspension };
    });
  }
}

function statusOf({ suspendedAt }: Pick<BillingEntity, 'suspendedAt'>): 'ACTIVE' | 'SUSPENDED' {
  return suspendedAt === null ? 'ACTIVE' : 'SUSPENDED';
}

/** Someone named by an administrator is known, but not yet as one who has had the trial. */
function knownKey({ withTrial, externalId }: UserDescription): string {
  return (withTrial ? 't' : 'n') + externalId;
}
