import { type ReactNode, useState } from 'react';
import { Dialog } from './Dialog.tsx';
import { SubmitRow } from './SubmitRow.tsx';

interface Props {
  readonly title: string;
  /** Names the act, on the button. */
  readonly label: string;
  readonly kind?: 'primary' | 'danger';
  /** What it does, in figures where there are any. */
  readonly children: ReactNode;
  /** Does it. Resolves to what the server said against it; null: it is done, and whoever opened the dialog closes it. */
  readonly act: () => Promise<string | null>;
  readonly onClose: () => void;
}

/** Says what an act does before it is done. */
export function Confirm({ title, label, kind = 'primary', children, act, onClose }: Props): ReactNode {
  const [state, setState] = useState<{ busy: boolean; error: string | null }>({ busy: false, error: null });
  const submit = async (event: { preventDefault(): void }): Promise<void> => {
    event.preventDefault();
    setState({ busy: true, error: null });
    setState({ busy: false, error: await act() });
  };
  return (
    <Dialog title={title} isOpen onClose={onClose}>
      <form className="form" noValidate onSubmit={(event) => void submit(event)}>
        {children}
        <SubmitRow label={label} kind={kind} busy={state.busy} error={state.error} onCancel={onClose} />
      </form>
    </Dialog>
  );
}
