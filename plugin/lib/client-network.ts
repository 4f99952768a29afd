import { isIP } from 'node:net';

const IPV6_BITS = 128;
const GROUP_BITS = 16;

/** How many leading bits of an IPv6 address one client has, unless an operator says otherwise: RFC 6177's least for a site. */
export const DEFAULT_IPV6_PREFIX_BITS = 64;

/**
 * The client that an address belongs to. An IPv4 address is itself, also where it is mapped into IPv6 (RFC 4291
 * §2.5.5.2) or translated (RFC 6052 §2.1). Any other IPv6 address stands for the network of so many leading bits, since
 * a client has a whole network of them. A text that is no address is left as it is.
 */
export function clientNetwork(address: string, ipv6PrefixBits: number): string {
  const [plain = ''] = address.split('%');
  if (isIP(plain) !== 6) return address;
  const groups = groupsOf(plain);
  const ipv4 = embeddedIpv4(groups);
  if (ipv4 !== undefined) return ipv4;
  const kept = groups.map((group, index) => group & maskOf(ipv6PrefixBits - index * GROUP_BITS));
  const text = kept.map((group) => group.toString(16)).join(':');
  return ipv6PrefixBits === IPV6_BITS ? text : `${text}/${ipv6PrefixBits}`;
}

/** The eight groups of an IPv6 address, which may end in an IPv4 one. */
function groupsOf(address: string): number[] {
  const hex = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...bytes: string[]) => {
    const [a, b, c, d] = bytes.map(Number) as [number, number, number, number];
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [head = '', tail] = hex.split('::');
  const first = numbers(head);
  const last = numbers(tail ?? '');
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
}

function numbers(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}

function maskOf(bits: number): number {
  const kept = Math.min(Math.max(bits, 0), GROUP_BITS);
  return (0xffff << (GROUP_BITS - kept)) & 0xffff;
}

const MAPPED = [0, 0, 0, 0, 0, 0xffff];
const TRANSLATED = [0x64, 0xff9b, 0, 0, 0, 0];

function embeddedIpv4(groups: readonly number[]): string | undefined {
  const embeds = [MAPPED, TRANSLATED].some((prefix) =>
    prefix.every((group, index) => groups[index] === group),
  );
  if (!embeds) return undefined;
  return groups
    .slice(6)
    .flatMap((group) => [group >> 8, group & 0xff])
    .join('.');
}
