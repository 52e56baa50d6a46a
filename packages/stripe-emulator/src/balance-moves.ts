import type { Sandbox } from './sandbox.ts';
import type { BalanceTransaction, Customer, Invoice, Metadata } from './wire.ts';

interface BalanceMove {
  /** Cents: more is owed, or with a minus more is credited. */
  readonly amount: number;
  readonly currency: string;
  readonly type: 'adjustment' | 'applied_to_invoice' | 'credit_note' | 'unapplied_from_invoice';
  readonly invoice?: string;
  readonly creditNote?: string;
  readonly description?: string | undefined;
  readonly metadata?: Metadata;
}

/** Changes a customer's balance and notes why. */
export function moveBalance(sandbox: Sandbox, customer: Customer, move: BalanceMove): BalanceTransaction {
  const transaction: BalanceTransaction = {
    id: sandbox.newId('cbtxn'),
    object: 'customer_balance_transaction',
    amount: move.amount,
    checkout_session: null,
    created: sandbox.now(),
    credit_note: move.creditNote ?? null,
    currency: move.currency,
    customer: customer.id,
    customer_account: null,
    description: move.description ?? null,
    ending_balance: customer.balance + move.amount,
    invoice: move.invoice ?? null,
    livemode: false,
    metadata: move.metadata ?? {},
    type: move.type,
  };
  sandbox.tables.balanceTransactions.set(transaction.id, transaction);
  sandbox.change(customer, 'customer.updated', () => {
    customer.balance += move.amount;
    customer.currency ??= move.currency;
  });
  return transaction;
}

/** An invoice that is voided takes nothing of the balance: what it took of it, or added to it, goes back. */
export function unapplyBalance(sandbox: Sandbox, invoice: Invoice): void {
  const customer = sandbox.tables.customers.get(invoice.customer ?? '');
  const applied = (invoice.ending_balance ?? invoice.starting_balance) - invoice.starting_balance;
  if (customer === undefined || applied === 0) return;
  const { currency, id } = invoice;
  moveBalance(sandbox, customer, { amount: -applied, currency, type: 'unapplied_from_invoice', invoice: id });
}
