import { type ReactNode, useState } from 'react';
import { useSend } from '../../api/data.ts';
import { type KeyRowFragment, RevokeApiKeyDocument } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { Field } from '../../ui/Field.tsx';
import { SubmitRow } from '../../ui/SubmitRow.tsx';

interface Props {
  readonly apiKey: KeyRowFragment;
  readonly onClose: () => void;
  readonly onDone: () => void;
}

/** Revokes a key once its name is typed. It cannot be undone, so the name is asked for. */
export function RevokeKey({ apiKey, onClose, onDone }: Props): ReactNode {
  const send = useSend(RevokeApiKeyDocument);
  const [typed, setTyped] = useState('');
  const [state, setState] = useState<{ busy: boolean; error: string | null }>({ busy: false, error: null });
  const reason = typed.trim() === apiKey.name.trim() ? null : text.keys.typeName(apiKey.name);
  const submit = async (event: { preventDefault(): void }): Promise<void> => {
    event.preventDefault();
    if (reason !== null) return;
    setState({ busy: true, error: null });
    const sent = await send({ id: apiKey.id });
    if (sent.ok) onDone();
    else setState({ busy: false, error: sent.message });
  };
  return (
    <Dialog title={text.keys.revokeNamed(apiKey.name)} isOpen onClose={onClose}>
      <form className="form" noValidate onSubmit={(event) => void submit(event)}>
        <p>{text.keys.revokeConsequence}</p>
        <Field label={text.keys.typeName(apiKey.name)}>
          {(described) => (
            <input {...described} autoComplete="off" value={typed} onChange={({ target }) => setTyped(target.value)} />
          )}
        </Field>
        <SubmitRow
          kind="danger"
          label={text.keys.revokeKey}
          busy={state.busy}
          reason={reason}
          error={state.error}
          onCancel={onClose}
        />
      </form>
    </Dialog>
  );
}
