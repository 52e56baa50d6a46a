/** Addresses that webhooks may be sent to: those of the public internet, and this machine where it is allowed. */
import { BlockList, isIP } from 'node:net';

/**
 * The special-purpose ranges of IPv4 (IANA registry, RFC 6890 and its successors), and the one address of a cloud's
 * metadata service that lies in public space.
 */
const SPECIAL_IPV4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8], // this network; many systems take 0.0.0.0 for themselves
  ['10.0.0.0', 8], // private
  ['100.64.0.0', 10], // carrier-grade NAT, and one cloud's metadata
  ['127.0.0.0', 8], // loopback
  ['168.63.129.16', 32], // Azure's metadata and DNS
  ['169.254.0.0', 16], // link-local, and most clouds' metadata
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // protocol assignments, and one cloud's metadata
  ['192.0.2.0', 24], // documentation
  ['192.31.196.0', 24], // AS112
  ['192.52.193.0', 24], // AMT
  ['192.88.99.0', 24], // 6to4 relays, deprecated
  ['192.168.0.0', 16], // private
  ['192.175.48.0', 24], // AS112
  ['198.18.0.0', 15], // benchmarking
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, and broadcast
];

/**
 * Global unicast alone is public in IPv6, so that everything else is refused without being named: loopback, `::`, mapped
 * and compatible IPv4, NAT64 (64:ff9b::/96 and 64:ff9b:1::/48), unique local, link-local, site-local, multicast, discard.
 */
const GLOBAL_UNICAST_IPV6 = ['2000::', 3] as const;

/** Special ranges within global unicast. */
const SPECIAL_IPV6: readonly (readonly [string, number])[] = [
  ['2001::', 23], // protocol assignments: Teredo, benchmarking, ORCHID
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4: an IPv4 address of any range in disguise
  ['2620:4f:8000::', 48], // AS112
  ['3fff::', 20], // documentation
];

const special = new BlockList();
for (const [net, prefix] of SPECIAL_IPV4) special.addSubnet(net, prefix, 'ipv4');
for (const [net, prefix] of SPECIAL_IPV6) special.addSubnet(net, prefix, 'ipv6');

const globalUnicast = new BlockList();
globalUnicast.addSubnet(...GLOBAL_UNICAST_IPV6, 'ipv6');

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** True for a public unicast address. Anything that is no plain address, such as one with a zone, is not. */
export function isPublicAddress(address: string): boolean {
  if (isPlain(address, 4)) return !special.check(address, 'ipv4');
  return isPlain(address, 6) && globalUnicast.check(address, 'ipv6') && !special.check(address, 'ipv6');
}

/** True for 127.0.0.0/8 and ::1, in their plain forms. */
export function isLoopbackAddress(address: string): boolean {
  if (isPlain(address, 4)) return loopback.check(address, 'ipv4');
  // A mapped form would match the range of IPv4; it is none of ours.
  return isPlain(address, 6) && !/:ffff:/i.test(address) && loopback.check(address, 'ipv6');
}

function isPlain(address: string, family: 4 | 6): boolean {
  return isIP(address) === family && !address.includes('%');
}
