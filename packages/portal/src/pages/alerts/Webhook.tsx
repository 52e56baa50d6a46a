import { type ReactNode, useState } from 'react';
import { useCurrent, useReasonAgainst } from '../../account/current.tsx';
import { type Refused, useSend } from '../../api/data.ts';
import {
  type AlertSettingsQuery,
  ResendWebhookDeliveryDocument,
  RotateWebhookSecretDocument,
  SetWebhookEndpointDocument,
  TestWebhookDocument,
} from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Banner } from '../../ui/Banner.tsx';
import { Button } from '../../ui/Button.tsx';
import { Confirm } from '../../ui/Confirm.tsx';
import { count } from '../../ui/format.ts';
import { Secret } from '../../ui/Secret.tsx';
import { Deliveries } from './Deliveries.tsx';
import { EndpointForm } from './EndpointForm.tsx';

type Entity = NonNullable<AlertSettingsQuery['billingEntity']>;

interface Props {
  readonly endpoint: Entity['webhookEndpoint'];
  readonly again: () => void;
}

/** Where events are posted: set, tested, and what was sent there. */
export function Webhook({ endpoint, again }: Props): ReactNode {
  const { account } = useCurrent();
  const reason = useReasonAgainst('webhooks.set');
  const [secret, setSecret] = useState<string | null>(null);
  const [said, say] = useState<{ message: string; isBad: boolean } | null>(null);
  const [asked, setAsked] = useState<'rotate' | 'remove' | null>(null);
  const set = useSend(SetWebhookEndpointDocument);
  const rotate = useSend(RotateWebhookSecretDocument);
  const test = useSend(TestWebhookDocument);
  const resend = useSend(ResendWebhookDeliveryDocument);
  const pending = endpoint?.deliveries.edges.filter(({ node }) => node.status === 'PENDING').length ?? 0;
  const input = { billingEntityId: account.id };

  const refused = (message: string): void => say({ message, isBad: true });
  const save = async (url: string | null): Promise<Refused | null> => {
    say(null);
    const sent = await set({ input: { ...input, url } });
    if (!sent.ok) return sent;
    setAsked(null);
    setSecret(sent.data.setWebhookEndpoint.secret);
    again();
    return null;
  };
  const rotateSecret = async (): Promise<string | null> => {
    const sent = await rotate({ input });
    if (!sent.ok) return sent.message;
    setAsked(null);
    setSecret(sent.data.rotateWebhookSecret.secret);
    return null;
  };
  const sendTest = async (): Promise<void> => {
    const sent = await test({ input });
    say(sent.ok ? { message: text.alerts.tested, isBad: false } : { message: sent.message, isBad: true });
    again();
  };
  const sendAgain = async (id: string): Promise<void> => {
    const sent = await resend({ id });
    if (!sent.ok) refused(sent.message);
    again();
  };
  return (
    <>
      {said !== null && <Banner tone={said.isBad ? 'bad' : 'good'}>{said.message}</Banner>}
      {endpoint?.disabledAt != null && (
        <Banner tone="warn">{text.alerts.disabled(endpoint.disabledReason ?? text.none)}</Banner>
      )}
      <EndpointForm key={endpoint?.url} url={endpoint?.url ?? ''} reason={reason} onSave={save} />
      {endpoint !== null && (
        <>
          <div className="row">
            <Button reason={reason} onClick={() => void sendTest()}>
              {text.alerts.test}
            </Button>
            <Button reason={reason} onClick={() => setAsked('rotate')}>
              {text.alerts.rotateSecret}
            </Button>
            <Button kind="danger" reason={reason} onClick={() => setAsked('remove')}>
              {text.alerts.removeEndpoint}
            </Button>
          </div>
          <Deliveries
            deliveries={endpoint.deliveries.edges.map(({ node }) => node)}
            reason={reason}
            onResend={(id) => void sendAgain(id)}
          />
        </>
      )}
      {asked === 'rotate' && (
        <Confirm
          title={text.alerts.rotateTitle}
          label={text.alerts.rotateSecret}
          act={rotateSecret}
          onClose={() => setAsked(null)}
        >
          <p>{text.alerts.rotateConsequence}</p>
        </Confirm>
      )}
      {asked === 'remove' && endpoint !== null && (
        <Confirm
          title={text.alerts.removeTitle}
          label={text.alerts.removeEndpoint}
          kind="danger"
          act={async () => (await save(null))?.message ?? null}
          onClose={() => setAsked(null)}
        >
          <p className="url-said">{text.alerts.removeConsequence(endpoint.url)}</p>
          <p>{text.alerts.pending(pending, count(pending))}</p>
        </Confirm>
      )}
      <Secret secret={secret} onStored={() => setSecret(null)} />
    </>
  );
}
