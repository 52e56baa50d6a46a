import { getRouteApi } from '@tanstack/react-router';
import { type ReactNode, useCallback, useEffect, useRef } from 'react';
import { useCurrent } from '../../account/current.tsx';
import { type Asked, useData } from '../../api/data.ts';
import { InvoicesDocument, SubscriptionPageDocument } from '../../gql/graphql.ts';
import { useBalance, useLive } from '../../live/LiveProvider.tsx';
import { text } from '../../text.ts';
import { Empty } from '../../ui/Empty.tsx';
import { Shown } from '../../ui/Shown.tsx';
import { CheckoutReturn } from './CheckoutReturn.tsx';
import { Controls } from './Controls.tsx';
import { Invoices } from './Invoices.tsx';
import './subscription.css';

const SETTLE_MS = 1_500;
const route = getRouteApi('/subscription');

/** What is paid for, what changes and when, and every way to change it. */
export function SubscriptionPage(): ReactNode {
  const { account } = useCurrent();
  const { balance } = useLive();
  const search = route.useSearch();
  const asked = useData(SubscriptionPageDocument, { id: account.id });
  const invoices = useData(InvoicesDocument, { id: account.id });
  const again = useAgain(asked, invoices);
  const known = asked.state === 'ready' ? asked.data.billingEntity?.credits : undefined;
  useEffect(() => {
    if (known !== undefined) balance.accept(known);
  }, [balance, known]);

  // Credits that come or go other than by use tell that something was paid, began or ended.
  const allowance = useBalance()?.allowance;
  const first = useRef(allowance);
  useEffect(() => {
    first.current ??= allowance;
    if (allowance === first.current) return;
    first.current = allowance;
    again();
    // The credits may be a moment ahead of what is known of the payment.
    const timer = setTimeout(again, SETTLE_MS);
    return () => clearTimeout(timer);
  }, [allowance, again]);

  // Somebody who paid on another page of the browser comes back.
  useEffect(() => {
    const look = (): void => {
      if (document.visibilityState === 'visible') again();
    };
    document.addEventListener('visibilitychange', look);
    return () => document.removeEventListener('visibilitychange', look);
  }, [again]);

  return (
    <>
      <CheckoutReturn search={search} onDone={again} />
      <Shown of={asked} height={640}>
        {(data) =>
          data.billingEntity === null ? (
            <Empty title={text.errors.noAccount} />
          ) : (
            <Controls
              data={data}
              entity={data.billingEntity}
              invoices={invoices.state === 'ready' ? invoices.data.billingEntity : null}
              search={search}
              onDone={again}
            />
          )
        }
      </Shown>
      {/* Below what is still being read they would be moved by it. */}
      {asked.state !== 'loading' && <Invoices of={invoices} />}
    </>
  );
}

/** Asks for everything on the page anew. It stays the same function, so that effects may name it. */
function useAgain(...asked: readonly Asked<unknown>[]): () => void {
  const latest = useRef(asked);
  latest.current = asked;
  return useCallback(() => {
    for (const one of latest.current) if (one.state !== 'loading') one.again();
  }, []);
}
