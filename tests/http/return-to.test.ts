import fc from 'fast-check';
import { returnPathOf } from '../../src/http/return-to.ts';

const SITE = 'https://till.example';

test.each([
  ['/', '/'],
  ['/usage', '/usage'],
  ['/usage?from=2026-01-01&model=a%2Fb#top', '/usage?from=2026-01-01&model=a%2Fb#top'],
  ['/organizations/acme%20inc/members', '/organizations/acme%20inc/members'],
  ['/a/../b', '/b'],
  ['/é', '/%C3%A9'],
  ['/usage?then=https://evil.example', '/usage?then=https://evil.example'],
])('%j leads to %j', (asked, path) => {
  expect(returnPathOf(asked)).toBe(path);
});

test.each([
  null,
  '',
  'usage',
  '//evil.example',
  '///evil.example',
  '/\\evil.example',
  '\\\\evil.example',
  '\\/evil.example',
  '/usage\\..\\..',
  '/.//evil.example',
  '/..//evil.example',
  '/a/..//evil.example',
  '/%2e//evil.example',
  '/%2Fevil.example',
  '/%2f%2fevil.example',
  '/%5Cevil.example',
  '/%255cevil.example',
  '/%25252fevil.example',
  '/%%32fevil.example',
  `/%${'25'.repeat(1_000)}2fevil.example`,
  '/\t/evil.example',
  '/\n/evil.example',
  '\t//evil.example',
  ' //evil.example',
  '/usage\r\nset-cookie: a=b',
  '/usage%0d%0aset-cookie:%20a=b',
  '/usage%00',
  '/usage%250a',
  'https://evil.example',
  'https:/evil.example',
  'https:evil.example',
  'http://portal.invalid/usage',
  'javascript:alert(1)',
  'JaVaScRiPt:alert(1)',
  'data:text/html,x',
  '@evil.example',
  ':443/',
  `/${'x'.repeat(2_048)}`,
  `/${'é'.repeat(1_000)}`,
])('%j leads nowhere but home', (asked) => {
  expect(returnPathOf(asked)).toBe('/');
});

test('whatever is asked leads to a path of this site, as browsers and proxies read it, and only to what a header can hold', () => {
  const piece = fc.constantFrom(
    ...[
      '/',
      '\\',
      '.',
      '..',
      '%2f',
      '%5C',
      '%252f',
      '%09',
      '%0a',
      '\t',
      '\n',
      '\r',
      '\0',
      ' ',
      '@',
      ':',
      '?',
      '#',
      '/./',
    ],
    ...['//', 'evil.example', 'https:', 'javascript:', 'usage', '%', '%2', '%32', '25', 'f', '／', '\u2028', '\ud800'],
  );
  const hostile = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
  const asked = fc.oneof(
    hostile,
    hostile.map((text) => `/${text}`),
    fc.string({ unit: 'binary' }),
    fc.webUrl(),
  );
  fc.assert(
    fc.property(asked, (text) => {
      const path = returnPathOf(text);
      expect(path).toMatch(/^\/(?![/\\])[\u0021-\u007e]*$/);
      expect(path.slice(0, path.search(/[?#]|$/))).not.toMatch(/\\/);
      expect(new URL(path, SITE).origin).toBe(SITE);
      let decoded = path.slice(0, path.search(/[?#]|$/));
      for (let round = 0; round < 4; round += 1) {
        expect(decoded).not.toMatch(/^\/[/\\]/);
        // oxlint-disable-next-line no-control-regex
        expect(decoded).not.toMatch(/[\u0000-\u001f\u007f]/);
        decoded = decoded.replaceAll(/%([\da-f]{2})/gi, (_, hex: string) =>
          String.fromCharCode(Number.parseInt(hex, 16)),
        );
      }
      expect(returnPathOf(path)).toBe(path);
    }),
    { numRuns: 3_000 },
  );
});
