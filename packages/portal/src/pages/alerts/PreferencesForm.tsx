import { zodResolver } from '@hookform/resolvers/zod';
import { type ReactNode, useState } from 'react';
import { useFieldArray, useForm } from 'react-hook-form';
import { useCurrent, useReasonAgainst } from '../../account/current.tsx';
import { useSend } from '../../api/data.ts';
import { type AlertSettingsQuery, SetAlertPreferencesDocument } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Button } from '../../ui/Button.tsx';
import { Field } from '../../ui/Field.tsx';
import { placeRefusal } from '../../ui/refused.ts';
import { SubmitRow } from '../../ui/SubmitRow.tsx';
import { PreferenceRow } from './PreferenceRow.tsx';
import { linesOf, pathOf, preferencesForm, type PreferencesValues, toPreference, toRow } from './preferences-form.ts';

type Entity = NonNullable<AlertSettingsQuery['billingEntity']>;

interface Props {
  readonly preferences: NonNullable<Entity['alertPreferences']>;
  readonly emails: readonly string[];
}

/** What alerts are raised for and where they are told, saved together. */
export function PreferencesForm({ preferences, emails }: Props): ReactNode {
  const { account } = useCurrent();
  const reason = useReasonAgainst('alertPreferences.set');
  const send = useSend(SetAlertPreferencesDocument);
  const [refusal, setRefusal] = useState<string | null>(null);
  const [said, say] = useState('');
  const form = useForm<PreferencesValues>({
    resolver: zodResolver(preferencesForm),
    mode: 'onTouched',
    defaultValues: { rows: preferences.map(toRow), emails: emails.join('\n') },
  });
  const { fields, append, remove } = useFieldArray({ control: form.control, name: 'rows' });
  const submit = form.handleSubmit(async ({ rows, emails: lines }) => {
    setRefusal(null);
    say('');
    const input = { billingEntityId: account.id, preferences: rows.map(toPreference), emails: linesOf(lines) };
    const sent = await send({ input });
    if (sent.ok) say(text.saved);
    else setRefusal(placeRefusal(form, sent, (field) => pathOf(field, rows)));
  });
  return (
    <form className="form" noValidate onSubmit={(event) => void submit(event)}>
      <section aria-labelledby="preferences">
        <h2 id="preferences">{text.alerts.preferences}</h2>
        {fields.map(({ id }, index) => (
          <PreferenceRow key={id} form={form} index={index} onRemove={() => remove(index)} />
        ))}
      </section>
      <div>
        <Button
          reason={reason}
          onClick={() => append({ type: 'WARNING', measure: 'SHARE', amount: '', enabled: true, channels: ['IN_APP'] })}
        >
          {text.alerts.add}
        </Button>
      </div>
      <Field label={text.alerts.emails} hint={text.alerts.emailsHint} error={form.formState.errors.emails?.message}>
        {(described) => <textarea {...described} rows={4} {...form.register('emails')} />}
      </Field>
      <SubmitRow
        label={text.alerts.savePreferences}
        busy={form.formState.isSubmitting}
        reason={reason}
        error={refusal}
      />
      <span role="status" className="hint">
        {said}
      </span>
    </form>
  );
}
