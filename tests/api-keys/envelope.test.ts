import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import {
  type Binding,
  type KeyRing,
  rewrap,
  seal,
  type Sealed,
  UnreadableSecretError,
  unseal,
} from '../../src/secrets/envelope.ts';

const ring: KeyRing = [
  { id: 'new', key: randomBytes(32) },
  { id: 'old', key: randomBytes(32) },
];
const old: KeyRing = ring.slice(1);
const binding: Binding = { billingEntityId: uuidv7(), id: uuidv7(), purpose: 'test' };
const SECRET = 'sk-ant-hunter2hunter2';

function flip(bytes: Buffer, bit: number): Buffer {
  const flipped = Buffer.from(bytes);
  flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  return flipped;
}

describe('an envelope', () => {
  it('gives back whatever was put in, for the row that it was put in for', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 0, maxLength: 300 }), (secret) => {
        expect(unseal(ring, binding, seal(ring, binding, secret))).toBe(secret);
      }),
    );
  });

  it('holds nothing of the secret, and is never the same twice', () => {
    const [one, other] = [seal(ring, binding, SECRET), seal(ring, binding, SECRET)];
    expect(one.keyEncryptionKey).toBe('new');
    expect(one.ciphertext.includes('hunter2')).toBe(false);
    expect(one.ciphertext).not.toEqual(other.ciphertext);
    expect(one.wrappedDataKey).not.toEqual(other.wrappedDataKey);
  });

  it('does not open when any one bit of either layer is another', () => {
    const sealed = seal(ring, binding, SECRET);
    for (const layer of ['wrappedDataKey', 'ciphertext'] as const) {
      for (let bit = 0; bit < sealed[layer].length * 8; bit += 1) {
        const altered = { ...sealed, [layer]: flip(sealed[layer], bit) };
        expect(() => unseal(ring, binding, altered)).toThrow(UnreadableSecretError);
        expect(() => rewrap(ring, binding, altered)).toThrow(UnreadableSecretError);
      }
    }
  });

  it('does not open when it was cut or made longer', () => {
    const sealed = seal(ring, binding, SECRET);
    for (const layer of ['wrappedDataKey', 'ciphertext'] as const) {
      for (let length = 0; length < sealed[layer].length; length += 1) {
        expect(() => unseal(ring, binding, { ...sealed, [layer]: sealed[layer].subarray(0, length) })).toThrow(
          UnreadableSecretError,
        );
      }
      const longer = { ...sealed, [layer]: Buffer.concat([sealed[layer], Buffer.of(0)]) };
      expect(() => unseal(ring, binding, longer)).toThrow(UnreadableSecretError);
    }
  });

  it('opens nowhere else: not in another row, entity or purpose, whole or layer by layer', () => {
    const sealed = seal(ring, binding, SECRET);
    const elsewhere: Binding[] = [
      { ...binding, id: uuidv7() },
      { ...binding, billingEntityId: uuidv7() },
      { ...binding, purpose: 'other' },
      { ...binding, id: binding.billingEntityId, billingEntityId: binding.id },
    ];
    for (const other of elsewhere) {
      const there = seal(ring, other, 'sk-another');
      const mixtures: Sealed[] = [
        sealed,
        { ...there, ciphertext: sealed.ciphertext },
        { ...there, wrappedDataKey: sealed.wrappedDataKey },
      ];
      for (const mixture of mixtures) expect(() => unseal(ring, other, mixture)).toThrow(UnreadableSecretError);
    }
  });

  it('does not open by another key, also under the same name, nor without one', () => {
    const sealed = seal(ring, binding, SECRET);
    const rings: KeyRing[] = [[], old, [{ id: 'new', key: randomBytes(32) }]];
    for (const other of rings) expect(() => unseal(other, binding, sealed)).toThrow(UnreadableSecretError);
    expect(() => unseal(ring, binding, { ...sealed, keyEncryptionKey: 'old' })).toThrow(UnreadableSecretError);
  });

  it('wrapped anew is the same secret under the newest key, without the older one', () => {
    const sealed = seal(old, binding, SECRET);
    const anew = rewrap(ring, binding, sealed);
    expect(anew).toMatchObject({ keyEncryptionKey: 'new', ciphertext: sealed.ciphertext });
    expect(unseal(ring.slice(0, 1), binding, anew)).toBe(SECRET);
  });

  it('says why it does not open without a word of what is in it', () => {
    const sealed = seal(ring, binding, SECRET);
    const failures = [
      () => unseal(ring, binding, { ...sealed, ciphertext: flip(sealed.ciphertext, 300) }),
      () => unseal([], binding, sealed),
    ];
    for (const fail of failures) {
      let thrown: unknown;
      try {
        fail();
      } catch (error) {
        thrown = error;
      }
      const text = `${(thrown as Error).message} ${(thrown as Error).stack} ${JSON.stringify(thrown)}`;
      expect(text).not.toContain('hunter2');
      expect((thrown as Error).cause).toBeUndefined();
    }
  });
});
