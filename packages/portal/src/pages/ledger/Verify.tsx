import { type ReactNode, useState } from 'react';
import { useClient } from 'urql';
import { useCurrent, useReasonAgainst } from '../../account/current.tsx';
import { VerifyLedgerDocument, type VerifyLedgerQuery } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Banner } from '../../ui/Banner.tsx';
import { Button } from '../../ui/Button.tsx';
import { count } from '../../ui/format.ts';

type Result = VerifyLedgerQuery['verifyLedger'];

/** Has the server recompute the balance from every entry, and says how many there were. */
export function Verify(): ReactNode {
  const { account } = useCurrent();
  const client = useClient();
  const reason = useReasonAgainst('ledger.verify');
  const [state, setState] = useState<'idle' | 'busy' | { result: Result } | { error: string }>('idle');
  const verify = async (): Promise<void> => {
    setState('busy');
    const { data, error } = await client
      .query<VerifyLedgerQuery>(VerifyLedgerDocument.toString(), { id: account.id }, { requestPolicy: 'network-only' })
      .toPromise();
    if (data === undefined) setState({ error: error?.graphQLErrors[0]?.message ?? text.errors.unreachable });
    else setState({ result: data.verifyLedger });
  };
  return (
    <section className="card form" aria-labelledby="verify">
      <div className="section-head">
        <h2 id="verify">{text.ledger.verifyTitle}</h2>
        <Button reason={reason} busy={state === 'busy'} onClick={() => void verify()}>
          {state === 'busy' ? text.ledger.verifying : text.ledger.verify}
        </Button>
      </div>
      <p className="hint">{text.ledger.verifyHint}</p>
      {typeof state === 'object' &&
        ('error' in state ? <Banner tone="bad">{state.error}</Banner> : <Proof of={state.result} />)}
    </section>
  );
}

function Proof({ of }: { readonly of: Result }): ReactNode {
  const { consistent, entriesChecked, throughSequence, problemCount, problems } = of;
  if (consistent) {
    return <Banner tone="good">{text.ledger.proven(count(entriesChecked), count(throughSequence))}</Banner>;
  }
  return (
    <>
      <Banner tone="bad">{text.ledger.disproven(count(problemCount), count(entriesChecked))}</Banner>
      <ul>
        {problems.map((problem) => (
          <li key={problem}>{problem}</li>
        ))}
      </ul>
    </>
  );
}
