import type { ReactNode } from 'react';
import type { UseFormReturn } from 'react-hook-form';
import { text } from '../../text.ts';
import { Button } from '../../ui/Button.tsx';
import { Field } from '../../ui/Field.tsx';
import { BY_LEVEL, type PreferencesValues } from './preferences-form.ts';

interface Props {
  readonly form: UseFormReturn<PreferencesValues>;
  readonly index: number;
  readonly onRemove: () => void;
}

/** One preference: its kind, its level where it has one, its channels. Levels of one's own can be removed. */
export function PreferenceRow({ form: { register, watch, formState }, index, onRemove }: Props): ReactNode {
  const { type, measure } = watch(`rows.${index}`);
  const hasLevel = measure !== 'NONE';
  const name = text.alertTypes[type as keyof typeof text.alertTypes] ?? type;
  return (
    <fieldset className="preference">
      <legend className="visually-hidden">{name}</legend>
      {hasLevel ? (
        <>
          <Field label={text.alerts.when}>
            {(described) => (
              <select {...described} {...register(`rows.${index}.type`)}>
                {BY_LEVEL.map((one) => (
                  <option key={one} value={one}>
                    {text.alertTypes[one]}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Field label={text.alerts.at}>
            {(described) => (
              <select {...described} {...register(`rows.${index}.measure`)}>
                <option value="SHARE">{text.alerts.byShare}</option>
                <option value="REMAINING">{text.alerts.byRemaining}</option>
              </select>
            )}
          </Field>
          <Field label={text.alerts.amount} error={formState.errors.rows?.[index]?.amount?.message}>
            {(described) => <input {...described} inputMode="decimal" {...register(`rows.${index}.amount`)} />}
          </Field>
        </>
      ) : (
        <span className="preference-name">{name}</span>
      )}
      <Checks index={index} register={register} />
      {hasLevel && (
        <Button kind="quiet" aria-label={text.alerts.removeNamed(name)} onClick={onRemove}>
          {text.alerts.remove}
        </Button>
      )}
    </fieldset>
  );
}

function Checks({ index, register }: Pick<Props, 'index'> & Pick<Props['form'], 'register'>): ReactNode {
  return (
    <div className="row">
      <label className="check">
        <input type="checkbox" {...register(`rows.${index}.enabled`)} />
        {text.alerts.enabled}
      </label>
      {(['IN_APP', 'EMAIL', 'WEBHOOK'] as const).map((channel) => (
        <label key={channel} className="check">
          <input type="checkbox" value={channel} {...register(`rows.${index}.channels`)} />
          {text.alerts.channelNames[channel]}
        </label>
      ))}
    </div>
  );
}
