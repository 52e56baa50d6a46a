/** Names that callers may give to entities, and reasons that they may give for changes. */
import { Refusal } from '../kernel/refusal.ts';
import { isStorableText } from '../kernel/text.ts';

/** Longest external id: that of a JWT `sub` in practice, and short enough for an index. */
const MAX_EXTERNAL_ID = 255;
const MAX_NAME = 255;
/** Where external ids lie that were made here. Nobody names a new organization so, in whatever case. */
const OURS = 'tollgate:';

/** @param field what the caller's input calls it @throws Refusal BAD_USER_INPUT */
export function checkExternalId(externalId: string, field = 'externalId'): void {
  if (externalId.length < 1 || externalId.length > MAX_EXTERNAL_ID || !isStorableText(externalId)) {
    throw Refusal.ofField(field, `an external id has 1 to ${MAX_EXTERNAL_ID} characters`);
  }
}

/** The external id of an organization that nobody named. `id` is new. */
export function ownExternalId(id: string): string {
  return OURS + id;
}

/** Checks the external id of a new organization, as those who may choose one give it. @throws Refusal BAD_USER_INPUT */
export function checkNotOurs(externalId: string): void {
  if (externalId.toLowerCase().startsWith(OURS)) {
    throw Refusal.ofField('externalId', `external ids that begin with ${OURS} are made here: leave it out for one`);
  }
}

/** A name for people, trimmed. @throws Refusal BAD_USER_INPUT */
export function checkName(name: string): string {
  const trimmed = name.trim();
  if (trimmed === '' || trimmed.length > MAX_NAME || !isStorableText(trimmed)) {
    throw Refusal.ofField('name', `name must have 1 to ${MAX_NAME} characters`);
  }
  return trimmed;
}
