import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import './page.css';

import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';
import { createFetcher } from './fetcher.ts';
import { editorStorage, isSignedIn, takeCall, takeToken } from './session.ts';
import { headersText, prepareTabs } from './tabs.ts';
import { fetchViewer, type Viewer } from './viewer.ts';

const token = takeToken();
const call = takeCall();
const authorization = token === null ? null : `Bearer ${token}`;
const { viewer, notice } = await greet();

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has lost its #root.');
createRoot(root).render(
  <div className="page">
    {notice === null ? null : (
      <p className="notice" role="status">
        {notice}
      </p>
    )}
    <GraphiQL
      fetcher={createFetcher('/graphql')}
      storage={editorStorage}
      defaultTabs={prepareTabs(viewer, authorization, call)}
      defaultHeaders={headersText(authorization)}
      {...(call === null ? {} : { initialVariables: call.variables })}
      defaultEditorToolsVisibility="variables"
      shouldPersistHeaders
      showPersistHeadersSettings={false}
      inputValueDeprecation
      schemaDescription
    />
  </div>,
);

async function greet(): Promise<{ viewer: Viewer | null; notice: string | null }> {
  if (authorization === null && !(await isSignedIn())) {
    return {
      viewer: null,
      notice: 'You are not signed in. Open a sign-in link, or put a token into the headers of a tab.',
    };
  }
  try {
    return { viewer: await fetchViewer(authorization), notice: null };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { viewer: null, notice: `Your token was not accepted: ${reason} Open a sign-in link again.` };
  }
}
