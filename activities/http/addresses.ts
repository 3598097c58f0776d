// Which addresses a tool's request may reach: the public ones, and of the others those that its author listed.
import { BlockList, isIP } from 'node:net';

/** `true` for private and loopback ones; a list of addresses and ranges (`10.1.0.0/16`) for exactly those, of whatever kind. */
export type AllowPrivate = boolean | readonly string[];

/** @returns what kind of address it is that may not be reached; undefined for one that may */
export type AddressJudge = (address: string) => string | undefined;

/** The first kind that fits counts: an address of a cloud's metadata service lies in one of the ranges below it. */
const KINDS: readonly [kind: string, ranges: readonly string[]][] = [
  // Whoever reaches these has the machine's own credentials. Azure's looks like any public address.
  [
    'metadata',
    [
      '169.254.169.254',
      '169.254.170.2',
      '168.63.129.16',
      '100.100.100.200',
      '192.0.0.192',
      'fd00:ec2::254',
      'fd20:ce::254',
    ],
  ],
  ['link-local', ['169.254.0.0/16', 'fe80::/10']],
  ['loopback', ['127.0.0.0/8', '::1']],
  ['private', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7', 'fec0::/10']],
  // Of no host, of documentation, of tests; and those that hold another address inside, which would be reached unseen.
  [
    'reserved',
    [
      ...['0.0.0.0/8', '192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '198.18.0.0/15', '198.51.100.0/24'],
      ...['203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4', '::/96', '64:ff9b::/96', '64:ff9b:1::/48', '100::/64'],
      ...['2001::/23', '2001:db8::/32', '2002::/16', 'ff00::/8'],
    ],
  ],
];
const ALLOWED_BY_TRUE = ['loopback', 'private'];

const kinds = KINDS.map(([kind, ranges]) => ({ kind, list: listOf(ranges) }));

/** @throws Error naming what of the list is no address and no range */
export function addressJudge(allow: AllowPrivate): AddressJudge {
  const listed = typeof allow === 'boolean' ? undefined : listOf(allow);
  return (written) => {
    // A link-local address may name its interface.
    const address = written.replace(/%.*$/, '');
    const version = isIP(address);
    if (version === 0) return 'unknown';
    const has = (list: BlockList): boolean => list.check(address, version === 6 ? 'ipv6' : 'ipv4');
    if (listed && has(listed)) return undefined;
    const kind = kinds.find(({ list }) => has(list))?.kind;
    return allow === true && kind !== undefined && ALLOWED_BY_TRUE.includes(kind) ? undefined : kind;
  };
}

function listOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', bits, ...more] = range.split('/');
    const version = isIP(address);
    const family = version === 6 ? 'ipv6' : 'ipv4';
    const most = version === 6 ? 128 : 32;
    const length = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
    if (version === 0 || more.length > 0 || !(length <= most))
      throw new Error(`"${range}" is no address and no range such as 10.1.0.0/16.`);
    list.addSubnet(address, length, family);
  }
  return list;
}
