import type { ReactNode } from 'react';
import { useCurrent } from '../../account/current.tsx';
import { useData } from '../../api/data.ts';
import { AlertSettingsDocument } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Empty } from '../../ui/Empty.tsx';
import { Shown } from '../../ui/Shown.tsx';
import { PreferencesForm } from './PreferencesForm.tsx';
import { Webhook } from './Webhook.tsx';

/** Asks for the preferences, then shows their form. */
export function PreferencesOfAccount(): ReactNode {
  const asked = useSettings();
  return (
    <Shown of={asked} height={480}>
      {({ billingEntity }) =>
        billingEntity?.alertPreferences == null ? (
          <Empty title={text.balance.notYours} />
        ) : (
          <PreferencesForm preferences={billingEntity.alertPreferences} emails={billingEntity.alertEmails ?? []} />
        )
      }
    </Shown>
  );
}

/** Asks for the endpoint and its deliveries, then shows both. */
export function WebhookOfAccount(): ReactNode {
  const asked = useSettings();
  const again = asked.state === 'loading' ? () => {} : asked.again;
  return (
    <Shown of={asked} height={480}>
      {({ billingEntity }) => <Webhook endpoint={billingEntity?.webhookEndpoint ?? null} again={again} />}
    </Shown>
  );
}

function useSettings() {
  const { account } = useCurrent();
  return useData(AlertSettingsDocument, { id: account.id });
}
