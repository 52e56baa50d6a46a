import { Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { useCurrent, useReasonAgainst } from '../../account/current.tsx';
import { useBalance } from '../../live/LiveProvider.tsx';
import type { BalanceFragment } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Badge } from '../../ui/Badge.tsx';
import { Banner } from '../../ui/Banner.tsx';
import { Button } from '../../ui/Button.tsx';
import { Credits } from '../../ui/Credits.tsx';
import { Skeleton } from '../../ui/Skeleton.tsx';
import { Verify } from '../ledger/Verify.tsx';
import { Adjust, Grant, Reinstate, Suspend } from './acts.tsx';

const ACTS = { grant: Grant, adjust: Adjust, suspend: Suspend, reinstate: Reinstate } as const;

/** What an operator may do to one account, beside its live balance. */
export function Desk(): ReactNode {
  const { account } = useCurrent();
  const balance = useBalance();
  const [act, setAct] = useState<keyof typeof ACTS | null>(null);
  const [said, say] = useState<string | null>(null);
  const reasons = {
    grant: useReasonAgainst('credits.grant'),
    adjust: useReasonAgainst('credits.adjust'),
    suspend: useReasonAgainst('entity.suspend'),
  };
  if (balance === null) return <Skeleton height={320} />;
  const begin = (which: keyof typeof ACTS): void => {
    say(null);
    setAct(which);
  };
  const Chosen = act === null ? null : ACTS[act];
  const isActive = account.status === 'ACTIVE';
  return (
    <>
      <p>
        <Link to="/operator" search={{ account: undefined }}>
          {text.operator.all}
        </Link>
      </p>
      <section className="card form" aria-labelledby="desk-balance">
        <div className="section-head">
          <h2 id="desk-balance">{text.operator.balance}</h2>
          <Badge tone={isActive ? 'good' : 'bad'}>{text.operator.statuses[account.status]}</Badge>
        </div>
        <Figures balance={balance} />
        {!isActive && account.suspensionReason !== null && (
          <p>{text.operator.suspendedFor(account.suspensionReason)}</p>
        )}
        <div className="row">
          <Button kind="primary" reason={reasons.grant} onClick={() => begin('grant')}>
            {text.operator.grant}
          </Button>
          <Button reason={reasons.adjust} onClick={() => begin('adjust')}>
            {text.operator.adjust}
          </Button>
          {isActive ? (
            <Button kind="danger" reason={reasons.suspend} onClick={() => begin('suspend')}>
              {text.operator.suspend}
            </Button>
          ) : (
            <Button reason={reasons.suspend} onClick={() => begin('reinstate')}>
              {text.operator.reinstate}
            </Button>
          )}
        </div>
        {said !== null && <Banner tone="good">{said}</Banner>}
        <p className="hint">
          {text.operator.refundHint} <Link to="/usage">{text.operator.toUsage}</Link>. {text.operator.customerPages}
        </p>
      </section>
      <Verify />
      {Chosen !== null && (
        <Chosen
          balance={balance}
          onClose={() => setAct(null)}
          onDone={(sentence) => {
            setAct(null);
            say(sentence);
          }}
        />
      )}
    </>
  );
}

function Figures({ balance }: { readonly balance: BalanceFragment }): ReactNode {
  const shown = (['available', 'held', 'overage', 'owed'] as const).map((name) => ({ name, value: balance[name] }));
  return (
    <dl className="desk-figures">
      {shown.map(({ name, value }) => (
        <div key={name}>
          <dt className="hint">{text.operator[name]}</dt>
          <dd>
            <Credits value={value} />
          </dd>
        </div>
      ))}
    </dl>
  );
}
