import { checkoutLines } from './checkout-terms.ts';
import { invalid } from './errors.ts';
import { intentOf, paymentsOf } from './payments.ts';
import { present } from './present.ts';
import type { Sandbox } from './sandbox.ts';

type Json = Record<string, unknown>;

/** Deepest that Stripe expands; `data` of a list does not count. */
const DEEPEST = 4;

/**
 * Expands `data.latest_invoice.payments` and its like in a copy of an answer. Ids become objects; some properties are
 * absent until they are asked for.
 */
export function expandAnswer(sandbox: Sandbox, answer: object, paths: readonly string[]): object {
  const copy = present(answer) as Json;
  for (const path of paths) {
    const parts = path.split('.');
    if (parts.filter((part) => part !== 'data').length > DEEPEST) {
      throw invalid(`You cannot expand more than ${DEEPEST} levels of a property`, { param: 'expand' });
    }
    expandPath(sandbox, copy, { parts, path });
  }
  return copy;
}

function expandPath(
  sandbox: Sandbox,
  node: unknown,
  { parts, path }: { parts: readonly string[]; path: string },
): void {
  const [name, ...rest] = parts;
  if (name === undefined || typeof node !== 'object' || node === null) return;
  if (Array.isArray(node)) {
    for (const element of node as unknown[]) expandPath(sandbox, element, { parts, path });
    return;
  }
  const owner = node as Json;
  if (owner['deleted'] === true) return;
  if (!Object.hasOwn(owner, name)) {
    const included = include(sandbox, owner, name);
    if (included === undefined) throw cannotExpand(path);
    owner[name] = present(included);
  }
  const value = owner[name];
  if (typeof value === 'string') {
    const found = sandbox.find(value);
    if (found === null) throw cannotExpand(path);
    owner[name] = present(found);
  } else if (Array.isArray(value)) {
    owner[name] = (value as unknown[]).map((each) =>
      typeof each === 'string' ? present(sandbox.find(each) ?? each) : each,
    );
  } else if (typeof value !== 'object') {
    throw cannotExpand(path);
  }
  expandPath(sandbox, owner[name], { parts: rest, path });
}

function cannotExpand(path: string): Error {
  return invalid(`This property cannot be expanded (${path}).`, { param: 'expand' });
}

/** Properties that Stripe leaves out unless asked; undefined: there is none of this name. */
function include(sandbox: Sandbox, owner: Json, name: string): unknown {
  const { tables } = sandbox;
  const id = String(owner['id']);
  const list = (data: readonly object[], url: string): object => ({ object: 'list', data, has_more: false, url });
  switch (`${String(owner['object'])}.${name}`) {
    case 'invoice.payments':
      return list(paymentsOf(sandbox, id), '/v1/invoice_payments');
    case 'invoice.confirmation_secret': {
      const secret = intentOf(sandbox, id)?.client_secret ?? null;
      return secret === null ? null : { client_secret: secret, type: 'payment_intent' };
    }
    case 'checkout.session.line_items':
      return list(checkoutLines(sandbox, id), `/v1/checkout/sessions/${id}/line_items`);
    case 'charge.refunds': {
      const refunds = [...tables.refunds.values()].filter((refund) => refund.charge === id);
      return list(refunds.toReversed(), `/v1/charges/${id}/refunds`);
    }
    case 'customer.subscriptions': {
      const live = [...tables.subscriptions.values()].filter((each) => each.customer === id && each.ended_at === null);
      return list(live.toReversed(), `/v1/customers/${id}/subscriptions`);
    }
    default:
      return undefined;
  }
}
