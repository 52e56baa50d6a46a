import { checkEndpointUrl, isSameUrl, mayConnect } from '../../../src/alerts/webhooks/endpoint-url.ts';

const codeOf = (text: string, allowLoopback: boolean): string => {
  try {
    checkEndpointUrl(text, { allowLoopback });
    return 'allowed';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

it.each([
  'https://example.com',
  'https://example.com/hooks?token=a%20b&x=1',
  'https://EXAMPLE.com:443/',
  'https://example.com:8443/',
  'https://example.com:1024/',
  'https://example.com:65535/',
  'https://xn--bcher-kva.example/',
  'https://bücher.example/',
  'https://example.com./',
  'https://1.1.1.1/',
  'https://[2606:4700:4700::1111]/',
  `https://example.com/${'a'.repeat(2028)}`,
])('%s may be an endpoint', (text) => {
  expect([codeOf(text, false), codeOf(text, true)]).toEqual(['allowed', 'allowed']);
});

it.each([
  ['nothing', ''],
  ['no URL', 'example.com/hook'],
  ['a path', '/hook'],
  ['plain http', 'http://example.com/'],
  ['another scheme', 'ftp://example.com/'],
  ['a file', 'file:///etc/passwd'],
  ['a script', 'javascript:alert(1)'],
  ['a socket', 'wss://example.com/'],
  ['a user name', 'https://ann@example.com/'],
  ['a password', 'https://:secret@example.com/'],
  ['both', 'https://ann:secret@example.com/'],
  ['a fragment', 'https://example.com/#top'],
  ['an empty fragment', 'https://example.com/#'],
  ['too many characters', `https://example.com/${'a'.repeat(2029)}`],
  ['too many once it is encoded', `https://example.com/${'ü'.repeat(1000)}`],
  ['white space before', ' https://example.com/'],
  ['white space behind', 'https://example.com/ '],
  ['a line break within', 'https://exam\nple.com/'],
  ['a NUL', 'https://example.com/\0'],
  ['half a surrogate pair', 'https://example.com/\ud800'],
  ['backslashes', 'https:\\\\example.com\\'],
  ['port 0', 'https://example.com:0/'],
  ['mail’s port', 'https://example.com:25/'],
  ['http’s port', 'https://example.com:80/'],
  ['the last low port', 'https://example.com:1023/'],
  ['a port too high', 'https://example.com:65536/'],
  ['no host', 'https:///hook'],
  ['a name without a dot', 'https://intranet/'],
  ['a private name', 'https://printer.local/'],
  ['a private name, dotted', 'https://metadata.google.internal./'],
  ['a private name, dotted twice', 'https://metadata.google.internal../'],
  ['a name with an empty label', 'https://a..example.com/'],
  ['a private address', 'https://10.0.0.1/'],
  ['a private address in decimal', 'https://167772161/'],
  ['one in octal', 'https://012.0.0.1/'],
  ['one in hexadecimal', 'https://0xa.0x0.0x0.0x1/'],
  ['one with too few parts', 'https://10.1/'],
  ['one with a dot at its end', 'https://10.0.0.1./'],
  ['one in wide digits', 'https://１０.0.0.1/'],
  ['one behind an encoded dot', 'https://10%2e0.0.1/'],
  ['another one', 'https://192.168.1.1/'],
  ['carrier-grade NAT', 'https://100.64.0.1/'],
  ['metadata', 'https://169.254.169.254/latest/meta-data/'],
  ['0.0.0.0', 'https://0.0.0.0/'],
  ['unique local', 'https://[fd00:ec2::254]/'],
  ['link-local', 'https://[fe80::1]/'],
  ['unspecified', 'https://[::]/'],
  ['mapped IPv4', 'https://[::ffff:127.0.0.1]/'],
  ['mapped private IPv4', 'https://[::ffff:10.0.0.1]/'],
  ['NAT64', 'https://[64:ff9b::10.0.0.1]/'],
  ['6to4', 'https://[2002:7f00:1::]/'],
  ['multicast', 'https://224.0.0.1/'],
])('%s may not, wherever: %s', (_what, text) => {
  expect([codeOf(text, false), codeOf(text, true)]).toEqual(['BAD_USER_INPUT', 'BAD_USER_INPUT']);
});

it.each([
  'http://localhost:3000/hook',
  'http://127.0.0.1/',
  'https://127.0.0.1:22/',
  'http://[::1]:8080/',
  'https://hooks.localhost/',
  'http://2130706433/',
  'http://0x7f.1/',
  'http://0177.0.0.1/',
])('%s may only where this machine is allowed', (text) => {
  expect([codeOf(text, false), codeOf(text, true)]).toEqual(['BAD_USER_INPUT', 'allowed']);
});

it('the same address is the same, however it is spelled', () => {
  expect(isSameUrl('https://example.com', 'https://EXAMPLE.com:443/')).toBe(true);
  expect(isSameUrl('https://example.com/a', 'https://example.com/A')).toBe(false);
  expect(isSameUrl('https://example.com/?a=1', 'https://example.com/?a=2')).toBe(false);
});

it('plain http goes to this machine alone, whatever its name leads to', () => {
  const may = (url: string, address: string, allowLoopback = true): boolean =>
    mayConnect(address, new URL(url), { allowLoopback });
  expect([may('http://localhost/', '127.0.0.1'), may('http://localhost/', '1.1.1.1')]).toEqual([true, false]);
  expect([may('https://example.com/', '1.1.1.1'), may('https://example.com/', '10.0.0.1')]).toEqual([true, false]);
  expect(may('https://example.com/', '127.0.0.1', false)).toBe(false);
});
