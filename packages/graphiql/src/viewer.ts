import { SESSION_HEADERS } from './session.ts';

/** For whom the tabs are prepared. */
export interface Viewer {
  /** The account to show: the viewer's own, or for an operator the newest user's. */
  readonly billingEntityId: string;
  /** Whom a consumption has to name; null when the token itself says it. */
  readonly userExternalId: string | null;
}

interface ViewerData {
  readonly viewer: { readonly kind: string; readonly user: { readonly id: string } | null };
}
interface FirstUserData {
  readonly billingEntities: {
    readonly edges: readonly { readonly node: { readonly id: string; readonly externalId: string } }[];
  };
}

/**
 * Asks who the token belongs to, or without one the portal's session. Null when there is nobody to prepare for: a service, or an operator of an empty house.
 * @throws when the token is refused or the server does not answer.
 */
export async function fetchViewer(authorization: string | null): Promise<Viewer | null> {
  const { viewer } = await query<ViewerData>(authorization, '{ viewer { kind user { id } } }');
  if (viewer.user !== null) return { billingEntityId: viewer.user.id, userExternalId: null };
  if (viewer.kind !== 'OPERATOR') return null;
  const { billingEntities } = await query<FirstUserData>(
    authorization,
    '{ billingEntities(first: 1, type: USER) { edges { node { id externalId } } } }',
  );
  const user = billingEntities.edges[0]?.node;
  return user === undefined ? null : { billingEntityId: user.id, userExternalId: user.externalId };
}

async function query<Data>(authorization: string | null, document: string): Promise<Data> {
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      ...SESSION_HEADERS,
      ...(authorization === null ? {} : { authorization }),
    },
    body: JSON.stringify({ query: document }),
  });
  const answer = (await response.json()) as { data?: Data | null; errors?: readonly { message: string }[] };
  if (answer.errors !== undefined || answer.data === undefined || answer.data === null) {
    throw new Error(answer.errors?.[0]?.message ?? `The server answered ${response.status}.`);
  }
  return answer.data;
}
