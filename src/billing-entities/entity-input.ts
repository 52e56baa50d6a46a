/** What callers may call entities, and why they may say they change them. */
import { Refusal } from '../refusal.ts';
import { isStorableText } from '../storable-text.ts';

/** Longest external id: that of a JWT `sub` in practice, and short enough for an index. */
const MAX_EXTERNAL_ID = 255;
const MAX_NAME = 255;

/** @throws Refusal BAD_USER_INPUT */
export function checkExternalId(externalId: string): void {
  if (externalId.length < 1 || externalId.length > MAX_EXTERNAL_ID || !isStorableText(externalId)) {
    throw new Refusal('BAD_USER_INPUT', `an external id has 1 to ${MAX_EXTERNAL_ID} characters`);
  }
}

/** A name for people, trimmed. @throws Refusal BAD_USER_INPUT */
export function checkName(name: string): string {
  const trimmed = name.trim();
  if (trimmed === '' || trimmed.length > MAX_NAME || !isStorableText(trimmed)) {
    throw new Refusal('BAD_USER_INPUT', `name must have 1 to ${MAX_NAME} characters`);
  }
  return trimmed;
}
