import { zodResolver } from '@hookform/resolvers/zod';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { useForm } from 'react-hook-form';
import { useCurrent, useReasonAgainst } from '../../account/current.tsx';
import { useSend } from '../../api/data.ts';
import { SetOveragePolicyDocument } from '../../gql/graphql.ts';
import { useBalance } from '../../live/LiveProvider.tsx';
import { text } from '../../text.ts';
import { Field } from '../../ui/Field.tsx';
import { count } from '../../ui/format.ts';
import { placeRefusal } from '../../ui/refused.ts';
import { SubmitRow } from '../../ui/SubmitRow.tsx';
import { costOf, PRICED_CREDITS } from './money.ts';
import { overageForm, type OverageForm, toPolicy } from './overage-form.ts';
import type { Entity, Plan } from './plan-state.ts';

interface Props {
  /** null: the viewer may not read it. */
  readonly policy: Entity['overagePolicy'];
  readonly present: Plan | undefined;
  readonly perCredit: string;
  /** Another page led here to change it. */
  readonly isAskedFor: boolean;
  readonly onDone: (said: string) => void;
}

/** Whether use may go on beyond the credits, and how far; the cap in dollars stands beside it before it is saved. */
export function Overage({ policy, present, perCredit, isAskedFor, onDone }: Props): ReactNode {
  const { account } = useCurrent();
  const reason = useReasonAgainst('overage.set');
  const balance = useBalance();
  const send = useSend(SetOveragePolicyDocument);
  const [refusal, setRefusal] = useState<string | null>(null);
  const section = useRef<HTMLHeadingElement>(null);
  const form = useForm<OverageForm>({
    resolver: zodResolver(overageForm),
    mode: 'onTouched',
    defaultValues: { enabled: policy?.enabled ?? false, cap: policy?.cap == null ? '' : String(policy.cap) },
  });
  const { errors, isSubmitting } = form.formState;
  const submit = form.handleSubmit(async (values) => {
    setRefusal(null);
    const sent = await send({ input: { billingEntityId: account.id, ...toPolicy(values) } });
    if (sent.ok) onDone(text.subscription.overage.saved);
    else setRefusal(placeRefusal(form, sent));
  });
  useEffect(() => {
    if (isAskedFor) section.current?.focus();
  }, [isAskedFor]);

  const words = text.subscription.overage;
  const overage = balance?.overage ?? 0;
  return (
    <section className="card form" aria-labelledby="overage">
      <h2 id="overage" ref={section} tabIndex={-1}>
        {words.title}
      </h2>
      <p>{words.about(costOf(PRICED_CREDITS, perCredit))}</p>
      {present?.overageAllowed === false && <p className="hint">{words.notInPlan(present.name)}</p>}
      {overage > 0 && <p className="figures">{words.used(count(overage), costOf(overage, perCredit))}</p>}
      {policy === null ? (
        <p className="hint">{text.balance.notYours}</p>
      ) : (
        <form className="form overage" noValidate aria-labelledby="overage" onSubmit={(event) => void submit(event)}>
          <label className="check">
            <input type="checkbox" {...form.register('enabled')} />
            {words.allow}
          </label>
          <Field label={words.cap} hint={words.capHint} error={errors.cap?.message}>
            {(described) => <input {...described} inputMode="numeric" autoComplete="off" {...form.register('cap')} />}
          </Field>
          <p aria-live="polite">{meaningOf(form.watch(), perCredit)}</p>
          <SubmitRow label={words.save} busy={isSubmitting} reason={reason} error={refusal} />
        </form>
      )}
    </section>
  );
}

/** What the form means in money, as it stands. */
function meaningOf(values: OverageForm, perCredit: string): string {
  const words = text.subscription.overage;
  if (!values.enabled) return words.off;
  const { success } = overageForm.safeParse(values);
  if (!success) return '';
  const { cap } = toPolicy(values);
  return cap === null ? words.uncapped : words.capped(costOf(cap, perCredit), count(cap));
}
