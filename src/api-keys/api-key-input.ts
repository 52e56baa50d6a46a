import { Refusal } from '../kernel/refusal.ts';
import { isStorableText } from '../kernel/text.ts';
import type { ApiKeyProvider, ApiKeyType } from './api-key.entity.ts';
import { KEY_NAMESPACE } from './key-format.ts';
import type { BillingMode } from '../ledger/rules/attribution.ts';

export interface CreateKeyInput {
  readonly name: string;
  readonly type: ApiKeyType;
  readonly provider: ApiKeyProvider;
  /** null: as its type has it. */
  readonly billingMode: BillingMode | null;
  /** CUSTOM keys: the provider's. */
  readonly secret: string | null;
  readonly creditLimit: bigint | null;
  readonly expiresAt: Date | null;
}

/** undefined: as it is; null clears. */
export interface UpdateKeyInput {
  readonly name?: string | null | undefined;
  readonly creditLimit?: bigint | null | undefined;
  readonly expiresAt?: Date | null | undefined;
  readonly billingMode?: BillingMode | null | undefined;
}

const MAX_NAME = 100;
const MAX_OVERLAP_SECONDS = 604_800;
/** Real ones have some fifty to two hundred characters; their lengths have changed before. */
const SECRET_LENGTH = { least: 16, most: 512 } as const;

/** Secrets that can be told to be something else, most telling first. */
const MIX_UPS: readonly (readonly [RegExp, string])[] = [
  [/^\s*$/, 'is empty'],
  [/\s/, 'contains blanks or line ends'],
  [new RegExp(`^${KEY_NAMESPACE}`), 'is a key of this service, not of the provider'],
  [/^eyJ/, 'is a JSON Web Token'],
  [/^bearer/i, 'must be the key alone, without Bearer'],
  [/:\/\//, 'is an address'],
  [/@/, 'is an e-mail address'],
  [/^(?:sk|pk|rk|whsec)_/, 'is a key of Stripe'],
];

/** @throws Refusal BAD_USER_INPUT */
export function checkName(name: string | null): string {
  const trimmed = name?.trim() ?? '';
  if (trimmed === '' || trimmed.length > MAX_NAME || !isStorableText(trimmed)) {
    throw Refusal.ofField('name', `name must have 1 to ${MAX_NAME} characters`);
  }
  return trimmed;
}

/** @throws Refusal BAD_USER_INPUT */
export function checkCreditLimit(creditLimit: bigint | null): bigint | null {
  if (creditLimit !== null && creditLimit < 0n) {
    throw Refusal.ofField('creditLimit', 'creditLimit must not be negative');
  }
  return creditLimit;
}

/** @throws Refusal BAD_USER_INPUT */
export function checkExpiry(expiresAt: Date | null, now: Date): Date | null {
  if (expiresAt !== null && expiresAt <= now) throw Refusal.ofField('expiresAt', 'expiresAt must be in the future');
  return expiresAt;
}

/** @throws Refusal BAD_USER_INPUT */
export function checkOverlap(overlapSeconds: number): number {
  if (!Number.isInteger(overlapSeconds) || overlapSeconds < 0 || overlapSeconds > MAX_OVERLAP_SECONDS) {
    throw Refusal.ofField('overlapSeconds', `overlapSeconds must be 0 to ${MAX_OVERLAP_SECONDS}`);
  }
  return overlapSeconds;
}

/** The mode of a new key. PLATFORM keys are FULL; CUSTOM keys COMPUTE_ONLY unless set FULL (rule 19). @throws Refusal BAD_USER_INPUT */
export function modeOf(type: ApiKeyType, billingMode: BillingMode | null): BillingMode {
  if (type === 'CUSTOM') return billingMode ?? 'COMPUTE_ONLY';
  if (billingMode !== null && billingMode !== 'FULL') {
    throw Refusal.ofField('billingMode', 'the billingMode of a PLATFORM key is FULL');
  }
  return 'FULL';
}

/** The mode that a key shall have from now on. @throws Refusal BAD_USER_INPUT */
export function checkMode(type: ApiKeyType, billingMode: BillingMode | null): BillingMode {
  if (billingMode === null) {
    throw Refusal.ofField('billingMode', 'billingMode cannot be cleared: it is FULL or COMPUTE_ONLY');
  }
  return modeOf(type, billingMode);
}

/** The secret that a key of this type needs: the provider's for a CUSTOM one, none for a PLATFORM one. @throws Refusal BAD_USER_INPUT */
export function checkSecret(type: ApiKeyType, provider: ApiKeyProvider, secret: string | null): string | null {
  if (type === 'PLATFORM') {
    if (secret !== null) throw badSecret('a PLATFORM key brings no secret: it is made here, and shown once');
    return null;
  }
  if (secret === null) throw badSecret('a CUSTOM key needs the secret of the provider’s key');
  const mixUp = MIX_UPS.find(([pattern]) => pattern.test(secret));
  if (mixUp !== undefined) throw badSecret(`secret ${mixUp[1]}`);
  const isAnthropic = secret.startsWith('sk-ant-');
  const [prefix, isOfProvider] =
    provider === 'ANTHROPIC' ? ['sk-ant-', isAnthropic] : ['sk-', secret.startsWith('sk-')];
  if (!isOfProvider) throw badSecret(`secret must begin with ${prefix}, as keys of ${provider} do`);
  if (isAnthropic && provider === 'OPENAI') throw badSecret('secret is a key of ANTHROPIC, and provider is OPENAI');
  const isLong = secret.length >= SECRET_LENGTH.least && secret.length <= SECRET_LENGTH.most;
  if (!isLong || !/^[\w-]+$/.test(secret)) {
    throw badSecret(
      `secret must have ${SECRET_LENGTH.least} to ${SECRET_LENGTH.most} letters, digits, hyphens and underscores`,
    );
  }
  return secret;
}

function badSecret(message: string): Refusal {
  return Refusal.ofField('secret', message);
}
