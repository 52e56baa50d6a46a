import type { Client as Socket } from 'graphql-ws';
import { createContext, use } from 'react';
import type { Session } from '../api/session.ts';

export type SignedIn = Extract<Session, { signedIn: true }>;

/** The parts that the whole page shares: it has one of each. */
export interface Parts {
  readonly session: SignedIn;
  readonly socket: Socket;
}

export const PartsContext = createContext<Parts | null>(null);

export function useParts(): Parts {
  const parts = use(PartsContext);
  if (parts === null) throw new Error('Something was drawn outside of the app.');
  return parts;
}
