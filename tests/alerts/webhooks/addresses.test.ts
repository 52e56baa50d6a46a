import fc from 'fast-check';
import { isLoopbackAddress, isPublicAddress } from '../../../src/alerts/webhooks/addresses.ts';

/** First and last address of ranges that nobody's webhooks may go to. */
const SPECIAL: readonly (readonly [string, string, string])[] = [
  ['this network', '0.0.0.0', '0.255.255.255'],
  ['private', '10.0.0.0', '10.255.255.255'],
  ['carrier-grade NAT', '100.64.0.0', '100.127.255.255'],
  ['loopback', '127.0.0.0', '127.255.255.255'],
  ['link-local', '169.254.0.0', '169.254.255.255'],
  ['private', '172.16.0.0', '172.31.255.255'],
  ['protocol assignments', '192.0.0.0', '192.0.0.255'],
  ['documentation', '192.0.2.0', '192.0.2.255'],
  ['6to4 relays', '192.88.99.0', '192.88.99.255'],
  ['private', '192.168.0.0', '192.168.255.255'],
  ['benchmarking', '198.18.0.0', '198.19.255.255'],
  ['documentation', '198.51.100.0', '198.51.100.255'],
  ['documentation', '203.0.113.0', '203.0.113.255'],
  ['multicast', '224.0.0.0', '239.255.255.255'],
  ['reserved and broadcast', '240.0.0.0', '255.255.255.255'],
  ['unspecified', '::', '::'],
  ['loopback', '::1', '::1'],
  ['IPv4-compatible', '::1.2.3.4', '::255.255.255.255'],
  ['IPv4-mapped', '::ffff:0.0.0.0', '::ffff:255.255.255.255'],
  ['IPv4-translated', '::ffff:0:0.0.0.0', '::ffff:0:255.255.255.255'],
  ['NAT64', '64:ff9b::', '64:ff9b::255.255.255.255'],
  ['local NAT64', '64:ff9b:1::', '64:ff9b:1:ffff:ffff:ffff:ffff:ffff'],
  ['discard', '100::', '100::ffff:ffff:ffff:ffff'],
  ['Teredo and other protocols', '2001::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['documentation', '2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['6to4', '2002::', '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['documentation', '3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['segment routing', '5f00::', '5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['unique local', 'fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['link-local', 'fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['site-local', 'fec0::', 'feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['multicast', 'ff00::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
];

/** Metadata services of clouds, in every form in which an IPv4 address can be dressed. */
const METADATA = ['169.254.169.254', '100.100.100.200', '192.0.0.192', '168.63.129.16'];

const PUBLIC = ['1.1.1.1', '8.8.8.8', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255'];
const MORE_PUBLIC = ['128.0.0.0', '172.15.255.255', '172.32.0.0', '192.167.255.255', '192.169.0.0', '223.255.255.255'];
const PUBLIC_IPV6 = [
  '2606:4700:4700::1111',
  '2001:4860:4860::8888',
  '2000::1',
  '2a00::1',
  '3ffe:ffff::1',
  '2001:200::',
];

function valueOf(address: string): bigint {
  if (!address.includes(':')) return address.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  const plain =
    dotted === null
      ? address
      : `${dotted[1]}${hex(valueOf(dotted[2] as string) >> 16n)}:${hex(valueOf(dotted[2] as string) & 0xffffn)}`;
  const [head = '', tail] = plain.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const zeros = Array.from({ length: tail === undefined ? 0 : 8 - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after].reduce((sum, group) => (sum << 16n) + BigInt(`0x${group}`), 0n);
}

const hex = (value: bigint): string => value.toString(16);

function textOf(value: bigint, isIpv6: boolean): string {
  if (!isIpv6) return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.');
  return Array.from({ length: 8 }, (_, index) => hex((value >> BigInt(112 - 16 * index)) & 0xffffn)).join(':');
}

describe.each(SPECIAL)('%s, from %s to %s,', (_what, first, last) => {
  it('is not public at its ends, nor anywhere between', () => {
    const isIpv6 = first.includes(':');
    expect([first, last].map(isPublicAddress)).toEqual([false, false]);
    const between = fc.bigInt({ min: valueOf(first), max: valueOf(last) });
    fc.assert(fc.property(between, (value) => !isPublicAddress(textOf(value, isIpv6))));
  });
});

it('clouds’ metadata is not public, as it is or in a disguise', () => {
  for (const address of METADATA) {
    const [high, low] = [hex(valueOf(address) >> 16n), hex(valueOf(address) & 0xffffn)];
    const forms = [address, `::${address}`, `::ffff:${address}`, `::ffff:${high}:${low}`, `64:ff9b::${address}`];
    const more = [`2002:${high}:${low}::1`, `64:ff9b:1::${high}:${low}`, `2001:0:${high}:${low}::1`];
    for (const form of [...forms, ...more]) {
      expect({ form, isPublic: isPublicAddress(form) }).toEqual({ form, isPublic: false });
    }
  }
});

it('public addresses are, right up to the special ones', () => {
  for (const address of [...PUBLIC, ...MORE_PUBLIC, ...PUBLIC_IPV6]) {
    expect({ address, isPublic: isPublicAddress(address) }).toEqual({ address, isPublic: true });
  }
});

it('nothing but a plain address is public', () => {
  const others = ['', 'localhost', 'example.com', '1.1.1', '1', '0x1.1.1.1', '01.1.1.1', '1.1.1.1 ', '[2606::1]'];
  for (const text of [...others, '2606:4700::1%eth0', 'fe80::1%1', '1.1.1.1:80']) {
    expect({ text, isPublic: isPublicAddress(text) }).toEqual({ text, isPublic: false });
  }
});

it('loopback is 127.0.0.0/8 and ::1, and neither 0.0.0.0 nor a disguise', () => {
  for (const address of ['127.0.0.1', '127.255.255.254', '::1', '0:0:0:0:0:0:0:1']) {
    expect(isLoopbackAddress(address)).toBe(true);
  }
  const others = [
    '0.0.0.0',
    '::',
    '128.0.0.1',
    '10.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::127.0.0.1',
    'localhost',
  ];
  for (const address of others) expect({ address, is: isLoopbackAddress(address) }).toEqual({ address, is: false });
});
