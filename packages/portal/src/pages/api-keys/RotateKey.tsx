import { type ReactNode, useState } from 'react';
import { useSend } from '../../api/data.ts';
import { type KeyRowFragment, RotateApiKeyDocument } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { Field } from '../../ui/Field.tsx';
import { SubmitRow } from '../../ui/SubmitRow.tsx';

interface Props {
  readonly apiKey: KeyRowFragment;
  readonly onClose: () => void;
  readonly onDone: (secret: string | null) => void;
}

const OVERLAPS = [0, 3_600, 86_400] as const;

/** Gives a key a new secret. The old one goes on for the overlap, so that nothing stops in between. */
export function RotateKey({ apiKey, onClose, onDone }: Props): ReactNode {
  const send = useSend(RotateApiKeyDocument);
  const [overlapSeconds, setOverlap] = useState<number>(OVERLAPS[1]);
  const [secret, setSecret] = useState('');
  const [state, setState] = useState<{ busy: boolean; error: string | null }>({ busy: false, error: null });
  const isCustom = apiKey.type === 'CUSTOM';
  const missing = isCustom && secret.trim() === '' ? text.forms.secretMissing : null;
  const submit = async (event: { preventDefault(): void }): Promise<void> => {
    event.preventDefault();
    setState({ busy: true, error: null });
    const sent = await send({
      input: { id: apiKey.id, overlapSeconds, ...(isCustom ? { secret: secret.trim() } : {}) },
    });
    if (sent.ok) onDone(sent.data.rotateApiKey.secret);
    else setState({ busy: false, error: sent.message });
  };
  return (
    <Dialog title={text.keys.rotateNamed(apiKey.name)} isOpen onClose={onClose}>
      <form className="form" noValidate onSubmit={(event) => void submit(event)}>
        <Field label={text.keys.overlap} hint={text.keys.overlapHint}>
          {(described) => (
            <select {...described} value={overlapSeconds} onChange={({ target }) => setOverlap(Number(target.value))}>
              {OVERLAPS.map((seconds) => (
                <option key={seconds} value={seconds}>
                  {text.keys.overlaps[seconds]}
                </option>
              ))}
            </select>
          )}
        </Field>
        {isCustom && (
          <Field label={text.keys.secret} hint={text.keys.secretHint}>
            {(described) => (
              <input
                {...described}
                type="password"
                autoComplete="off"
                value={secret}
                onChange={({ target }) => setSecret(target.value)}
              />
            )}
          </Field>
        )}
        <SubmitRow
          label={text.keys.rotateKey}
          busy={state.busy}
          reason={missing}
          error={state.error}
          onCancel={onClose}
        />
      </form>
    </Dialog>
  );
}
