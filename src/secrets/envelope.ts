/**
 * Envelope encryption, AES-256-GCM. Each secret has a random data key of its own; that key is encrypted (wrapped) by a
 * key-encryption key, which never comes near the database. Both layers are bound to the row and the purpose that they are
 * for: what is moved to another row, or altered by one bit, does not open.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

export interface KeyEncryptionKey {
  readonly id: string;
  /** 32 bytes. */
  readonly key: Buffer;
}

/** Newest first: the first encrypts, all of them open. */
export type KeyRing = readonly KeyEncryptionKey[];

/** The owner and the key that a secret belongs to. */
export interface Binding {
  readonly billingEntityId: string;
  readonly id: string;
  readonly purpose: string;
}

/** A secret at rest. */
export interface Sealed {
  /** Id of the key-encryption key that opens `wrappedDataKey`. */
  readonly keyEncryptionKey: string;
  readonly wrappedDataKey: Buffer;
  readonly ciphertext: Buffer;
}

/** It was altered, it is of another row, or its key-encryption key is not there. The message says which, and no more. */
export class UnreadableSecretError extends Error {
  override readonly name = 'UnreadableSecretError';
}

const VERSION = 1;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Encrypts by a new data key, wrapped by the newest key-encryption key. */
export function seal(ring: KeyRing, binding: Binding, secret: string): Sealed {
  const newest = newestOf(ring);
  const dataKey = randomBytes(KEY_BYTES);
  return {
    keyEncryptionKey: newest.id,
    wrappedDataKey: wrap(newest, binding, dataKey),
    ciphertext: encrypt(dataKey, contextOf(binding, 'secret'), Buffer.from(secret, 'utf8')),
  };
}

/** @throws UnreadableSecretError */
export function unseal(ring: KeyRing, binding: Binding, sealed: Sealed): string {
  const dataKey = unwrap(ring, binding, sealed);
  return decrypt(dataKey, contextOf(binding, 'secret'), sealed.ciphertext, 'the ciphertext').toString('utf8');
}

/** The same secret with its data key wrapped by the newest key-encryption key. It is opened, to prove that it can be. @throws UnreadableSecretError */
export function rewrap(ring: KeyRing, binding: Binding, sealed: Sealed): Sealed {
  unseal(ring, binding, sealed);
  const newest = newestOf(ring);
  const dataKey = unwrap(ring, binding, sealed);
  return { ...sealed, keyEncryptionKey: newest.id, wrappedDataKey: wrap(newest, binding, dataKey) };
}

function newestOf([newest]: KeyRing): KeyEncryptionKey {
  if (newest === undefined) throw new Error('there is no key-encryption key');
  return newest;
}

function wrap({ id, key }: KeyEncryptionKey, binding: Binding, dataKey: Buffer): Buffer {
  return encrypt(key, contextOf(binding, `data key by ${id}`), dataKey);
}

function unwrap(ring: KeyRing, binding: Binding, { keyEncryptionKey, wrappedDataKey }: Sealed): Buffer {
  const found = ring.find(({ id }) => id === keyEncryptionKey);
  if (found === undefined) throw new UnreadableSecretError('its key-encryption key is not in ENCRYPTION_KEYS');
  return decrypt(found.key, contextOf(binding, `data key by ${found.id}`), wrappedDataKey, 'the wrapped data key');
}

/** Additional data: authenticated, not stored. A list in JSON, so that no two contexts are spelled alike. */
function contextOf({ billingEntityId, id, purpose }: Binding, layer: string): Buffer {
  return Buffer.from(JSON.stringify([VERSION, purpose, layer, billingEntityId, id]));
}

/** Version, nonce, tag, ciphertext. */
function encrypt(key: Buffer, context: Buffer, plain: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(context);
  const encrypted = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([Buffer.of(VERSION), nonce, cipher.getAuthTag(), encrypted]);
}

function decrypt(key: Buffer, context: Buffer, sealed: Buffer, what: string): Buffer {
  const tagAt = 1 + NONCE_BYTES;
  const textAt = tagAt + TAG_BYTES;
  if (sealed.length < textAt || sealed[0] !== VERSION) throw new UnreadableSecretError(`${what} is not one of ours`);
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(1, tagAt), { authTagLength: TAG_BYTES })
    .setAAD(context)
    .setAuthTag(sealed.subarray(tagAt, textAt));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(textAt)), decipher.final()]);
  } catch {
    // What Node says besides is about its own library.
    throw new UnreadableSecretError(`${what} was altered, or is of another row`);
  }
}
