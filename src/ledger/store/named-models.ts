/** The models that the sums of a person's day have by name: loaded under the lock, and only where use names a model. */
import type { ClientBase } from 'pg';
import { NIL_UUID } from '../../kernel/nil-uuid.ts';
import { arrayLiteral } from '../../db/array-literal.ts';
import { type Account, accountTime } from '../rules/account.ts';
import type { Command } from '../rules/commands.ts';
import { type PersonDay, personDayName } from '../rules/model-names.ts';
import { NAMED_MODELS } from './load-statements.ts';
import { scopeOf } from './statements.ts';

export type NamedModelRow = PersonDay & { readonly model: string };

/** Days that were asked about, and what was found. */
export interface NamedModelsLoaded {
  readonly asked: readonly PersonDay[];
  readonly found: readonly NamedModelRow[];
}

/**
 * Asks, together with all else that is loaded, about the days on which these commands will be recorded as far as that can be
 * told before the lock: a settlement's person is its reservation's, and use of now may wait for the lock until midnight.
 */
export async function askNamedModels(
  client: ClientBase,
  commands: readonly Command[],
  now: Date,
): Promise<NamedModelsLoaded> {
  return load(
    client,
    personDays(commands, (command) => (command.kind === 'consume' ? { ...command, at: now } : null)),
  );
}

/** All that these commands need, with what was asked before. Mostly there is nothing left to ask. */
export async function loadNamedModels(
  client: ClientBase,
  under: {
    readonly commands: readonly Command[];
    readonly accounts: ReadonlyMap<string, Account>;
    readonly namedModels: NamedModelsLoaded;
    readonly wallClock: Date;
  },
): Promise<readonly NamedModelRow[]> {
  const { commands, accounts, namedModels, wallClock } = under;
  const days = personDays(commands, (command) => {
    const account = accounts.get(command.billingEntityId);
    if (account === undefined) return null;
    const user = command.kind === 'settle' ? account.reservations.get(command.reservationId) : command;
    return (
      user && { billingEntityId: command.billingEntityId, userId: user.userId, at: accountTime(account, wallClock) }
    );
  });
  const asked = new Set(namedModels.asked.map(personDayName));
  const { found } = await load(
    client,
    days.filter((day) => !asked.has(personDayName(day))),
  );
  return found.length === 0 ? namedModels.found : [...namedModels.found, ...found];
}

type UseCommand = Extract<Command, { readonly kind: 'consume' | 'settle' }>;

/** The days of commands that name a model, each once. `dayOf` tells the day of use that names no instant itself. */
function personDays(
  commands: readonly Command[],
  dayOf: (command: UseCommand) => PersonDay | null | undefined,
): PersonDay[] {
  const days = new Map<string, PersonDay>();
  for (const command of commands) {
    if (command.kind !== 'consume' && command.kind !== 'settle') continue;
    if (command.lines.every(({ model }) => model == null)) continue;
    const day = dayOf(command);
    if (day == null) continue;
    const { billingEntityId, userId, at } = day;
    const place = { billingEntityId, userId, at: command.occurredAt ?? at };
    days.set(personDayName(place), place);
  }
  return [...days.values()];
}

async function load(client: ClientBase, asked: readonly PersonDay[]): Promise<NamedModelsLoaded> {
  if (asked.length === 0) return { asked, found: [] };
  const ids = asked.map(({ billingEntityId }) => billingEntityId);
  const { scope, entities } = scopeOf([...new Set(ids)]);
  const { rows } = await client.query<{ number: number; model: string }>({
    ...NAMED_MODELS[scope],
    values: [
      entities,
      arrayLiteral(ids),
      arrayLiteral(asked.map(({ userId }) => userId ?? NIL_UUID)),
      arrayLiteral(asked.map(({ at }) => at)),
      arrayLiteral(asked.map((_, index) => index)),
    ],
  });
  return { asked, found: rows.map(({ number, model }) => ({ ...(asked[number] as PersonDay), model })) };
}
