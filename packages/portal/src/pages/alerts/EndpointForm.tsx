import { zodResolver } from '@hookform/resolvers/zod';
import { type ReactNode, useState } from 'react';
import { useForm } from 'react-hook-form';
import * as z from 'zod/mini';
import type { Refused } from '../../api/data.ts';
import { text } from '../../text.ts';
import { Field } from '../../ui/Field.tsx';
import { placeRefusal } from '../../ui/refused.ts';
import { SubmitRow } from '../../ui/SubmitRow.tsx';

/** Loopback may go without TLS, as the server allows it in local mode; the server has the last word. */
const endpointForm = z.object({
  url: z.string().check(z.trim(), z.regex(/^(https:\/\/|http:\/\/(localhost|127\.0\.0\.1)[:/])\S+$/, text.forms.url)),
});

interface Props {
  readonly url: string;
  readonly reason: string | null;
  /** Resolves to what the server said against it; null: it is saved. */
  readonly onSave: (url: string) => Promise<Refused | null>;
}

/** The address of the endpoint. */
export function EndpointForm({ url, reason, onSave }: Props): ReactNode {
  const form = useForm<z.infer<typeof endpointForm>>({
    resolver: zodResolver(endpointForm),
    mode: 'onTouched',
    defaultValues: { url },
  });
  const [refusal, setRefusal] = useState<string | null>(null);
  const submit = form.handleSubmit(async ({ url: given }) => {
    setRefusal(null);
    const refused = await onSave(given);
    if (refused !== null) setRefusal(placeRefusal(form, refused, (field) => (field === 'url' ? 'url' : null)));
  });
  return (
    <form className="form" noValidate aria-label={text.alerts.endpoint} onSubmit={(event) => void submit(event)}>
      <Field label={text.alerts.url} hint={text.alerts.endpointHint} error={form.formState.errors.url?.message}>
        {(described) => <input {...described} type="url" {...form.register('url')} />}
      </Field>
      <SubmitRow label={text.alerts.saveEndpoint} busy={form.formState.isSubmitting} reason={reason} error={refusal} />
    </form>
  );
}
