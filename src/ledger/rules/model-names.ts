/**
 * Names of models in the sums of use. Nobody makes the sums grow by names: of one person's day in one account only so many
 * models are summed up by name, in the order of recording. The use of all further ones is summed up together. A record says
 * which of the two was decided for it, so that its refund and the proof find the same sum whatever the bound has become.
 */
import { isStorableText } from '../../kernel/text.ts';
import type { UsageRecord } from './entries.ts';

/** Most models of one person, account and day that are summed up by name, where the installation says nothing else. */
export const MODELS_A_DAY = 50;

/** The name in the sums of the use of further models. A control character: no model is called so. */
export const FOLDED_MODELS = '\u0001';

const MOST_CHARACTERS = 100;
const CONTROL = /\p{Cc}/u;

/** Tells if a model may be called so: 1 to 100 characters, as people count them, that can be stored and shown. */
export function isModelName(name: string): boolean {
  const length = name.length > MOST_CHARACTERS ? Array.from(name).length : name.length;
  return length >= 1 && length <= MOST_CHARACTERS && isStorableText(name) && !CONTROL.test(name);
}

/** A person's day (UTC, by occurredAt) in one account. */
export interface PersonDay {
  readonly billingEntityId: string;
  /** null: use without a person, which is one person here. */
  readonly userId: string | null;
  /** Any instant of the day. */
  readonly at: Date;
}

/** The models that a day's sums have by name, and most that they may have. */
export interface NamedModels {
  readonly names: ReadonlySet<string>;
  readonly most: number;
}

/** Sums that nothing is known of: any model is named. */
export const ANY_MODEL: NamedModels = { names: new Set(), most: Number.POSITIVE_INFINITY };

const DAY_MS = 86_400_000;

/** Tells for each of these models, in order, if it is folded. A model that is summed up by name stays so for the day. */
export function foldModels(models: readonly (string | null)[], { names, most }: NamedModels): boolean[] {
  const named = new Set(names);
  return models.map((model) => {
    if (model === null || named.has(model)) return false;
    if (named.size >= most) return true;
    named.add(model);
    return false;
  });
}

/** The name under which sums have a record; null: that of use without a model. */
export function summedModel({ model, modelFolded }: Pick<UsageRecord, 'model' | 'modelFolded'>): string | null {
  return modelFolded ? FOLDED_MODELS : model;
}

/** The models that sums have by name, as far as a transaction asks about them; what it records itself is added. */
export class ModelNames {
  readonly #most: number;
  readonly #days = new Map<string, Set<string>>();

  constructor(most: number, known: readonly (PersonDay & { readonly model: string })[]) {
    this.#most = most;
    for (const each of known) this.#add(each, each.model);
  }

  of(day: PersonDay): NamedModels {
    return { names: this.#days.get(personDayName(day)) ?? new Set(), most: this.#most };
  }

  /** The days of one account, as far as they are known. */
  ofAccount(billingEntityId: string): ModelNames {
    const own = new ModelNames(this.#most, []);
    for (const [day, names] of this.#days) {
      if (day.startsWith(`${billingEntityId} `)) own.#days.set(day, new Set(names));
    }
    return own;
  }

  /** Takes over what is known of days elsewhere. */
  learn(newer: ModelNames): void {
    for (const [day, names] of newer.#days) this.#days.set(day, names);
  }

  /** Notes the models of records, for those that come after them. */
  add(records: readonly UsageRecord[]): void {
    for (const record of records) {
      const { model, modelFolded, occurredAt } = record;
      if (model !== null && !modelFolded) this.#add({ ...record, at: occurredAt }, model);
    }
  }

  #add(day: PersonDay, model: string): void {
    const name = personDayName(day);
    const names = this.#days.get(name);
    if (names === undefined) this.#days.set(name, new Set([model]));
    else names.add(model);
  }
}

/** Tells person days apart. */
export function personDayName({ billingEntityId, userId, at }: PersonDay): string {
  return `${billingEntityId} ${userId} ${Math.floor(at.getTime() / DAY_MS)}`;
}
