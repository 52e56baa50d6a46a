import { type ReactNode, useState } from 'react';
import { useCurrent, useReasonAgainst } from '../../account/current.tsx';
import { useSend } from '../../api/data.ts';
import { ExportUsageDocument, type UsageFilter } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Button } from '../../ui/Button.tsx';

/** Downloads, as CSV, exactly what is filtered. */
export function ExportButton({ filter }: { readonly filter: UsageFilter }): ReactNode {
  const { account } = useCurrent();
  const reason = useReasonAgainst('usage.export');
  const send = useSend(ExportUsageDocument);
  const [state, setState] = useState<{ busy: boolean; error: string | null }>({ busy: false, error: null });
  const download = async (): Promise<void> => {
    setState({ busy: true, error: null });
    const sent = await send({ input: { billingEntityId: account.id, kind: 'USAGE', usageFilter: filter } });
    setState({ busy: false, error: sent.ok ? null : sent.message });
    if (sent.ok) location.assign(sent.data.createExport.url);
  };
  return (
    <div className="export">
      <Button reason={reason} busy={state.busy} onClick={() => void download()}>
        {text.usage.csv}
      </Button>
      <span role="alert" className="field-error">
        {state.error}
      </span>
    </div>
  );
}
