import { Tabs } from '@base-ui/react/tabs';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useCurrent } from '../account/current.tsx';
import { text } from '../text.ts';
import { Copy } from '../ui/Copy.tsx';
import { curlCall, graphiqlCall, graphiqlLink, typeScriptCall } from './example-call.ts';
import './first-call.css';

/** The first call with the reader's own ids, to be copied, in the language that they have at hand. */
export function FirstCall(): ReactNode {
  const { account } = useCurrent();
  const { kinds, languages, openGraphiql, graphiqlHint } = text.firstMinutes.call;
  const { origin } = location;
  return (
    <Tabs.Root className="first-call" defaultValue="curl">
      <Tabs.List className="first-call-tabs" aria-label={languages}>
        {Object.entries(kinds).map(([kind, name]) => (
          <Tabs.Tab key={kind} value={kind} className="first-call-tab">
            {name}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      <Tabs.Panel value="curl">
        <Call code={curlCall(account, origin)} name={kinds.curl}>
          <Token />
        </Call>
      </Tabs.Panel>
      <Tabs.Panel value="typescript">
        <Call code={typeScriptCall(account, origin)} name={kinds.typescript}>
          <Token />
        </Call>
      </Tabs.Panel>
      <Tabs.Panel value="graphiql">
        <Call code={graphiqlCall(account)} name={kinds.graphiql}>
          <a className="button button-primary" href={graphiqlLink(account)} target="_blank" rel="noopener">
            {openGraphiql}
          </a>
          <span className="hint">{graphiqlHint}</span>
        </Call>
      </Tabs.Panel>
    </Tabs.Root>
  );
}

interface CallProps {
  readonly code: string;
  readonly name: string;
  readonly children: ReactNode;
}

function Call({ code, name, children }: CallProps): ReactNode {
  return (
    <>
      <pre tabIndex={0} role="region" aria-label={`${text.exampleCall}: ${name}`}>
        <code>{code}</code>
      </pre>
      <div className="row">
        <Copy value={code} what={text.exampleCall} />
        {children}
      </div>
    </>
  );
}

/** The credential that signs the call, and where one gets it. */
function Token(): ReactNode {
  return (
    <span className="hint">
      {text.firstMinutes.call.token} <Link to="/api-keys">{text.firstMinutes.call.toKeys}</Link>
    </span>
  );
}
