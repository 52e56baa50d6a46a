import fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import { hashOfKey, hintOf, isSameHash, makeKey, parseKey } from '../../src/api-keys/key-format.ts';
import { strikeText } from '../../src/kernel/log.ts';

const ref = { billingEntityId: uuidv7(), id: uuidv7() };
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

describe('a key of the service', () => {
  it('names its billing entity and itself, whatever they are', () => {
    fc.assert(
      fc.property(fc.uuid({ version: 7 }), fc.uuid({ version: 7 }), (billingEntityId, id) => {
        expect(parseKey(makeKey({ billingEntityId, id }))).toEqual({ billingEntityId, id });
      }),
    );
  });

  it('is refused, without a look-up, when any one character is another, is missing, or is doubled', () => {
    const key = makeKey(ref);
    for (let at = 0; at < key.length; at += 1) {
      for (const character of ALPHABET) {
        if (character === key[at]) continue;
        expect(parseKey(key.slice(0, at) + character + key.slice(at + 1))).toBeNull();
      }
      expect(parseKey(key.slice(0, at) + key.slice(at + 1))).toBeNull();
      expect(parseKey(key.slice(0, at) + (key[at] as string) + key.slice(at))).toBeNull();
    }
  });

  it('is refused when two neighbours changed places', () => {
    const key = makeKey(ref);
    for (let at = 0; at + 1 < key.length; at += 1) {
      const swapped = key.slice(0, at) + (key[at + 1] as string) + (key[at] as string) + key.slice(at + 2);
      if (swapped !== key) expect(parseKey(swapped)).toBeNull();
    }
  });

  it('is refused for any other text', () => {
    for (const text of [
      '',
      'tg_',
      'tg_live_',
      `tg_test_${makeKey(ref).slice(8)}`,
      `${makeKey(ref)}\n`,
      ` ${makeKey(ref)}`,
    ]) {
      expect(parseKey(text)).toBeNull();
    }
    fc.assert(fc.property(fc.string(), (text) => parseKey(text) === null && parseKey(`tg_live_${text}`) === null));
  });

  it('has at least 178 bits of chance besides its names and what its hint shows, and no two are alike', () => {
    const [one, other] = [makeKey(ref), makeKey(ref)];
    const bytes = Buffer.from(one.slice('tg_live_'.length), 'base64url').length;
    expect((bytes - 32 - 4) * 8 - 4 * 6).toBeGreaterThanOrEqual(178);
    expect(one).not.toBe(other);
    expect(hashOfKey(one)).not.toEqual(hashOfKey(other));
  });

  it('is recognised by its hash alone', () => {
    const key = makeKey(ref);
    expect(isSameHash(hashOfKey(key), hashOfKey(key))).toBe(true);
    expect(isSameHash(hashOfKey(key), hashOfKey(makeKey(ref)))).toBe(false);
    expect(isSameHash(hashOfKey(key), hashOfKey(key).subarray(1))).toBe(false);
  });

  it('is struck out of logs, and so are the providers’', () => {
    const key = makeKey(ref);
    const [openai, anthropic] = ['sk-proj-hunter2hunter2', 'sk-ant-api03-hunter2hunter2'];
    expect(strikeText(`with ${key}, "${openai}" and ${anthropic}.`)).toBe(
      'with tg_[redacted], "sk-[redacted]" and sk-[redacted].',
    );
  });

  it('is hinted at by what its kind begins with and four characters', () => {
    const key = makeKey(ref);
    expect(hintOf(key)).toBe(`tg_live_…${key.slice(-4)}`);
    expect(hintOf('sk-ant-api03-aaaabbbb')).toBe('sk-ant-…bbbb');
    expect(hintOf('sk-proj-aaaabbbb')).toBe('sk-proj-…bbbb');
    expect(hintOf('sk-aaaabbbb')).toBe('sk-…bbbb');
  });
});
