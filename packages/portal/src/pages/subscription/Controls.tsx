import { useNavigate } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { useCurrent } from '../../account/current.tsx';
import type { InvoicesQuery, SubscriptionPageQuery } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Banner } from '../../ui/Banner.tsx';
import { BuyCredits } from './BuyCredits.tsx';
import { BuyPlan } from './BuyPlan.tsx';
import { ChangeUnits } from './ChangeUnits.tsx';
import { Changes } from './Changes.tsx';
import { EndPlan } from './EndPlan.tsx';
import { Now } from './Now.tsx';
import { Overage } from './Overage.tsx';
import { type Entity, freeOf, presentOf, runningOf, targetOf } from './plan-state.ts';
import { Plans } from './Plans.tsx';
import type { SubscriptionSearch } from './search.ts';

interface Props {
  readonly data: SubscriptionPageQuery;
  readonly entity: Entity;
  readonly invoices: InvoicesQuery['billingEntity'];
  readonly search: SubscriptionSearch;
  readonly onDone: () => void;
}

/** The plans and what can be done about them. A dialog that is open stands in the address. */
export function Controls({ data, entity, invoices, search, onDone }: Props): ReactNode {
  const { account } = useCurrent();
  const navigate = useNavigate();
  const [said, say] = useState<string | null>(null);
  const { plans, creditRates } = data;
  const perCredit = creditRates[0]?.costPerCredit ?? '0';
  const present = presentOf(plans, entity);
  const running = runningOf(entity.subscription);
  const target = targetOf(plans, present, search.plan);
  const open = (next: SubscriptionSearch): void => void navigate({ to: '/subscription', search: next });
  const close = (): void => open({});
  const done = (sentence: string | null): void => {
    say(sentence);
    close();
    onDone();
  };
  return (
    <>
      <div aria-live="polite" className="announced">
        {said !== null && <Banner tone="good">{said}</Banner>}
      </div>
      {entity.subscription !== null && <Changes subscription={entity.subscription} invoices={invoices} onDone={done} />}
      <Now entity={entity} perCredit={perCredit} onBuy={() => open({ open: 'credits' })} />
      <Plans plans={plans} present={present} subscription={entity.subscription} onOpen={open} />
      <Overage
        key={`${entity.overagePolicy?.enabled} ${entity.overagePolicy?.cap}`}
        policy={entity.overagePolicy}
        present={present}
        perCredit={perCredit}
        isAskedFor={search.open === 'overage'}
        onDone={done}
      />
      {search.open === 'credits' && <BuyCredits perCredit={perCredit} onClose={close} />}
      {search.open === 'plan' && running === null && target !== undefined && target.priceCents > 0 && (
        <BuyPlan plan={target} isOrganization={account.type === 'ORGANIZATION'} onClose={close} />
      )}
      {search.open === 'units' && running !== null && (
        <ChangeUnits subscription={running} onClose={close} onDone={done} />
      )}
      {search.open === 'cancel' && running !== null && (
        <EndPlan
          subscription={running}
          into={search.plan === undefined ? undefined : freeOf(plans)}
          entity={entity}
          perCredit={perCredit}
          onClose={close}
          onDone={() => done(text.subscription.change.scheduled)}
        />
      )}
    </>
  );
}
