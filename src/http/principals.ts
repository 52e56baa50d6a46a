import type { JWTPayload } from 'jose';
import type { OperatorPrincipal, Principal, ServicePrincipal, UserPrincipal } from '../billing-entities/principal.ts';
import { Refusal } from '../kernel/refusal.ts';
import { isStorableText } from '../kernel/text.ts';

/** A person as their token describes them. Makes their billing entity on first sight. */
export type EnsureUser = (user: {
  externalId: string;
  name?: string;
  /** `verified` is false where the token says that nobody checked the address. */
  email?: { address: string; verified: boolean };
}) => Promise<{ billingEntityId: string }>;

/**
 * Makes the principal of verified claims. Tokens and sessions of the portal share it, so that the same claims never mean
 * two things.
 * Rejects with {@link Refusal} UNAUTHENTICATED where `sub` or `exp` cannot be used, or UNAVAILABLE when users cannot be looked up.
 */
export type PrincipalOf = (claims: JWTPayload) => Promise<Principal>;

export interface PrincipalsOptions {
  /** The claim that names the organizations that a user administers; null: there is none. */
  readonly organizationClaim: string | null;
  readonly ensureUser: EnsureUser;
}

/** The length of an external id, and how many of them one token may claim; the rest is ignored. */
const LONGEST_ORGANIZATION = 255;
const MOST_ORGANIZATIONS = 256;
const LONGEST_SUBJECT = 255;
const LONGEST_NAME = 255;

/** The scope that makes an operator. */
export const OPERATOR_SCOPE = 'billing:operator';

/** Makes principals by the claim and the directory of users that are given. */
export function createPrincipals({ organizationClaim, ensureUser }: PrincipalsOptions): PrincipalOf {
  return async (claims) => {
    const { sub: subject, exp } = claims;
    if (!isSubject(subject) || typeof exp !== 'number') {
      throw new Refusal(
        'UNAUTHENTICATED',
        `The token's sub must have 1 to ${LONGEST_SUBJECT} characters of well-formed text.`,
      );
    }
    // An exp that no Date can hold means never.
    const bearer = { subject, expiresAt: new Date(Math.min(exp * 1000, 8.64e15)) };
    const scopes = typeof claims['scope'] === 'string' ? claims['scope'].split(' ') : [];
    if (scopes.includes(OPERATOR_SCOPE)) return { kind: 'OPERATOR', ...bearer } satisfies OperatorPrincipal;
    if (scopes.includes('billing:usage')) return { kind: 'SERVICE', ...bearer } satisfies ServicePrincipal;
    const name = textClaim(claims['name']);
    const email = emailIn(claims);
    const { billingEntityId } = await ensureUser({
      externalId: subject,
      ...(name === undefined ? {} : { name }),
      ...(email === undefined ? {} : { email }),
    });
    const claimedOrganizations =
      organizationClaim !== null && Object.hasOwn(claims, organizationClaim)
        ? organizationsIn(claims[organizationClaim])
        : [];
    return {
      kind: 'USER',
      billingEntityId,
      ...(email?.verified === true && { email: email.address }),
      ...(claimedOrganizations.length > 0 && { claimedOrganizations }),
      ...bearer,
    } satisfies UserPrincipal;
  };
}

/** Everything that is stored about a caller names them by it. */
export function isSubject(subject: unknown): subject is string {
  return typeof subject === 'string' && subject !== '' && subject.length <= LONGEST_SUBJECT && isStorableText(subject);
}

/** A text claim as the database can store it: without characters that it cannot hold, and cut to its length. */
export function textClaim(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const kept = value.replaceAll('\0', '').toWellFormed().slice(0, LONGEST_NAME);
  // The cut may have split a character.
  const text = (kept.isWellFormed() ? kept : kept.slice(0, -1)).trim();
  return text === '' ? undefined : text;
}

/** The organizations that a claim names, as a text or a list of texts. Texts that cannot be external ids are ignored. */
export function organizationsIn(claim: unknown): string[] {
  const values: unknown[] = Array.isArray(claim) ? claim : [claim];
  return values
    .filter((value) => typeof value === 'string')
    .filter((text) => text !== '' && text.length <= LONGEST_ORGANIZATION && isStorableText(text))
    .slice(0, MOST_ORGANIZATIONS);
}

/**
 * The address that a token names (OpenID Connect: `email`, `email_verified`). Without a word about it, the identity provider
 * vouches for what it signs; some providers write `true` as a text.
 */
export function emailIn({
  email,
  email_verified: verified,
}: JWTPayload): { address: string; verified: boolean } | undefined {
  const address = textClaim(email);
  if (address === undefined) return undefined;
  return { address, verified: verified === undefined || verified === true || verified === 'true' };
}
