/** How people sign in to the portal: the secrets of its sessions, and the identity provider. */
import { z } from 'zod';
import { isLoopbackHost } from '../kernel/loopback.ts';
import type { Reader } from './reader.ts';
import { commaSeparated, httpUrl } from './values.ts';

export interface SignInConfig {
  /** Secrets that seal sessions, newest first. Empty: local mode makes one, and production has no sessions. */
  readonly secrets: readonly string[];
  /** The identity provider; null: local mode has the demo's people, and nobody signs in to production's portal. */
  readonly provider: ProviderConfig | null;
}

/** An OpenID Connect provider, and this installation as its client. */
export interface ProviderConfig {
  readonly issuer: URL;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Scopes that are asked for, separated by spaces; `openid` is among them. */
  readonly scope: string;
  /** Whoever's ID token holds `value` in the claim `name` is an operator; null: nobody who signs in is. */
  readonly operatorClaim: { readonly name: string; readonly value: string } | null;
}

/** Notes a mistake for each half of a configuration whose other half is missing. */
export function readSignIn(reader: Reader, mode: 'local' | 'production'): SignInConfig {
  const secrets = reader.optional('SESSION_SECRET', secretList) ?? [];
  const issuer = reader.optional('OIDC_ISSUER', issuerUrl);
  const clientId = reader.optional('OIDC_CLIENT_ID', z.string());
  const clientSecret = reader.optional('OIDC_CLIENT_SECRET', z.string());
  const operatorClaim = reader.optional('OIDC_OPERATOR_CLAIM', claimOf);
  const scope = reader.optional('OIDC_SCOPE', openidScope) ?? 'openid profile email';
  const isAsked = PROVIDER.some((name) => reader.has(name));
  if (isAsked) {
    const needed = [...REQUIRED, ...(mode === 'production' ? ['SESSION_SECRET', 'PUBLIC_URL'] : [])];
    const first = PROVIDER.find((name) => reader.has(name)) as string;
    for (const name of needed) {
      if (!reader.has(name)) reader.mistake(name, `is required with ${first}`);
    }
  } else if (mode === 'production' && reader.has('SESSION_SECRET')) {
    reader.mistake('OIDC_ISSUER', 'is required with SESSION_SECRET: without a provider nobody can sign in');
  }
  const isWhole = issuer !== null && clientId !== null && clientSecret !== null;
  return { secrets, provider: isWhole ? { issuer, clientId, clientSecret, scope, operatorClaim } : null };
}

const REQUIRED = ['OIDC_ISSUER', 'OIDC_CLIENT_ID', 'OIDC_CLIENT_SECRET'] as const;
const PROVIDER = [...REQUIRED, 'OIDC_OPERATOR_CLAIM', 'OIDC_SCOPE'] as const;

const secretList = commaSeparated.refine(
  (secrets) => secrets.every((secret) => Buffer.byteLength(secret) >= 32),
  'must be a comma-separated list of secrets of at least 32 bytes, newest first',
);

/** Whoever sits between us and a provider that speaks plain HTTP could name anybody. */
const issuerUrl = httpUrl.refine(
  ({ protocol, host }) => protocol === 'https:' || isLoopbackHost(host),
  'must start with https://, except on this machine',
);

const claimOf = z.string().transform((text, check) => {
  const [, name, value] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    check.addIssue({ code: 'custom', message: 'must be a claim and its value: groups=billing-operators' });
    return z.NEVER;
  }
  return { name: name.trim(), value: value.trim() };
});

const openidScope = z
  .string()
  .refine((text) => text.split(/\s+/).includes('openid'), 'must contain openid: without it there is no ID token');
