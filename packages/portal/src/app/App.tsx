import { CSPProvider } from '@base-ui/react/csp-provider';
import { RouterProvider } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { type Client, Provider } from 'urql';
import { type Parts, PartsContext } from './parts.ts';
import type { createAppRouter } from './router.tsx';

interface Props {
  readonly api: Client;
  readonly router: ReturnType<typeof createAppRouter>;
  readonly parts: Parts;
}

/** The portal of somebody who is signed in. The kit adds no style elements: the Content-Security-Policy forbids them. */
export function App({ api, router, parts }: Props): ReactNode {
  return (
    <PartsContext value={parts}>
      <CSPProvider disableStyleElements>
        <Provider value={api}>
          <RouterProvider router={router} />
        </Provider>
      </CSPProvider>
    </PartsContext>
  );
}
