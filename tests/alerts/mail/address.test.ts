import fc from 'fast-check';
import { mailboxOf, maskedAddress, parseAddress } from '../../../src/alerts/mail/address.ts';
import { escapeHtml, nameForStrangers, oneLine } from '../../../src/alerts/mail/words.ts';

describe('an address', () => {
  test.each([
    ['ana@example.com', 'ana@example.com', 'ana@example.com'],
    ['  ana@example.com ', 'ana@example.com', 'ana@example.com'],
    ['Ana.B+alerts@EXAMPLE.Com', 'Ana.B+alerts@example.com', 'ana.b+alerts@example.com'],
    ['ana@bücher.example', 'ana@xn--bcher-kva.example', 'ana@xn--bcher-kva.example'],
    ['ana@xn--bcher-kva.example', 'ana@xn--bcher-kva.example', 'ana@xn--bcher-kva.example'],
  ])('%j is read', (text, address, key) => {
    expect(parseAddress(text)).toEqual({ address, key });
  });

  test.each([
    '',
    'ana',
    '@example.com',
    'ana@',
    'ana@example',
    'ana@[127.0.0.1]',
    'ana@127.0.0.1',
    'ana@example.com, bob@example.com',
    'ana@example.com\r\nBcc: bob@example.com',
    'ana\r\n@example.com',
    'ana@exa\nmple.com',
    'Ana <ana@example.com>',
    '"ana b"@example.com',
    'ana..b@example.com',
    '.ana@example.com',
    'ana@example..com',
    'ana@-example.com',
    'ana\u202e@example.com',
    'an\u0000a@example.com',
    'änä@example.com',
    'ana;bob@example.com',
    'ana@bob@example.com',
    `${'a'.repeat(65)}@example.com`,
    `ana@${'a.'.repeat(130)}com`,
  ])('%j is none', (text) => {
    expect(parseAddress(text)).toBeNull();
  });

  test('that is read holds nothing that ends a line or an address, whatever was given', () => {
    const near = fc
      .array(
        fc.constantFrom('a', '.', '@', '+', 'b.co', '\r\n', ' ', '<', '>', ',', '"', '\0', '\u202e', 'ü', '%', '\\'),
        {
          maxLength: 12,
        },
      )
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.oneof(near, fc.string({ unit: 'grapheme' }), fc.emailAddress()), (text) => {
        const parsed = parseAddress(text);
        if (parsed === null) return;
        expect(parsed.address).toMatch(/^[!-?A-~]+@[a-z0-9.-]+$/);
        expect(parsed.address).not.toMatch(/[\s<>,;:"\\()[\]]/);
        expect(parseAddress(parsed.address)).toEqual(parsed);
      }),
    );
  });

  test('is masked, and has one mailbox whatever follows a plus sign', () => {
    expect(maskedAddress('ana@example.com')).toBe('a…@example.com');
    expect(mailboxOf({ key: 'ana+1@example.com' })).toBe('ana@example.com');
    expect(mailboxOf({ key: '+1@example.com' })).toBe('+1@example.com');
  });
});

describe('a name', () => {
  test('becomes one line that turns no text around it', () => {
    expect(oneLine('Acme\r\nBcc: a@b.example')).toBe('Acme Bcc: a@b.example');
    expect(oneLine('Acme \u202Eevil\u202C \u2066x\u2069\u200F')).toBe('Acme evil x');
    expect(Array.from(oneLine('😀'.repeat(200)))).toHaveLength(80);
    expect(oneLine('\ud800 half')).toBe('\ufffd half');
  });

  test('says nothing to strangers that a mail program makes a link of', () => {
    expect(nameForStrangers('Win at https://evil.example/now or evil.example, a@b.example')).toBe(
      'Win at https evil example now or evil example, a b example',
    );
    expect(nameForStrangers('Müller & Söhne (Köln), 東京')).toBe('Müller & Söhne (Köln), 東京');
  });

  test('is text where HTML shows it', () => {
    expect(escapeHtml(`<img src=x onerror='a'>&"`)).toBe('&#60;img src=x onerror=&#39;a&#39;&#62;&#38;&#34;');
  });
});
