/** Whatever a query reads waits its caller's turn, unless it is folded: asked of every field that a query leads to. */
import {
  getNamedType,
  getNullableType,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import type { Principal } from '../../src/billing-entities/principal.ts';
import { loadConfig } from '../../src/config/config.ts';
import { FairTurns } from '../../src/db/fair-turns.ts';
import { contextFactory } from '../../src/graphql/request/context.ts';
import { Operations } from '../../src/graphql/execution/operations.ts';
import { createLog } from '../../src/kernel/log.ts';
import type { DomainServices } from '../../src/services.ts';
import { schema } from '../support/ask-resolvers.ts';
import { ANN, ann, fakeDomain, operator } from '../support/fake-domain.ts';

const { limits } = loadConfig(
  { OPERATION_COST: '100000000', DOCUMENT_TOKENS: '100000', DOCUMENT_FIELDS: '10000' },
  'local',
);
const operations = new Operations({ schema, limits, log: createLog({ level: 'silent' }), suggestions: true });

/** Asks the payment provider, which has no connection of ours to share. */
const ELSEWHERE = new Set(['invoices.list', 'invoices.upcoming', 'planChanges.preview']);

/** Folded with the same reads of all other callers: few statements, however many ask. */
const FOLDED = new Set(['entities.byIds', 'members.byKeys', 'accounts.balances', 'consumption.check']);

/** Turns that know what is done in them. */
class KnownTurns extends FairTurns {
  readonly callers = new Set<string>();
  isInside = false;

  override take<T>(name: string, work: () => Promise<T> | T): Promise<T> {
    this.callers.add(name);
    return super.take(name, () => {
      this.isInside = true;
      try {
        return work();
      } finally {
        this.isInside = false;
      }
    });
  }
}

/** Notes each call of the domain, with whether it had a turn. */
function noting(services: DomainServices, note: (call: string) => void): DomainServices {
  return new Proxy(services, {
    get(target, service) {
      const found = Reflect.get(target, service) as object;
      return new Proxy(found, {
        get(object, method) {
          const member: unknown = Reflect.get(object, method);
          if (typeof member !== 'function') return member;
          return (...args: unknown[]): unknown => {
            note(`${String(service)}.${String(method)}`);
            return Reflect.apply(member, object, args);
          };
        },
      });
    },
  });
}

async function ask(
  principal: Principal,
  query: string,
): Promise<{ inTurn: Set<string>; outOfTurn: Set<string>; turns: KnownTurns }> {
  const turns = new KnownTurns({ atOnce: 4, atOncePerCaller: 4, waitingPerCaller: 1_000, waiting: 1_000 });
  const [inTurn, outOfTurn] = [new Set<string>(), new Set<string>()];
  const { services } = fakeDomain();
  const noted = noting(services, (call) => (turns.isInside ? inTurn : outOfTurn).add(call));
  const { operation, errors } = operations.prepare({ query });
  if (operation === null) throw new Error(`${errors.map(String).join('; ')}\n${query}`);
  await operations.execute(operation, {}, contextFactory(noted, turns)(principal));
  return { inTurn, outOfTurn, turns };
}

/** All that a type leads to within so many steps. */
function everything(type: GraphQLObjectType, depth: number): string {
  const fields = Object.values(type.getFields()).map((field) => selection(field, depth));
  return `{ __typename ${fields.join(' ')} }`;
}

function selection(field: GraphQLField<unknown, unknown>, depth: number): string {
  const args = field.args
    .filter((arg) => isNonNullType(arg.type) && arg.defaultValue === undefined)
    .map((arg) => `${arg.name}: ${literal(arg.type)}`);
  const call = `${field.name}${args.length > 0 ? `(${args.join(', ')})` : ''}`;
  const type = getNamedType(field.type);
  if (isObjectType(type)) return depth > 0 ? `${call} ${everything(type, depth - 1)}` : '';
  return isAbstractType(type) ? `${call} { __typename }` : call;
}

function literal(type: GraphQLInputType): string {
  const named = getNullableType(type);
  if (isListType(named)) return `[${literal(named.ofType)}]`;
  if (isEnumType(named)) return named.getValues()[0]?.name ?? '';
  if (isInputObjectType(named)) {
    const members = Object.values(named.getFields()).filter(
      (field) => isNonNullType(field.type) && field.defaultValue === undefined,
    );
    return `{ ${members.map((field) => `${field.name}: ${literal(field.type)}`).join(', ')} }`;
  }
  const texts: Readonly<Record<string, string>> = {
    ID: ANN,
    String: 'ann',
    DateTime: '2026-03-10T12:00:00Z',
    PlanCode: 'PRO',
  };
  return named.name in texts ? JSON.stringify(texts[named.name]) : '1';
}

const roots = Object.values(schema.getQueryType()?.getFields() ?? {});

describe('every query', () => {
  it.each(roots.map((field) => ({ name: field.name, field })))('reads in turn, or folded: $name', async ({ field }) => {
    for (const principal of [ann, operator]) {
      const { outOfTurn } = await ask(principal, `{ ${selection(field, 4)} }`);
      expect([...outOfTurn].filter((call) => !ELSEWHERE.has(call) && !FOLDED.has(call))).toEqual([]);
    }
  });

  it('is read by what the domain offers for it', async () => {
    const read = new Set<string>();
    for (const field of roots) {
      for (const principal of [ann, operator]) {
        const { inTurn, outOfTurn } = await ask(principal, `{ ${selection(field, 4)} }`);
        for (const call of [...inTurn, ...outOfTurn]) read.add(call);
      }
    }
    expect([...read]).toEqual(
      expect.arrayContaining([
        'entities.byIds',
        'entities.byExternalId',
        'entities.list',
        'members.ofUser',
        'history.grants',
        'history.ledger',
        'usage.records',
        'summaries.summarize',
        'forecasts.forecast',
        'reservations.list',
        'auditLog.list',
        'apiKeys.list',
        'alertAddresses.lists',
        'verification.verify',
        'consumption.check',
        'accounts.balances',
        'subscriptions.byIds',
        'failedJobs.list',
      ]),
    );
  });

  it('of all who act for one billing entity shares its turns', async () => {
    const { turns } = await ask(ann, '{ viewer { user { grants { edges { cursor } } } } }');
    expect([...turns.callers]).toEqual([ANN]);
  });
});
